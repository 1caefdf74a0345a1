"""How actions stand, as the ledger has them, and which of them an event may have changed."""

from __future__ import annotations

from collections.abc import Iterator

from jurymast.book.events import (
    BatchDoubted,
    BatchExecuted,
    BatchPlanned,
    BatchReleased,
    BatchResolved,
    Event,
    FloorRaised,
    IntentAccepted,
    IntentCancelled,
    IntentExpired,
    IntentRejected,
)
from jurymast.book.intents import identity
from jurymast.book.state import BatchKey, Identity, Ledger, Status
from jurymast.messages.intents import IntentStands


class Standings:
    """Beside the ledger: what belongs together, so that nothing has to search all of it."""

    def __init__(self) -> None:
        self.waiting: dict[Identity, None] = {}
        """Open, in the order in which they came, or came back."""
        self._batches: dict[BatchKey, tuple[Identity, ...]] = {}
        self._planned: dict[Identity, BatchKey] = {}
        """The last batch of each."""

    def take(self, ledger: Ledger, event: Event) -> tuple[Identity, ...]:
        """After an event was applied: which actions it may have changed."""
        found = tuple(self._concerned(event))
        for each in found:
            life = ledger.life(each)
            if life and life.status is Status.OPEN:
                self.waiting.setdefault(each)
            else:
                self.waiting.pop(each, None)
        return found

    def stands(self, ledger: Ledger, at: Identity, sequence: int) -> IntentStands:
        life = ledger.life(at)
        chain, epoch, batch = self._planned.get(at, (0, 0, 0))
        return IntentStands(
            account=at[0].hex(), nonce=at[1], status=life.status.value if life else None, reason=life.reason if life else "",
            chain=chain, epoch=epoch, batch=batch, ledger=sequence,
        )  # fmt: skip

    def _concerned(self, event: Event) -> Iterator[Identity]:
        match event:
            case IntentAccepted(action=action):
                yield identity(action.signed)
            case (
                IntentCancelled(owner=owner, nonce=nonce)
                | IntentExpired(owner=owner, nonce=nonce)
                | IntentRejected(owner=owner, nonce=nonce)
            ):
                yield owner, nonce
            case BatchPlanned() as planned:
                actions = tuple(identity(action.signed) for action in planned.actions)
                self._batches[planned.key] = actions
                self._planned |= dict.fromkeys(actions, planned.key)
                yield from actions
            case BatchExecuted() | BatchReleased() | BatchResolved() as ended:
                yield from self._batches.pop(ended.key, ())
            case BatchDoubted() as doubted:
                yield from self._batches.get(doubted.key, ())
            case FloorRaised(account=account):  # It may have cancelled what waits.
                yield from [each for each in self.waiting if each[0] == account]
