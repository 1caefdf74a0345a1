"""The composition of the mirror."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import time

from jurymast.book.ledger import Applied
from jurymast.book.signed import domain
from jurymast.book.state import Ledger
from jurymast.bus import Lease
from jurymast.chains.configured import open_chains, open_senders
from jurymast.fold import Answer, Fold
from jurymast.messages.intents import STANDS, SUBMIT
from jurymast.messages.ledger import Told
from jurymast.mirror.announce import Announcer
from jurymast.mirror.decide.standings import Standings
from jurymast.mirror.handlers import Intake
from jurymast.mirror.relay import Relay, Site
from jurymast.mirror.settings import MirrorSettings
from jurymast.mirror.watch import Watch
from jurymast.service import Frame

log = logging.getLogger(__name__)


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
    await _relay(frame, fold, standings)
    yield


async def _relay(frame: Frame[MirrorSettings], fold: Fold, standings: Standings) -> None:
    """What moves between the ledger and the active chain; with a key and chains."""
    settings = frame.settings
    chains = await frame.enter(open_chains(settings.chains()))
    if not chains:
        log.warning("no chains with a contract are configured: JURYMAST_CHAINS_FILE names the file that holds them")
        return
    landing = Lease(frame.bus, "landing", frame.instance)
    frame.background("lease of landing", landing.run())
    frame.background("landing", landing.lead(Watch(frame.bus, fold, chains, settings.first_height).lead))
    if (key := settings.signing_key()) is None:
        log.warning("JURYMAST_SENDER_KEY is not set: this replica brings nothing to a chain")
        return
    senders = await frame.enter(open_senders(chains, key, Path(settings.sent), settings.most_per_unit))
    sites = {number: Site(chains[number], sender) for number, sender in senders.items()}
    relay = Relay(frame.bus, fold, standings, sites, settings.all_guards(), domain(settings.application_id))
    lease = Lease(frame.bus, "relay", frame.instance)
    frame.background("permits", relay.listen())
    frame.background("lease of relay", lease.run())
    frame.background("relay", lease.lead(relay.lead))
