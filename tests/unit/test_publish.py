from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.js.errors import APIError

from jurymast.bus.publish import Ids, Overtaken, refusal
from jurymast.errors import Rejected, Transient


@pytest.mark.parametrize(
    ("code", "err_code", "kind"),
    [
        (400, 10054, Rejected),  # The message is too large for the stream.
        (400, 10060, Rejected),  # It expects another stream.
        (400, 10071, Overtaken),
        (400, 10164, Transient),  # Another guarded write is under way.
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


@given(st.text(), st.text(), st.text(min_size=1), st.text(min_size=1))
def test_sealed_ids_are_as_different_as_ids_and_seeds(one: str, other: str, seed: str, other_seed: str) -> None:
    sealed = Ids(seed).sealed(one)
    assert sealed == Ids(seed).sealed(one)
    assert sealed.startswith(f"{one}.")
    assert (sealed == Ids(seed).sealed(other)) == (one == other)
    assert (sealed == Ids(other_seed).sealed(one)) == (seed == other_seed)


def test_an_open_bus_seals_nothing() -> None:
    assert Ids("").sealed("dead.a.1") == "dead.a.1"
