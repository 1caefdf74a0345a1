"""Log lines of services, NATS and Redis, and the files they are in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurymast.cli.mesh import logs
from jurymast.cli.mesh.logs import Line, Tail

ZONE = timezone(timedelta(hours=2))


def shown(name: str, raw: str) -> str | None:
    line = logs.parse(name, raw)
    return logs.readable(line, ZONE, width=5) if line else None


@pytest.mark.parametrize(
    ("name", "raw", "text"),
    [
        (
            "echo",
            '{"ts":"2026-01-01T22:00:00.123Z","level":"warning","service":"s","instance":"x","message":"slow","ms":7,"to":"a b"}',
            '00:00:00.123 echo  warning: slow ms=7 to="a b"',
        ),
        (
            "echo",
            '{"ts":"2026-01-01T22:00:00.123Z","level":"critical","message":"stopping","error":"Traceback\\nKeyError: 1"}',
            "00:00:00.123 echo  error: stopping\n             echo  | Traceback\n             echo  | KeyError: 1",
        ),
        ("nats", "[7] 2026/11/21 04:56:47.527094 [INF] Server is ready", "06:56:47.527 nats  Server is ready"),
        ("nats", "[7] 2026/11/21 04:56:47.527094 [ERR] no space left", "06:56:47.527 nats  error: no space left"),
        ("nats", r"[7] 2026/11/21 04:56:47.526247 [INF]  _ | | __|_   _/ __|_   _| _ \\ __| /_\\ |  \\/  |", None),
        ("nats", "[7] 2026/11/21 04:56:47.526247 [INF] ", None),
        ("redis", "7:M 21 Nov 2026 04:56:47.521 * Server initialized", "06:56:47.521 redis Server initialized"),
        ("redis", "7:M 21 Nov 2026 04:56:47.521 # out of memory", "06:56:47.521 redis warning: out of memory"),
        ("redis", "7:C 21 Nov 2026 04:56:47.521 # WARNING Memory overcommit x", "06:56:47.521 redis WARNING Memory overcommit x"),
        ("echo", "Traceback (most recent call last):", "             echo  Traceback (most recent call last):"),
        ("echo", "   ", None),
        ("echo", '{"torn": ', '             echo  {"torn": '),
        ("echo", '{"ts":"yesterday","message":"hm"}', "             echo  hm"),
        ("echo", "\x1b[31mred\x07", "             echo  \ufffd[31mred\ufffd"),
    ],
)
def test_lines_become_readable(name: str, raw: str, text: str | None) -> None:
    assert shown(name, raw) == text


@given(st.text())
def test_no_line_can_break_or_steer_the_view(raw: str) -> None:
    text = shown("echo", raw) or ""
    assert all(character.isprintable() or character == "\n" for character in text)


@given(st.text())
def test_the_supervisors_own_entries_read_back(message: str) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    line = logs.parse("mesh", logs.entry("mesh", "error", message, now).decode().rstrip("\n"))
    assert line == Line(name="mesh", message=message, level="error", time=now)


def test_merging_keeps_continuation_lines_behind_their_first() -> None:
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    a, b, c = Line(name="a", message="1", time=late), Line(name="a", message="2"), Line(name="b", message="3", time=early)
    assert logs.merged([a, b, c]) == [c, a, b]


def test_a_tail_gives_complete_lines_once(tmp_path: Path) -> None:
    path = tmp_path / "echo.log"
    tail = Tail(path, 0)
    assert tail.read() == []
    path.write_bytes(b"one\ntw")
    assert tail.read() == ["one"]
    with path.open("ab") as file:
        file.write(b"o\nthree\n")
    assert tail.read() == ["two", "three"]
    assert tail.read() == []
    assert Tail.from_end(path).read() == []


def test_a_line_without_end_is_shown_in_pieces(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_bytes(b"y" * (logs.MAX_LINE + 1))
    assert Tail(tmp_path / "x.log", 0).read() == ["y" * (logs.MAX_LINE + 1)]


def test_logs_are_bounded_and_their_writers_go_on(tmp_path: Path) -> None:
    path = tmp_path / "echo.log"
    with path.open("ab", buffering=0) as writer:
        writer.write(b"old\n" * 10)
        tail = Tail.from_end(path)
        assert not logs.bound(path, limit=40)
        writer.write(b"more\n")
        assert logs.bound(path, limit=40)
        assert path.stat().st_size == 0
        assert (tmp_path / "echo.log.1").read_bytes() == b"old\n" * 10 + b"more\n"
        writer.write(b"new\n")
        assert path.read_bytes() == b"new\n"
        assert tail.read() == ["new"]


@given(st.lists(st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), min_size=1)), st.integers(0, 20))
def test_last_lines_are_the_last_lines(tmp_path_factory: pytest.TempPathFactory, lines: list[str], count: int) -> None:
    path = tmp_path_factory.mktemp("logs") / "echo.log"
    path.write_bytes("".join(f"{line}\n" for line in lines).encode() + b"unfinished")
    last, end = logs.last_lines(path, count)
    assert last == (lines[-count:] if count else [])
    assert end == path.stat().st_size - len(b"unfinished")


def test_last_lines_of_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "echo.log"
    path.write_text("".join(f"line {number}\n" for number in range(50_000)))
    assert logs.last_lines(path, 20_000)[0] == [f"line {number}" for number in range(30_000, 50_000)]
