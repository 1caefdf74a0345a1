"""Whole copies of a file that its process writes in place: killed while it writes, it finds half a file at its next start."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

TAIL_BYTES = 64


def remember(path: Path, end: bytes) -> bool:
    """Copy it if it is whole, which is when it ends like this; whether it was."""
    try:
        before = path.stat()
        data = path.read_bytes()
        after = path.stat()
    except FileNotFoundError:
        return False
    if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, len(data)) or not _ends(data, end):
        return False  # It is being written just now.
    temporary = _copy(path).with_suffix(".tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(_copy(path))
    except OSError:  # A full disk: the last copy is still there.
        with suppress(OSError):
            temporary.unlink()
        return False
    return True


def restore(path: Path, end: bytes) -> bool:
    """Put the copy in its place if it is not whole; whether that was so."""
    if not path.exists() or _whole(path, end):
        return False
    if _copy(path).exists():
        _copy(path).replace(path)
    else:
        path.unlink()  # It was never whole: there is nothing to go on with.
    return True


def _whole(path: Path, end: bytes) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES), os.SEEK_SET)
        return _ends(file.read(), end)


def _ends(data: bytes, end: bytes) -> bool:
    return data.rstrip().endswith(end)


def _copy(path: Path) -> Path:
    return path.with_name(f"{path.name}.whole")
