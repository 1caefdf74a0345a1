"""Golden bytes: what each version of each message looks like on the wire, kept for ever.

`python -m tests.wire.golden` writes the files that are missing. It never changes one: those bytes are in streams already.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgpack  # type: ignore[import-untyped]  # It has no stubs.

from jurymast.messages.channel import SCHEMA_HEADER
from tests.wire.samples import SAMPLES, wire_channels

DIRECTORY = Path(__file__).parent / "golden"
COMMAND = "python -m tests.wire.golden"
WIDTH = 16
_LAYOUT = re.compile(rf"subject: (?P<subject>\S+)\n{SCHEMA_HEADER}: (?P<schema>\S+)\n\n(?P<dump>.+\n)", re.DOTALL)


class Golden(NamedTuple):
    subject: str
    schema: str
    payload: bytes

    @property
    def name(self) -> str:
        return self.schema.partition("/")[0]

    @property
    def file_name(self) -> str:
        return f"{self.name}.v{self.schema.partition('/')[2].partition(';')[0]}.hex"

    def plain(self) -> Any:
        """As an outsider reads it, who has MessagePack and nothing of ours."""
        return msgpack.unpackb(self.payload, strict_map_key=False)  # Amounts by asset, heights by chain.

    def text(self) -> str:
        """As a hex dump, for people; the right column is decoration."""
        rows = (self.payload[start : start + WIDTH] for start in range(0, len(self.payload), WIDTH))
        lines = (f"{row.hex(' '):<{3 * WIDTH}} {''.join(chr(b) if 32 < b < 127 else '.' for b in row)}" for row in rows)
        return f"subject: {self.subject}\n{SCHEMA_HEADER}: {self.schema}\n\n" + "\n".join(lines) + "\n"


def parse(text: str) -> Golden:
    if (match := _LAYOUT.fullmatch(text)) is None:
        raise ValueError("not a golden file: subject, schema, an empty line, then the hex dump")
    payload = bytes.fromhex("".join(line[: 3 * WIDTH] for line in match["dump"].splitlines()))
    return Golden(match["subject"], match["schema"], payload)


def current() -> Iterator[Golden]:
    """What today's code makes of every sample."""
    for name, channel in wire_channels().items():
        if name in SAMPLES:
            yield Golden(channel.subject(SAMPLES[name]), channel.schema, channel.encode(SAMPLES[name]))


def write_missing(directory: Path) -> list[Path]:
    written = []
    for golden in current():
        path = directory / golden.file_name
        if not path.exists():
            path.write_text(golden.text(), encoding="ascii")
            written.append(path)
    return written


if __name__ == "__main__":
    for path in write_missing(DIRECTORY):
        print(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)  # noqa: T201  A command's output.
