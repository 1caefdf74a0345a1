from __future__ import annotations

from time import monotonic
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.errors import ConnectionClosedError, MaxPayloadError, OutboundBufferLimitError
from nats.js.errors import APIError, NoStreamResponseError

from jurymast.bus.publish import Forbidden, Ids, Occupied, Outgoing, Overtaken, may_be_stored, refusal
from jurymast.envelope import ID_HEADER
from jurymast.errors import Rejected, Transient
from jurymast.telemetry import Metrics


@pytest.mark.parametrize(
    ("code", "err_code", "kind"),
    [
        (400, 10002, Transient),  # The account is full.
        (400, 10054, Rejected),  # The message is too large for the stream.
        (400, 10060, Rejected),  # It expects another stream.
        (400, 10071, Overtaken),
        (400, 10164, Transient),  # Another guarded write is under way.
        (400, 10176, Transient),  # Parts of a batch did not arrive.
        (400, 10199, Rejected),  # The batch is too large.
        (400, 10174, Rejected),  # The stream takes no batches.
        (429, 10210, Transient),  # Too many batches.
        (429, 10167, Transient),  # Too many requests.
        (500, 10076, Transient),
        (503, 10008, Transient),  # No leader.
        (503, 10077, Transient),  # The stream is full.
    ],
)
def test_only_a_fault_of_the_request_can_never_succeed(code: int, err_code: int, kind: type[Exception]) -> None:
    failure = refusal("a.b", APIError(code=code, err_code=err_code, description="why"))
    assert type(failure) is kind
    assert "a.b" in str(failure)
    assert f"why (error {err_code})" in str(failure)


def test_a_subject_that_is_taken_is_told_from_a_stream_that_is_full() -> None:
    full, taken = (
        refusal("a.b", APIError(code=503, err_code=10077, description=f"maximum {what} exceeded"))
        for what in ("bytes", "messages per subject")
    )
    assert type(full) is Transient
    assert type(taken) is Occupied


@pytest.mark.parametrize(
    ("error", "open_"),
    [
        (TimeoutError(), True),
        (APIError(code=500, err_code=1), True),
        (APIError(code=503, err_code=1), True),
        (APIError(code=429, err_code=1), False),
        (APIError(code=400, err_code=1), False),
        (NoStreamResponseError(), False),
        (OutboundBufferLimitError(), False),
        (MaxPayloadError(), False),
        (ConnectionClosedError(), True),
    ],
    ids=repr,
)
def test_which_failures_leave_it_open_whether_a_message_was_stored(error: BaseException, *, open_: bool) -> None:
    assert may_be_stored(error) is open_


def sealed(seed: str, id_: str) -> str:
    return Ids(seed).sealed({ID_HEADER: id_, "a": "b"})[ID_HEADER]


@given(st.text(), st.text(), st.text(min_size=1), st.text(min_size=1))
def test_sealed_ids_are_as_different_as_ids_and_seeds(one: str, other: str, seed: str, other_seed: str) -> None:
    assert sealed(seed, one) == sealed(seed, one)
    assert sealed(seed, one).startswith(f"{one}.")
    assert (sealed(seed, one) == sealed(seed, other)) == (one == other)
    assert (sealed(seed, one) == sealed(other_seed, one)) == (seed == other_seed)


def test_an_open_bus_seals_nothing() -> None:
    assert sealed("", "dead.a.1") == "dead.a.1"


# -- the loop ----------------------------------------------------------------------------------------------------------


class Scripted:
    """A write of which every attempt, and every look at what stands there, goes as it is told."""

    subject, size = "a.b", 1

    def __init__(self, attempts: list[int | BaseException], settled: list[int | BaseException] | None = None) -> None:
        self.attempts = attempts
        self.settled = settled or []
        self.lost: list[bool] = []

    async def attempt(self, within_s: float) -> int:
        return _next(self.attempts)

    async def settle(self, failure: Overtaken, *, lost: bool) -> int:
        self.lost.append(lost)
        return _next(self.settled)


def _next(script: list[int | BaseException]) -> int:
    """The last one repeats."""
    told = script.pop(0) if len(script) > 1 else script[0]
    if isinstance(told, BaseException):
        raise told
    return told


async def known(write: Scripted, within_s: float = 5.0) -> int:
    nc: Any = SimpleNamespace(is_connected=True, max_payload=1)
    outgoing = Outgoing(nc, cast("Any", None), service="echo", forbidden=Forbidden("echo"), metrics=Metrics())
    return await outgoing.until_known(write, monotonic() + within_s, channel="a")


IN_FLIGHT = APIError(code=400, err_code=10164, description="temporarily unavailable")
BEHIND = APIError(code=400, err_code=10071, description="wrong last sequence: 9")


async def test_that_another_write_is_under_way_is_no_answer() -> None:
    assert await known(Scripted([IN_FLIGHT, IN_FLIGHT, 7])) == 7


async def test_even_that_is_not_waited_out_for_ever() -> None:
    with pytest.raises(Transient, match="temporarily unavailable") as gave_up:
        await known(Scripted([IN_FLIGHT]), within_s=0.05)
    assert "may have been stored" not in str(gave_up.value)


async def test_what_stands_there_decides_what_a_refusal_means() -> None:
    write = Scripted([TimeoutError(), BEHIND], settled=[7])
    assert await known(write) == 7
    assert write.lost == [True]
    refused = Overtaken("theirs")
    write = Scripted([BEHIND], settled=[refused])
    with pytest.raises(Overtaken, match="theirs"):
        await known(write)
    assert write.lost == [False]


async def test_a_refusal_that_cannot_be_looked_at_or_has_nothing_behind_it_is_tried_again() -> None:
    assert await known(Scripted([BEHIND, BEHIND, 7], settled=[TimeoutError(), 0])) == 7
    with pytest.raises(Transient, match=r"wrong last sequence: 9.*cannot read it back: TimeoutError"):
        await known(Scripted([BEHIND], settled=[TimeoutError()]), within_s=0.05)
    with pytest.raises(Transient, match="nothing stands there now"):
        await known(Scripted([BEHIND], settled=[0]), within_s=0.05)
