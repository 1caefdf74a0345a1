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
OTHERS = 0o077


class KeyDirectory:
    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def file(self, role: str) -> Path:
        return self.path / f"{role}.seed"

    def make(self, roles: Sequence[str], *, force: bool = False) -> list[str]:
        """Make what is missing, or with `force` all anew; returns for which roles."""
        try:
            if not self.path.exists():
                self.path.mkdir(PRIVATE_DIRECTORY, parents=True)
            self._check_private(self.path, "700")
            wanted = [role for role in roles if force or not self.file(role).exists()]
            for role in wanted:
                self._write(role)
        except OSError as error:
            raise Misconfigured(f"cannot keep keys in {self.path}: {error.strerror}") from None
        return wanted

    def seed(self, role: str) -> str:
        path = self.file(role)
        try:
            self._check_private(path, "600")
            return path.read_text(encoding="ascii").strip()
        except UnicodeDecodeError:
            raise Misconfigured(f"{path} is not a seed") from None
        except OSError as error:
            raise Misconfigured(f"cannot read {path}: {error.strerror}") from None

    def public_key(self, role: str) -> str:
        try:
            return public_key(self.seed(role))
        except Misconfigured as error:
            raise Misconfigured(f"{self.file(role)}: {error}") from None

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

    @staticmethod
    def _check_private(path: Path, mode: str) -> None:
        if path.stat().st_mode & OTHERS:
            raise Misconfigured(f"{path} is open to others: chmod {mode} {path}, or choose another place")
