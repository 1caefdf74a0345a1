from __future__ import annotations

from jurymast.settings import Secret, Settings


class EchoSettings(Settings, frozen=True, kw_only=True):
    database: str = ""
    """Path of the SQLite file; in memory when empty."""
    token: Secret = Secret("")
    refuses: bool = True
    """Whether the act "refuse" is obeyed."""
    slow_s: float = 2.5
    """How long the act "slow" takes."""
