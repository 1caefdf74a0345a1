"""The lock of one chain: epochs, pauses, guards; and what is signed about them."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurymast.book import leaves, signed
from jurymast.book.lock import LONGEST_PAUSE_S, GuardSet, Lock
from jurymast.book.refusals import (
    BadFee,
    EpochNotNewer,
    Malformed,
    NoSuchChain,
    NotActive,
    NotPaused,
    Paused,
    PauseTooLong,
    Refusal,
    WrongTotals,
    WrongVersion,
)
from jurymast.book.signed import (
    ARBITRUM,
    SOLANA,
    Intent,
    LockTransition,
    Permit,
    Rotation,
    Signed,
    Typed,
    Unpause,
    Verdict,
    domain,
    hash_of_absent,
    hash_of_amounts,
    hash_of_nonces,
)
from jurymast.crypto.secp256k1 import BadGuards, Guards

GUARDS = GuardSet(Guards((b"g" * 20,), 1), 1)
LOCK = Lock(ARBITRUM, GUARDS)
TOTALS = {2: 7, 1: 5}


def to(epoch: int, active: int = ARBITRUM, fee_bps: int = 0) -> LockTransition:
    return LockTransition(
        epoch=epoch, active=active, root=b"r" * 32, totals=hash_of_amounts(TOTALS), source_height=9, fee_bps=fee_bps
    )


def test_a_chain_that_was_never_activated_executes_nothing() -> None:
    with pytest.raises(NotActive) as refused:
        LOCK.check_active(0)
    assert refused.value.data == {"epoch": 0, "active": 0}


def test_epochs_only_grow_and_numbers_can_be_burnt() -> None:
    lock = LOCK.transition(to(5), TOTALS, 77)
    assert lock.since == 77
    lock.check_active(0)
    for epoch in (0, 4, 5):
        with pytest.raises(EpochNotNewer):
            lock.transition(to(epoch), TOTALS, 78)
    lock = lock.transition(to(9, SOLANA, fee_bps=30), TOTALS, 79)
    assert (lock.epoch, lock.active, lock.fee_bps, lock.root, lock.totals) == (9, SOLANA, 30, b"r" * 32, TOTALS)
    with pytest.raises(NotActive):
        lock.check_active(0)


@pytest.mark.parametrize(
    ("transition", "totals", "error"),
    [
        (to(1, active=3), TOTALS, NoSuchChain),
        (to(1, active=0), TOTALS, NoSuchChain),
        (to(1, fee_bps=10_001), TOTALS, BadFee),
        (to(1), {1: 5, 2: 8}, WrongTotals),
        (to(1), {}, WrongTotals),
    ],
)
def test_a_transition_that_cannot_be_meant_is_refused(
    transition: LockTransition, totals: dict[int, int], error: type[Refusal]
) -> None:
    with pytest.raises(error):
        LOCK.transition(transition, totals, 0)


def test_a_pause_ends_by_itself_by_the_guards_and_never_lasts() -> None:
    lock = LOCK.transition(to(1), TOTALS, 100).pause(160, now=100)
    for check in (lock.check_running, lock.check_active):
        with pytest.raises(Paused):
            check(159)
        check(160)
    for until in (100, 99, 100 + LONGEST_PAUSE_S + 1):
        with pytest.raises(PauseTooLong):
            LOCK.pause(until, now=100)
    lock.unpause(Unpause(chain=ARBITRUM, until=160), now=110).check_active(110)
    with pytest.raises(NotPaused):
        lock.unpause(Unpause(chain=ARBITRUM, until=150), now=110)
    with pytest.raises(NotPaused):
        lock.unpause(Unpause(chain=ARBITRUM, until=160), now=160)
    with pytest.raises(NoSuchChain):
        lock.unpause(Unpause(chain=SOLANA, until=160), now=110)


def test_a_transition_is_taken_while_paused_and_does_not_end_the_pause() -> None:
    lock = LOCK.pause(160, now=100).transition(to(1), TOTALS, 100)
    with pytest.raises(Paused):
        lock.check_active(100)


def test_guards_are_rotated_one_version_after_the_other() -> None:
    second = Rotation(version=2, guards=(b"a" * 20, b"b" * 20), threshold=2)
    third = msgspec.structs.replace(second, version=3)
    for wrong in (third, msgspec.structs.replace(second, version=1)):
        with pytest.raises(WrongVersion):
            LOCK.rotate(wrong)
    with pytest.raises(BadGuards):
        LOCK.rotate(msgspec.structs.replace(second, threshold=1))
    assert LOCK.rotate(second).rotate(third).guards == GuardSet(Guards(second.guards, 2), 3)


# -- what is signed ----------------------------------------------------------------------------------------------------

INTENT = Intent(account=b"a" * 32, sell_asset=1, buy_asset=2, sell_amount=3, min_buy_amount=4, nonce=5, deadline=6, max_fee_bps=7)
PERMIT = Permit(chain=1, epoch=2, batch=3, expiry=4, actions=b"a" * 32, prices=b"p" * 32, absent=b"n" * 32, dead=b"d" * 32)


def kinds() -> list[type[Typed]]:
    of_leaves = [
        kind for kind in vars(leaves).values() if isinstance(kind, type) and issubclass(kind, Typed) and kind is not Typed
    ]
    return [*Signed.__subclasses__(), signed.Terms, *of_leaves]


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_a_field_for_every_member_of_the_type_in_its_order(kind: type[Typed]) -> None:
    names = [signed._camel(name) for name in kind.__struct_fields__]
    assert kind.TYPE.name == kind.__name__.removesuffix("Leaf")
    assert names == [member.name for member in kind.TYPE._types[kind.TYPE.name]]


def test_no_two_types_can_be_taken_for_one_another() -> None:
    assert len({kind.TYPE._hashes[kind.TYPE.name] for kind in kinds()}) == len(kinds())


@pytest.mark.parametrize("value", [INTENT, PERMIT, to(1)], ids=lambda value: type(value).__name__)
def test_every_field_and_the_application_are_bound(value: Signed) -> None:
    application = domain(bytes(32))
    digests = {value.digest(application), value.digest(domain(b"\1" * 32))}
    for name in value.__struct_fields__:
        old = getattr(value, name)
        new = bytes([old[0] ^ 1]) + old[1:] if isinstance(old, bytes) else old ^ 1
        digests.add(msgspec.structs.replace(value, **{name: new}).digest(application))
    assert len(digests) == len(value.__struct_fields__) + 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("account", b"short"),
        ("nonce", 1 << 64),
        ("nonce", -1),
        ("deadline", 1 << 40),
        ("sell_amount", 1 << 128),
        ("sell_asset", "1"),
    ],
)
def test_a_value_that_its_type_cannot_hold_is_a_refusal(name: str, value: object) -> None:
    with pytest.raises(Malformed, match=signed._camel(name)):
        msgspec.structs.replace(INTENT, **{name: value}).digest(domain(bytes(32)))


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=4), st.lists(st.binary(min_size=32, max_size=32), max_size=4))
def test_a_ranking_is_bound_in_its_order(one: list[bytes], other: list[bytes]) -> None:
    application = domain(bytes(32))
    first, second = (Verdict(match=bytes(32), step=1, ranking=tuple(r)).digest(application) for r in (one, other))
    assert (first == second) == (one == other)


@given(*[st.dictionaries(st.integers(0, (1 << 32) - 1), st.integers(0, (1 << 64) - 1), max_size=4)] * 2)
def test_amounts_by_asset_have_one_hash_whatever_their_order(one: dict[int, int], other: dict[int, int]) -> None:
    assert hash_of_amounts(one) == hash_of_amounts(dict(reversed(one.items())))
    assert (hash_of_amounts(one) == hash_of_amounts(other)) == (one == other)


def test_amounts_that_do_not_fit_are_refusals() -> None:
    for amounts in ({1: 1 << 64}, {1: -1}, {1 << 32: 1}, {-1: 1}):
        with pytest.raises(Malformed):
            hash_of_amounts(amounts)


def test_a_list_of_accounts_is_not_the_hash_of_another_that_is_cut_elsewhere() -> None:
    """36 bytes each: two entries, or one of an account with 68 bytes."""
    one, other = b"a" * 32, b"b" * 32
    assert len({hash_of_absent([(one, 1), (other, 1)]), hash_of_absent([(other, 1), (one, 1)])}) == 2
    for account in (one + bytes([0, 0, 0, 1]) + other, one[1:], b""):
        with pytest.raises(Malformed, match=f"of {len(account)} bytes"):
            hash_of_absent([(account, 1)])
        with pytest.raises(Malformed, match=f"of {len(account)} bytes"):
            hash_of_nonces([(account, 1)])
