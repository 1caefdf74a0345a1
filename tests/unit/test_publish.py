from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.errors import ConnectionClosedError, MaxPayloadError, OutboundBufferLimitError
from nats.js.errors import APIError, NoStreamResponseError

from jurymast.bus.publish import Ids, Occupied, Overtaken, may_be_stored, refusal
from jurymast.envelope import ID_HEADER
from jurymast.errors import Rejected, Transient


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
