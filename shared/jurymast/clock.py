"""Where time comes from. Decisions take it as an argument; only the outermost layer asks these."""

from __future__ import annotations

import time


def now_ms() -> int:
    """Wall time, for people and records. Never for deadlines or leases."""
    return time.time_ns() // 1_000_000


def uptime_s() -> float:
    """Seconds that passed, sleep of the whole machine included: a suspended leader must see that its time is up."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
