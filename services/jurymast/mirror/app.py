"""The composition of the mirror."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import time

from jurymast.book.ledger import Applied
from jurymast.book.signed import domain
from jurymast.book.state import Ledger
from jurymast.bus import Lease
from jurymast.fold import Answer, Fold
from jurymast.messages.intents import STANDS, SUBMIT
from jurymast.messages.ledger import Told
from jurymast.mirror.announce import Announcer
from jurymast.mirror.decide.standings import Standings
from jurymast.mirror.handlers import Intake
from jurymast.mirror.settings import MirrorSettings
from jurymast.service import Frame


@asynccontextmanager
async def app(frame: Frame[MirrorSettings]) -> AsyncIterator[None]:
    settings, standings = frame.settings, Standings()

    def heard(sequence: int, told: Told, answer: Answer) -> None:
        if answer is Applied.NOW:
            announcer.changed(sequence, standings.take(fold.ledger, told.event))

    fold = Fold(Ledger(settings.treasury_id), heard)
    announcer = Announcer(frame.bus, fold, standings)
    intake = Intake(frame.bus, fold, standings, domain(settings.application_id), lambda: int(time()))
    lease = Lease(frame.bus, "announcements", frame.instance)
    await frame.bus.queries.answer(SUBMIT, intake.submit)
    await frame.bus.queries.answer(STANDS, intake.stands)
    frame.ready_when("ledger", lambda: fold.check(frame.bus))
    frame.background("ledger", fold.run(frame.bus))
    frame.background("lease of announcements", lease.run())
    frame.background("announcements", lease.lead(announcer.lead))
    yield
