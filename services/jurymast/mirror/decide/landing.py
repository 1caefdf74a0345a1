"""What users did for themselves on the active chain, in the words of the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jurymast.book.events import Deposited, FloorRaised, Registered
from jurymast.chains.words import Event
from jurymast.errors import Rejected

Said = Deposited | FloorRaised | Registered


class Elsewhere(Rejected):
    """The chain has come to an epoch that the ledger has not opened yet: what follows counts in that one."""

    def __init__(self, epoch: int) -> None:
        super().__init__(f"the ledger has not opened epoch {epoch} yet")
        self.epoch = epoch


def told(chain: int, epoch: int, events: Iterable[Event]) -> Iterator[tuple[Said, int]]:
    """With the heights at which it happened, for an epoch that is open; `Elsewhere` where a later one begins."""
    for event in events:
        match event:
            case Event(name="Transitioned", values={"epoch": int(begun)}) if begun > epoch:
                raise Elsewhere(begun)
            case Event(name="Deposited", height=height, values=values):
                yield _deposit(chain, epoch, height, values), height
            case Event(name="Cancelled", height=height, values={"account": bytes(account), "floor": int(floor)}):
                yield FloorRaised(chain=chain, account=account, floor=floor), height
            case Event(name="Registered", height=height, values={"account": bytes(account), "authority": bytes(authority)}):
                yield Registered(account=account, authority=authority), height


def _deposit(chain: int, epoch: int, height: int, values: object) -> Deposited:
    match values:
        case {"sequence": int(sequence), "account": bytes(account), "asset": int(asset), "amount": int(amount)}:
            return Deposited(
                chain=chain, epoch=epoch, sequence=sequence, account=account, asset=asset, amount=amount, height=height
            )
    raise Rejected(f"a deposit that says {values}")
