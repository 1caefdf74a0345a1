"""The bus loses what it has acknowledged."""

from __future__ import annotations

from collections.abc import Iterator

from jurymast.book.state import Phase
from tests.model import money
from tests.model.log import claim_of, epochs, losses
from tests.model.money import LEDGERS
from tests.model.names import NONE, remembered
from tests.model.rules import Rules
from tests.model.world import Step, World


def lose_tail(world: World, rules: type[Rules]) -> Iterator[Step]:
    """A server comes back without its last seconds, of the log and of the ledger: what follows from an event is younger."""
    if not world.mishaps:
        return
    left, before = world.mishaps - 1, LEDGERS[world.ledger].before
    for label, log in losses(rules, world.log):
        yield label, world._replace(log=log, mishaps=left)
        if before != NONE and not _follows(log, world.ledger):
            yield f"{label}, and the ledger its last event", world._replace(log=log, ledger=before, mishaps=left)
    if before != NONE and not _follows(world.log, world.ledger):
        yield "the ledger loses its last event", world._replace(ledger=before, mishaps=left)


@remembered
def _follows(log: int, ledger: int) -> bool:
    """The log has what came after the ledger's last event: a claim of its plan, or a record of its cut. So it is not lost."""
    if LEDGERS[ledger].ledger.phase is Phase.CUT:
        return any(entry.cut == LEDGERS[ledger].cut for entry in epochs(log))
    return money.last_plan(ledger) in claim_of(log)
