"""How a process proves to NATS who it is, and how it knows that it talks to NATS. Nothing here ever shows a seed."""

from __future__ import annotations

import re
import ssl
from typing import NamedTuple

import nkeys  # type: ignore[import-untyped]  # It has no stubs.

from jurymast.errors import Misconfigured, explain

_SEED = re.compile(r"SU[A-Z2-7]{56}")
_AUTHORIZATION = "authorization violation"
_VIOLATION = re.compile(r'permissions violation for (?P<what>publish|subscription) to "(?P<subject>[^"]+)"', re.IGNORECASE)


class Violation(NamedTuple):
    subject: str
    """In lower case, as the client tells it."""
    listening: bool
    """It was to be heard, not published on."""


def public_key(seed: str) -> str:
    """Of a user's seed; `Misconfigured` for anything else."""
    if not _SEED.fullmatch(seed):
        raise Misconfigured(f"not an nkey seed of a user (58 letters and digits that begin with SU), but {len(seed)} characters")
    try:
        prefix, raw = nkeys.decode_seed(bytearray(seed.encode()))
        intact = nkeys.encode_seed(bytes(raw), prefix).decode() == seed
    except (nkeys.NkeysError, ValueError):
        intact = False
    if not intact:  # The library leaves the checksum alone; the server would only say that it does not know the key.
        raise Misconfigured("an nkey seed with a wrong checksum: it was cut or mistyped")
    key: bytes = nkeys.from_seed(bytearray(seed.encode())).public_key
    return key.decode()


def tls_context(urls: str, ca: str) -> ssl.SSLContext | None:
    """For a URL with tls://, or when a CA is given; then there is no talking without TLS."""
    if not ca and "tls://" not in urls:
        return None
    try:
        return ssl.create_default_context(cafile=ca or None)
    except OSError as error:
        raise Misconfigured(f"JURYMAST_NATS_CA: cannot read certificates from {ca}: {error.strerror or explain(error)}") from None


def refusal(error: BaseException, *, has_seed: bool) -> str:
    """Why connecting again would not help: the server does not take us, or we do not take the server. Empty if it may."""
    if _AUTHORIZATION in explain(error).lower():
        remedy = "set JURYMAST_NATS_SEED_FILE to what `jurymast keys init` made together with its nats.conf"
        if has_seed:
            return f"NATS does not know the key that JURYMAST_NATS_SEED stands for: {remedy}"
        return f"NATS asks for a key, and there is none: {remedy}, or user and password in JURYMAST_NATS_URL to what it knows"
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message or explain(error)
        return f"the certificate of NATS is not trusted ({why}): set JURYMAST_NATS_CA to the file of its CA"
    if isinstance(error, ssl.SSLError) and "WRONG_VERSION_NUMBER" in str(error):
        return "NATS does not speak TLS there: use nats:// and no JURYMAST_NATS_CA, or give the server a certificate"
    return ""


def violation(error: BaseException) -> Violation | None:
    """What the server does not let us do, if this is about that."""
    match = _VIOLATION.search(explain(error))
    return Violation(match["subject"].lower(), listening=match["what"].lower() == "subscription") if match else None
