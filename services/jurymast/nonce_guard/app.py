"""The composition of a guard."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from jurymast.book.signed import domain
from jurymast.book.state import Ledger
from jurymast.bus import Lease
from jurymast.chains.configured import open_chains
from jurymast.crypto.address import checksummed
from jurymast.errors import Misconfigured
from jurymast.fold import Answer, Fold
from jurymast.messages.ledger import Told
from jurymast.messages.permits import GUARD, WHERE
from jurymast.nonce_guard.answers import Answers
from jurymast.nonce_guard.clocks import Clocks
from jurymast.nonce_guard.conclude import Concluder
from jurymast.nonce_guard.decide.words import BatchKey
from jurymast.nonce_guard.guard import Guard
from jurymast.nonce_guard.handlers import Signing
from jurymast.nonce_guard.settings import NonceGuardSettings
from jurymast.nonce_guard.signer import LocalSigner, RemoteSigner, Signer
from jurymast.nonce_guard.store import BusHeads, veto_store
from jurymast.nonce_guard.views import Views
from jurymast.service import Frame

log = logging.getLogger(__name__)


@asynccontextmanager
async def app(frame: Frame[NonceGuardSettings]) -> AsyncIterator[None]:
    settings = frame.settings
    signer = await _signer(frame)
    guards = settings.all_guards(signer.address)
    if signer.address not in guards.addresses:
        raise Misconfigured(f"JURYMAST_GUARDS: {checksummed(signer.address)}, as whom this guard signs, is none of them")
    chains = await frame.enter(open_chains(settings.chains()))
    if not chains:
        log.warning("no chains with a contract are configured: JURYMAST_CHAINS_FILE names the file that holds them")
    heads = BusHeads(frame.bus, signer.address)
    store = await frame.enter(veto_store(Path(settings.journal), signer.address, heads))
    lease = Lease(frame.bus, "claims", frame.instance)

    def heard(sequence: int, told: Told, answer: Answer) -> None:
        signing.heard(sequence, told, answer)

    def moved(batch: BatchKey) -> None:
        signing.go_on(batch)

    words = domain(settings.application_id)
    views = Views(frame.bus, words, guards, moved)
    guard = Guard(
        frame.bus, Fold(Ledger(settings.treasury_id), heard), views, store, signer, Clocks(chains), guards, words,
        settings.longest, lease,
    )  # fmt: skip
    signing = Signing(guard)
    concluder = Concluder(guard, signing)
    answers = Answers(guard, signing, concluder, frame.instance)
    await frame.bus.queries.answer(WHERE, answers.where, everyone=True)
    await frame.bus.queries.answer(GUARD, answers.stands, everyone=True)
    frame.ready_when("ledger", lambda: guard.fold.check(frame.bus))
    frame.ready_when("claims", views.check)
    frame.ready_when("journal", signing.check_journal)
    frame.background("journal", store.run())
    frame.background("clocks", guard.clocks.run())
    frame.background("ledger", guard.fold.run(frame.bus))
    frame.background("log of claims", views.follow_claims())
    frame.background("promises", views.follow_permits())
    frame.background("lease of claims", lease.run())
    frame.background("claims", signing.claims.run())
    frame.background("signatures", signing.permits.run())
    frame.background("permits", signing.run())
    frame.background("outcomes", concluder.run())
    yield


async def _signer(frame: Frame[NonceGuardSettings]) -> Signer:
    settings = frame.settings
    if key := settings.signing_key():
        return LocalSigner(key)
    session = await frame.enter(aiohttp.ClientSession())
    return RemoteSigner(session, settings.signer_url, settings.remote_address(), settings.signer_timeout_s)
