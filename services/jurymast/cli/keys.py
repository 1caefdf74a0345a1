"""A directory of nkey seeds, one file per role: readable by their owner alone, never shown, never replaced by accident."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

import nkeys  # type: ignore[import-untyped]  # It has no stubs.

from jurymast.credentials import public_key
from jurymast.errors import Misconfigured

PRIVATE_DIRECTORY, PRIVATE_FILE = 0o700, 0o600
ANYBODY_ELSE, STRANGERS = 0o077, 0o007
"""A seed may be lent to a group, such as that of a container."""


class KeyDirectory:
    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def file(self, role: str) -> Path:
        return self.path / f"{role}.seed"

    def make(self, roles: Sequence[str], *, force: bool = False) -> list[str]:
        """Make what is missing, or with `force` all anew; returns for which roles."""
        try:
            self.path.mkdir(PRIVATE_DIRECTORY, parents=True, exist_ok=True)
            if self.path.stat().st_mode & ANYBODY_ELSE:
                raise Misconfigured(f"{self.path} is open to others: chmod 700 it, or keep the keys elsewhere")
            wanted = [role for role in roles if force or not self.file(role).exists()]
            for role in wanted:
                self._write(role)
        except OSError as error:
            raise Misconfigured(f"cannot keep keys in {self.path}: {error.strerror}") from None
        return wanted

    def public_key(self, role: str) -> str:
        seed = read_seed(self.file(role))
        if self.file(role).stat().st_mode & STRANGERS:
            raise Misconfigured(f"{self.file(role)} is open to others: chmod 600 it, or make new keys with --force")
        return public_key(seed)

    def public_keys(self, roles: Sequence[str]) -> dict[str, str]:
        return {role: self.public_key(role) for role in roles}

    def roles(self) -> list[str]:
        """Those that have a seed here."""
        return sorted(path.stem for path in self.path.glob("*.seed"))

    def _write(self, role: str) -> None:
        """The whole file or none: half a seed would be kept for ever as if it were one."""
        temporary = self.path / f".{role}.{secrets.token_hex(4)}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_USER) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.file(role))
        except OSError:
            temporary.unlink(missing_ok=True)
            raise


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
