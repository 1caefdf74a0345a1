"""Sets of guards' signatures, good and bad, as every operation that guards sign must tell them apart."""

from __future__ import annotations

from functools import partial

from jurymast.book.signed import Signed
from jurymast.crypto.secp256k1 import ORDER, BadSignature, NoQuorum, NotAscending, TooManySignatures, compact
from jurymast.errors import Rejected
from tests.scenarios.story import By
from tests.unit.grids import DOMAIN, GUARD_KEYS, by_guards, key

both: By = by_guards
one: By = partial(by_guards, who=(0,))


def _with_a_stranger(signed: Signed) -> tuple[bytes, ...]:
    signers = sorted((GUARD_KEYS[0], key("stranger")), key=lambda each: each.address)
    return tuple(each.sign(signed.digest(DOMAIN)) for each in signers)


def _compact(signed: Signed) -> tuple[bytes, ...]:
    return tuple(map(compact, by_guards(signed)))


def _high_s(signed: Signed) -> tuple[bytes, ...]:
    return tuple(map(high_s, by_guards(signed)))


def _cut_short(signed: Signed) -> tuple[bytes, ...]:
    first, second = by_guards(signed)
    return first, second[:63]


def _none_at_all(signed: Signed) -> tuple[bytes, ...]:
    first, _ = by_guards(signed)
    return first, b""


def high_s(signature: bytes) -> bytes:
    """The twin that recovers to the same address, and is not accepted."""
    r, s, v = signature[:32], int.from_bytes(signature[32:64], "big"), signature[64]
    return r + (ORDER - s).to_bytes(32, "big") + bytes([55 - v])


GOOD: tuple[tuple[str, By], ...] = (
    ("by all guards", partial(by_guards, who=(0, 1, 2))),
    ("by the last two guards", partial(by_guards, who=(1, 2))),
    ("with signatures of 64 bytes", _compact),
)
BAD: tuple[tuple[str, type[Rejected], By], ...] = (
    ("by one guard", NoQuorum, one),
    ("by nobody", NoQuorum, partial(by_guards, who=())),
    ("by a guard and a stranger", NoQuorum, _with_a_stranger),
    ("by a guard twice", NotAscending, partial(by_guards, who=(0, 0))),
    ("by two guards in the wrong order", NotAscending, partial(by_guards, who=(1, 0))),
    ("with more signatures than guards", TooManySignatures, partial(by_guards, who=(0, 1, 2, 2))),
    ("with the high s", BadSignature, _high_s),
    ("with a signature of 63 bytes", BadSignature, _cut_short),
    ("with a signature of nothing", BadSignature, _none_at_all),
)
