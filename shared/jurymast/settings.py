"""Settings: one frozen object per service, read once from the environment, wrong in one clear error or right.

Field `nats_url` is read from `JURYMAST_NATS_URL`, or from the file that `JURYMAST_NATS_URL_FILE` names (for secrets).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from jurymast.errors import Misconfigured

PREFIX = "JURYMAST_"

# From the scheme, or the beginning, to the last @ before the next scheme: a password may hold any character, a comma included.
_CREDENTIALS = re.compile(r"(?:(?<=://)|^(?=[^@]*:)(?![\w+.-]+://))(?:(?!,[\w+.-]+://)\S)*@")

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]


class Secret(str):
    """A string that does not show itself by accident."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(***)"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every service's settings: what the frame itself needs."""

    nats_url: str = "nats://127.0.0.1:4222"
    """Comma-separated for a cluster; tls:// for a server with a certificate."""
    nats_seed: Secret = Secret("")
    """The nkey seed of this service, where the server asks for one."""
    nats_ca: str = ""
    """File with the certificate of the CA that NATS's certificate is from; the system's own when empty."""
    http_host: str = "127.0.0.1"
    http_port: Port = 0
    """For the health endpoints; 0 takes a free one."""
    log_level: str = "info"
    drain_s: Annotated[float, msgspec.Meta(gt=0, le=300)] = 10.0
    """How long running handlers may take to finish after SIGTERM."""
    otlp_endpoint: str = ""
    """OpenTelemetry collector (HTTP); traces are only exported when it is set."""


S = TypeVar("S", bound=Settings)


def load(cls: type[S], environ: Mapping[str, str]) -> S:
    """The settings, or `Misconfigured` naming every variable that is wrong."""
    values: dict[str, Any] = {}
    problems: list[str] = []
    for field in msgspec.structs.fields(cls):
        variable = PREFIX + field.name.upper()
        try:
            if (text := _text(variable, environ)) is not None:
                values[field.name] = _convert(text, field.type)
            elif field.required:
                problems.append(f"{variable} is not set (or {variable}_FILE, for a file that holds it)")
        except (OSError, ValueError) as error:
            problems.append(f"{variable}: {error}")
    if problems:
        raise Misconfigured("; ".join(problems))
    return cls(**values)


def redacted(settings: Settings) -> dict[str, Any]:
    """For logs and health pages: everything but the secrets, credentials inside URLs included."""
    return {
        name: "***" if isinstance(value, Secret) else without_credentials(value)
        for name, value in ((field, getattr(settings, field)) for field in settings.__struct_fields__)
    }


def _text(variable: str, environ: Mapping[str, str]) -> str | None:
    path = environ.get(f"{variable}_FILE")
    if path is None:
        return environ.get(variable)
    if variable in environ:
        raise ValueError(f"both {variable} and {variable}_FILE are set: keep one")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise ValueError(f"{variable}_FILE: {path} is not a text file") from None
    except OSError as error:
        raise OSError(f"cannot read {variable}_FILE {path}: {error.strerror}") from None


def _convert(text: str, kind: Any) -> Any:
    try:
        return msgspec.convert(text, kind, strict=False, dec_hook=lambda _, secret: Secret(secret))
    except msgspec.ValidationError as error:
        raise ValueError(f"{without_credentials(text)!r} will not do: {error}") from None


def without_credentials(value: Any) -> Any:
    return _CREDENTIALS.sub("", value) if isinstance(value, str) else value
