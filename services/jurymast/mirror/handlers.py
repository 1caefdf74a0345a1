"""Load, decide, save."""

from __future__ import annotations

from collections.abc import Callable

from jurymast.book.events import IntentAccepted
from jurymast.book.intents import identity
from jurymast.book.refusals import AlreadyAccepted, Refusal
from jurymast.book.state import Identity
from jurymast.bus import Bus
from jurymast.crypto.eip712 import Domain
from jurymast.errors import Rejected
from jurymast.fold import Fold
from jurymast.messages.intents import IntentAsked, IntentStands, Submit, Submitted
from jurymast.messages.ledger import INTENTS, IntentChanged
from jurymast.mirror.decide.intake import taken
from jurymast.mirror.decide.standings import Standings

FOLD_S = 5.0


class Intake:
    def __init__(self, bus: Bus, fold: Fold, standings: Standings, domain: Domain, now_s: Callable[[], int]) -> None:
        self._bus, self._fold, self._standings, self._domain, self._now_s = bus, fold, standings, domain, now_s

    async def submit(self, asked: Submit) -> Submitted:
        """The answer is the ledger's, at the place where the action stands in it: that is durable, and the same for everybody."""
        action, now = asked.action, self._now_s()
        refused: Rejected | None = taken(self._fold.ledger, self._domain, action, now)
        at = identity(action.signed)
        if refused is None and self._fold.ledger.life(at) is None:
            event = IntentAccepted(action=action, now=now)
            sequence = await self._bus.publish(INTENTS, IntentChanged(event=event), id=event.id.hex())
            answer = await self._fold.answer(sequence, FOLD_S)
            refused = answer if isinstance(answer, Refusal) and not isinstance(answer, AlreadyAccepted) else None
        return self._submitted(at, refused)

    def _submitted(self, at: Identity, refused: Rejected | None) -> Submitted:
        life = self._fold.ledger.life(at)
        return Submitted(
            account=at[0].hex(), nonce=at[1], accepted=refused is None, status=life.status.value if life else None,
            refusal=type(refused).__name__ if refused else "", reason=str(refused) if refused else "",
        )  # fmt: skip

    async def stands(self, asked: IntentAsked) -> IntentStands:
        try:
            at = bytes.fromhex(asked.account), asked.nonce
        except ValueError:
            raise Rejected("an account, or a match, is 32 bytes in hexadecimal") from None
        return self._standings.stands(self._fold.ledger, at, self._fold.sequence)
