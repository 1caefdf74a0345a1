from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from jurymast import clock


def test_wall_time_is_in_milliseconds_since_1970() -> None:
    before = datetime.now(UTC)
    now = datetime.fromtimestamp(clock.now_ms() / 1000, UTC)
    assert abs((now - before).total_seconds()) < 60


def test_wall_time_follows_when_it_is_set_back_and_passed_time_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    wall_ms, passed_s = clock.now_ms(), clock.uptime_s()
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() - 3600 * 10**9)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert clock.now_ms() < wall_ms
    assert clock.uptime_s() >= passed_s


def test_passed_time_counts_a_suspended_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one clock that goes on while the machine sleeps: a leader who slept past its lease has to see it."""
    monkeypatch.setattr(
        time, "clock_gettime", lambda clock_id: {time.CLOCK_BOOTTIME: 7_200.0, time.CLOCK_MONOTONIC: 10.0}[clock_id]
    )
    assert clock.uptime_s() == 7_200.0
