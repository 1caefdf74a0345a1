"""A directory of nkey seeds, one file per role, and the keys of the observer and the guards that run here: readable by their
owner alone, never shown, never replaced by accident."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import nkeys  # type: ignore[import-untyped]  # It has no stubs.

from jurymast.credentials import public_key
from jurymast.crypto.address import checksummed, parse_address
from jurymast.crypto.secp256k1 import KEY_BYTES, SigningKey
from jurymast.errors import Misconfigured
from jurymast.permissions import MEMBERS, member_role

PRIVATE_DIRECTORY, PRIVATE_FILE = 0o700, 0o600
ANYBODY_ELSE, STRANGERS = 0o077, 0o007
"""A seed may be lent to a group, such as that of a container."""


class KeyDirectory:
    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def key(self, service: str, number: int = 1) -> Path:
        """By which a member of this service signs. The first one of it comes in as the service itself."""
        return self.path / f"{MEMBERS[service]}{f'-{number}' if number > 1 else ''}.key"

    def file(self, role: str) -> Path:
        return self.path / f"{role}.seed"

    def make(self, roles: Sequence[str], *, force: bool = False) -> list[str]:
        """Make what is missing, or with `force` all anew; returns for which roles."""
        with self._private():
            wanted = [role for role in roles if force or not self.file(role).exists()]
            for role in wanted:
                self._write(self.file(role), nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_USER))
        return wanted

    def members(self, service: str, more: Iterable[str] = (), *, here: int = 1) -> tuple[str, ...]:
        """The addresses of those that run here, whose keys are made if there are none; then those that have a seed here, and
        more. A key is never made anew: its address stands in policies, or in contracts."""
        numbers = range(1, here + 1)
        with self._private():
            for path in (self.key(service, number) for number in numbers):
                if not path.exists():
                    self._write(path, secrets.token_hex(KEY_BYTES).encode())
        prefix, what = member_role(service, ""), MEMBERS[service]
        known = sorted(path.stem.removeprefix(prefix) for path in self.path.glob(f"{prefix}0x*.seed"))
        own = [self.address(service, number) for number in numbers]
        return tuple(dict.fromkeys([*own, *(_checked(what, address) for address in (*known, *more))]))

    def address(self, service: str, number: int = 1) -> str:
        path = self.key(service, number)
        try:
            text = path.read_text(encoding="ascii").strip()
            address = SigningKey(bytes.fromhex(text.removeprefix("0x"))).address
        except OSError as error:
            raise Misconfigured(f"cannot read the key {path}: {error.strerror}") from None
        except ValueError:  # Its text could hold part of the key.
            raise Misconfigured(f"{path} is not a secp256k1 key: 32 bytes in hexadecimal") from None
        _keep_from_strangers(path)
        return checksummed(address)

    def public_key(self, role: str) -> str:
        seed = read_seed(self.file(role))
        _keep_from_strangers(self.file(role))
        return public_key(seed)

    def public_keys(self, roles: Sequence[str]) -> dict[str, str]:
        return {role: self.public_key(role) for role in roles}

    def roles(self) -> list[str]:
        """Those that have a seed here."""
        return sorted(path.stem for path in self.path.glob("*.seed"))

    @contextmanager
    def _private(self) -> Iterator[None]:
        """The directory, made if there is none."""
        try:
            self.path.mkdir(PRIVATE_DIRECTORY, parents=True, exist_ok=True)
            if self.path.stat().st_mode & ANYBODY_ELSE:
                raise Misconfigured(f"{self.path} is open to others: chmod 700 it, or keep the keys elsewhere")
            yield
        except OSError as error:
            raise Misconfigured(f"cannot keep keys in {self.path}: {error.strerror}") from None

    def _write(self, path: Path, secret: bytes) -> None:
        """The whole file or none: half a seed would be kept for ever as if it were one."""
        temporary = self.path / f".{path.name}.{secrets.token_hex(4)}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(secret + b"\n")
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise


def _keep_from_strangers(path: Path) -> None:
    if path.stat().st_mode & STRANGERS:
        raise Misconfigured(f"{path} is open to others: chmod 600 it, or make new keys with --force")


def _checked(what: str, address: str) -> str:
    """Two ways to write one member would be two roles."""
    try:
        if checksummed(parse_address(address)) == address:
            return address
    except ValueError as error:
        raise Misconfigured(f"{what} {error}") from None
    raise Misconfigured(f"{what} {address}: write it with its EIP-55 checksum, {checksummed(parse_address(address))}")


def read_seed(path: Path) -> str:
    """A valid seed, wherever it is kept."""
    try:
        seed = path.read_text(encoding="ascii").strip()
        public_key(seed)
    except UnicodeDecodeError:
        raise Misconfigured(f"{path} is not a seed: it is not even text") from None
    except OSError as error:
        raise Misconfigured(f"cannot read the seed {path}: {error.strerror}") from None
    except Misconfigured as error:
        raise Misconfigured(f"{path}: {error}") from None
    return seed
