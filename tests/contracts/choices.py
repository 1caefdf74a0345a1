"""What a random history may do next: mostly something that can succeed, and now and then something that is wrong in one way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st

from jurymast.book.grid import Grid
from jurymast.book.signed import Signed
from jurymast.crypto.secp256k1 import SIGNATURE_BYTES, SigningKey, compact
from tests.unit.grids import ANN, BEN, DOMAIN, EVE, ORACLE, SOL, TREASURY, key

T = TypeVar("T")

PEOPLE = (ANN, BEN, EVE, TREASURY, SOL)
GUARD_KEYS = {each.address: each for each in (key(f"guard {number}") for number in range(5))}
STRANGERS = sorted((each.key for each in (ANN, BEN, EVE, ORACLE)), key=lambda each: each.address)
FLAWS = ("too few", "a stranger", "the wrong order", "one twice", "too many", "no signature")


class Dice:
    """For one step of a history."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data
        self._fallible = self.one_in(3)
        """Most steps have nothing wrong with them on purpose: with many choices, hardly any would be good."""

    def number(self, least: int, most: int) -> int:
        return self._data.draw(st.integers(least, most))

    def pick(self, choices: Sequence[T]) -> T:
        """What comes first is what simpler histories have."""
        return choices[self.number(0, len(choices) - 1)]

    def one_in(self, times: int) -> bool:
        """Never by a number at the end of its range, of which there are more than of others."""
        return self.number(0, times - 1) == times // 2

    def slips(self, one_in: int) -> bool:
        return self._fallible and self.one_in(one_in)

    def some(self, choices: Sequence[T], *, one_in: int = 2) -> list[T]:
        return [each for each in choices if self.one_in(one_in)]

    def wrong(self, right: T, *others: T) -> T:
        """Mostly the right one."""
        return self.pick(others) if self.slips(8) else right

    # -- signatures ----------------------------------------------------------------------------------------------------

    def signature(self, by: SigningKey, signed: Signed) -> bytes:
        """In one of its two forms."""
        made = by.sign(signed.digest(DOMAIN))
        if self.slips(8):
            return self.spoiled(made)
        return compact(made) if self.one_in(3) else made

    def spoiled(self, signature: bytes) -> bytes:
        at = self.number(0, SIGNATURE_BYTES - 1)
        return signature[:at] + bytes([signature[at] ^ 1 << self.number(0, 7)]) + signature[at + 1 :]

    def by_guards(self, grid: Grid, signed: Signed) -> tuple[bytes, ...]:
        guards = grid.lock.guards.guards
        known = [GUARD_KEYS[address] for address in guards.addresses]
        signers = known[: guards.threshold] if self.one_in(2) else known[-guards.threshold :]
        flaw = self.pick(FLAWS) if self.slips(3) else ""
        match flaw:
            case "too few":
                signers = signers[:-1]
            case "a stranger":
                signers = sorted([*signers[1:], self.pick(STRANGERS)], key=lambda each: each.address)
            case "the wrong order":
                signers = signers[::-1]
            case "one twice":
                signers = [*signers[:1], *signers]
            case "too many":
                signers = [*known, *STRANGERS[:1]]
        signatures = [each.sign(signed.digest(DOMAIN)) for each in signers]
        if flaw == "no signature":
            signatures[0] = self.spoiled(signatures[0])[: self.pick((SIGNATURE_BYTES, 64, 63, 0))]
        if not flaw and self.one_in(4):
            signatures = [compact(signature) if len(signature) == SIGNATURE_BYTES else signature for signature in signatures]
        return tuple(signatures)
