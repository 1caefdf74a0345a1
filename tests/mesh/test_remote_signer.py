"""A key that is kept elsewhere: what it signs is checked, and what it says otherwise has a kind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from jurymast.crypto.keccak import keccak256
from jurymast.crypto.secp256k1 import recover
from jurymast.nonce_guard.signer import RemoteSigner, SignerAway, SignerLies, SignerRefuses
from tests.remote_signer import ReferenceSigner
from tests.unit.grids import GUARD_KEYS, key

DIGEST = keccak256(b"a permit")
OURS = GUARD_KEYS[0]


@asynccontextmanager
async def asking(reference: ReferenceSigner, address: bytes = OURS.address, timeout_s: float = 5) -> AsyncIterator[RemoteSigner]:
    async with aiohttp.ClientSession() as session, reference.serving():
        yield RemoteSigner(session, reference.url, address, timeout_s)


async def test_it_signs_as_whom_it_is_said_to() -> None:
    async with asking(ReferenceSigner([OURS])) as signer:
        assert recover(DIGEST, await signer.sign(DIGEST)) == signer.address == OURS.address


@pytest.mark.parametrize(
    ("answer", "kind", "why"),
    [
        (web.Response(status=403, body=b"not today"), SignerRefuses, "the signer answers 403: not today"),
        (web.Response(status=503, body=b"x" * 9_999), SignerAway, "the signer answers 503: xxx"),
        (web.Response(body=b"<html>"), SignerAway, "what is no signature"),
        (web.Response(body=b'{"signature": "0x12"}'), SignerAway, "what is no signature"),
        (web.Response(body=b'{"signature": "zz"}'), SignerAway, "what is no signature"),
        (web.Response(body=b'{"signature": 5}'), SignerAway, "what is no signature"),
    ],
)
async def test_what_it_says_instead_has_a_kind(answer: web.Response, kind: type[Exception], why: str) -> None:
    reference = ReferenceSigner([OURS])
    reference.answer = answer
    async with asking(reference) as signer:
        with pytest.raises(kind, match=why):
            await signer.sign(DIGEST)


async def test_another_ones_signature_ends_the_guard() -> None:
    reference = ReferenceSigner([])
    reference.answer = web.Response(body=f'{{"signature": "0x{key("eve").sign(DIGEST).hex()}"}}'.encode())
    async with asking(reference) as signer:
        with pytest.raises(SignerLies, match=r"signs as 0x.*, and not as 0x"):
            await signer.sign(DIGEST)


async def test_one_that_is_silent_or_away_is_waited_for_no_longer_than_said_and_its_address_is_not_shown() -> None:
    reference = ReferenceSigner([OURS])
    reference.silent = True
    async with asking(reference, timeout_s=0.2) as signer:
        with pytest.raises(SignerAway, match=r"does not answer \(TimeoutError\)"):
            await signer.sign(DIGEST)
    async with aiohttp.ClientSession() as session:
        for url in (reference.url, "http://user:hunter2@", "nonsense"):
            with pytest.raises(SignerAway) as away:
                await RemoteSigner(session, url, OURS.address, 1).sign(DIGEST)
            assert "hunter2" not in str(away.value)
            assert reference.url not in str(away.value)
