"""Log files of the mesh: follow them, read what each kind of process writes, and make one readable line of it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import msgspec

MAX_READ = 1 << 20
MAX_LINE = 64 << 10
LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "critical": "error"}


@dataclass(frozen=True, kw_only=True)
class Line:
    """One entry of any log. A line that no known writer would write keeps its text and has no time."""

    name: str
    message: str
    level: str = "info"
    time: datetime | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    error: str = ""


# -- reading -----------------------------------------------------------------------------------------------------------

_NATS = re.compile(r"\[\d+\] (\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d+) \[(\w{3})\] ?(.*)")
_NATS_LEVELS = {"TRC": "debug", "DBG": "debug", "INF": "info", "WRN": "warning", "ERR": "error", "FTL": "error"}
_NATS_BANNER = re.compile(r"[\s_|/\\<()-]*|\s*https://docs\.nats\.io.*")
_REDIS = re.compile(r"\d+:[A-Z] (\d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d+) ([.*#-]) (.*)")
_REDIS_LEVELS = {".": "debug", "-": "debug", "*": "info", "#": "warning"}
# Redis warns of these at every start and at every end. They are advice about the machine's kernel, and a farewell.
_REDIS_HARMLESS = ("WARNING Memory overcommit", "Redis is now ready to exit")


def parse(name: str, raw: str) -> Line | None:
    """One line of a log file; None if it says nothing."""
    if raw.startswith("{") and (line := _parse_json(name, raw)):
        return line
    if match := _NATS.fullmatch(raw):
        time, level, text = match.groups()
        if _NATS_BANNER.fullmatch(text):
            return None
        return Line(
            name=name, message=text.strip(), level=_NATS_LEVELS.get(level, "info"), time=_time(time, "%Y/%m/%d %H:%M:%S.%f")
        )
    if match := _REDIS.fullmatch(raw):
        time, sign, text = match.groups()
        level = "info" if text.startswith(_REDIS_HARMLESS) else _REDIS_LEVELS[sign]
        return Line(name=name, message=text, level=level, time=_time(time, "%d %b %Y %H:%M:%S.%f"))
    return Line(name=name, message=raw) if raw.strip() else None


def _parse_json(name: str, raw: str) -> Line | None:
    try:
        entry = msgspec.json.decode(raw, type=dict[str, Any])
    except msgspec.DecodeError:
        return None
    level, message, error = (str(entry.pop(key, "")) for key in ("level", "message", "error"))
    time = None
    with suppress(ValueError):
        time = datetime.fromisoformat(str(entry.pop("ts", "")))
    for known in ("service", "instance"):  # The name of the log already says this.
        entry.pop(known, None)
    return Line(name=name, message=message, level=LEVELS.get(level, "info"), time=time, fields=entry, error=error)


def _time(text: str, layout: str) -> datetime | None:
    with suppress(ValueError):
        return datetime.strptime(text, layout).replace(tzinfo=UTC)
    return None


# -- writing -----------------------------------------------------------------------------------------------------------


def readable(line: Line, zone: tzinfo | None, *, width: int = 8) -> str:
    """For people: local time, name, the level only if it is not plain information, the text, fields, then any traceback."""
    time = line.time.astimezone(zone).strftime("%H:%M:%S.%f")[:-3] if line.time else " " * 12
    level = "" if line.level == "info" else f"{line.level}: "
    fields = "".join(f" {key}={_value(value)}" for key, value in line.fields.items())
    error = "".join(f"\n{'':12} {line.name:<{width}} | {part}" for part in line.error.splitlines())
    return _printable(f"{time} {line.name:<{width}} {level}{line.message}{fields}{error}")


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return f'"{text}"' if " " in text or not text else text


def _printable(text: str) -> str:
    """Whatever a service logged must not steer the terminal."""
    return "".join(
        character if character.isprintable() or character == "\n" else "\ufffd" for character in text.replace("\t", "  ")
    )


def entry(name: str, level: str, message: str, now: datetime) -> bytes:
    """A line of the supervisor's own log, in the form that services use."""
    ts = now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return msgspec.json.encode({"ts": ts, "level": level, "service": name, "message": message}) + b"\n"


# -- files -------------------------------------------------------------------------------------------------------------


class Tail:
    """The complete lines that were added to a file since the last look."""

    def __init__(self, path: Path, offset: int) -> None:
        self.path = path
        self._offset = offset
        self._partial = b""

    @classmethod
    def from_end(cls, path: Path) -> Tail:
        return cls(path, path.stat().st_size if path.exists() else 0)

    def read(self) -> list[str]:
        try:
            with self.path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < self._offset:  # Truncated by the bound below.
                    self._offset, self._partial = 0, b""
                file.seek(self._offset)
                added = file.read(MAX_READ)
        except FileNotFoundError:
            return []
        self._offset += len(added)
        *lines, self._partial = (self._partial + added).split(b"\n")
        if len(self._partial) > MAX_LINE:
            lines.append(self._partial)
            self._partial = b""
        return [line.decode(errors="replace") for line in lines]


def last_lines(path: Path, count: int) -> tuple[list[str], int]:
    """The last `count` complete lines, and where they end."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        data, start = b"", size
        while start > 0 and data.count(b"\n") <= count:
            step = min(start, MAX_LINE)
            start -= step
            file.seek(start)
            data = file.read(step) + data
    complete, _, partial = data.rpartition(b"\n")
    lines = complete.split(b"\n")[-count:] if complete and count else []
    return [line.decode(errors="replace") for line in lines], size - len(partial)


def bound(path: Path, limit: int) -> bool:
    """Keep one old copy and start again from nothing once a log is too large. Its writer appends, so it need not be told; what it
    writes between the copy and the cut is lost, which is why nothing but logs is written there."""
    if not path.exists() or path.stat().st_size <= limit:
        return False
    old = path.with_suffix(".log.1")
    try:
        shutil.copyfile(path, old)
    except OSError:  # No room for a copy: then the room is needed even more.
        old.unlink(missing_ok=True)
    os.truncate(path, 0)
    return True


def parsed(name: str, raw_lines: list[str]) -> Iterator[Line]:
    for raw in raw_lines:
        if line := parse(name, raw):
            yield line


def merged(lines: Iterable[Line]) -> list[Line]:
    """In the order of time. A line without one belongs behind the line before it."""
    known = datetime.min.replace(tzinfo=UTC)
    dated = [(known := line.time or known, line) for line in lines]
    return [line for _, line in sorted(dated, key=lambda pair: pair[0])]
