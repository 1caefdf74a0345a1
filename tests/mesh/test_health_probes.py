"""Probes against servers that give every wrong answer there is."""

from __future__ import annotations

import base64
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote

import aiohttp
import aiohttp.web
import pytest

from jurymast.chains.calls import Failure
from jurymast.chains.rpc import Endpoint, open_session
from jurymast.health_monitor.decide.sample import Answer
from jurymast.health_monitor.probe import Prober
from jurymast.watchlist import Chain, Provider
from tests import rpc_stub
from tests.rpc_stub import EVM_CHAIN_ID, FINALITY_BLOCKS, FUTURE, GENESIS, Behaviour, StubChain, StubProvider
from tests.servers import free_port
from tests.watching import policy

TIMEOUT_S = 0.5
MAX_BODY = 64 * 1024


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session() as opened:
        yield opened


@pytest.fixture(params=["solana", "evm"])
async def stub(request: pytest.FixtureRequest) -> AsyncIterator[StubProvider]:
    async with StubProvider(StubChain(request.param)).serving() as provider:
        yield provider


def prober(session: aiohttp.ClientSession, stub: StubProvider, url: str = "") -> Prober:
    family: Any = stub.chain.family
    chain_id = GENESIS if family == "solana" else str(EVM_CHAIN_ID)
    chain = Chain(policy(family=family, chain_id=chain_id, timeout_ms=round(TIMEOUT_S * 1000)), ())
    return Prober(session, chain, Provider("acme-1", "acme", url or stub.url), MAX_BODY)


async def failure(session: aiohttp.ClientSession, stub: StubProvider, url: str = "") -> Failure:
    began_s = time.monotonic()
    sample = await prober(session, stub, url).probe(1)
    assert time.monotonic() - began_s < TIMEOUT_S + 0.4, "a probe ends in time whatever happens"
    assert isinstance(sample.result, Failure), sample
    assert "sesame" not in str(sample.result)
    assert "127.0.0.1" not in str(sample.result)
    return sample.result


async def test_an_honest_answer(session: aiohttp.ClientSession, stub: StubProvider) -> None:
    stub.chain.halt()
    began_ms = time.time_ns() // 1_000_000
    sample = await prober(session, stub).probe(7)
    head = stub.chain.head
    tip = head + 1 if stub.chain.family == "solana" else head
    assert sample.result == Answer(head, tip, head - FINALITY_BLOCKS, stub.chain.clock_s * 1000)
    assert sample.at_ms == 7
    assert 0 <= sample.read_ms - began_ms < 1_000
    assert 0 <= sample.latency_ms < 500


async def test_the_chain_is_asked_for_at_first_and_after_every_failure(
    session: aiohttp.ClientSession, stub: StubProvider
) -> None:
    probes = prober(session, stub)
    identity = "getGenesisHash" if stub.chain.family == "solana" else "eth_chainId"

    async def asks_for_it() -> bool:
        stub.asked.clear()
        await probes.probe(1)
        return identity in stub.asked

    assert [await asks_for_it() for _ in range(3)] == [True, False, False]
    stub.behave = rpc_stub.unavailable
    await probes.probe(1)
    stub.behave = rpc_stub.honest
    assert [await asks_for_it() for _ in range(2)] == [True, False]


async def test_one_request_where_batches_are_taken_and_single_ones_where_not(
    session: aiohttp.ClientSession, stub: StubProvider
) -> None:
    probes = prober(session, stub)
    await probes.probe(1)
    assert stub.requests == 1
    stub.batches = False
    refused, single, again = await probes.probe(1), await probes.probe(1), await probes.probe(1)
    assert all(isinstance(sample.result, Answer) for sample in (refused, single, again))
    calls = 3 if stub.chain.family == "solana" else 2
    assert stub.requests == 1 + (1 + calls) + calls + calls, "it learns that from one refusal"


WRONG: list[tuple[Behaviour, str, str]] = [
    (rpc_stub.html, "garbage", "HTML"),
    (rpc_stub.garbage, "garbage", "no JSON-RPC"),
    (rpc_stub.wrong_shape, "garbage", ""),
    (rpc_stub.empty, "garbage", "without a reply to every call"),
    (rpc_stub.unavailable, "http", "status 503"),
    (rpc_stub.redirect, "http", "status 302"),
    (rpc_stub.refusal, "error", "-32001 invalid key ***"),
    (rpc_stub.huge, "huge", "more than 65536 bytes"),
    (rpc_stub.endless, "huge", "more than 65536 bytes"),
    (rpc_stub.bomb, "garbage", "a compressed body"),
    (rpc_stub.never, "timeout", "no answer within 0.5 s"),
    (rpc_stub.drip, "timeout", "no answer within 0.5 s"),
    (rpc_stub.cut, "unreachable", "closed the connection"),
    (rpc_stub.wrong_chain, "wrong-chain", "it is "),
]


@pytest.mark.parametrize(("behaviour", "kind", "detail"), WRONG, ids=lambda value: getattr(value, "__name__", ""))
async def test_every_wrong_answer_is_told_apart(
    session: aiohttp.ClientSession, stub: StubProvider, behaviour: Behaviour, kind: str, detail: str
) -> None:
    stub.behave = behaviour
    failed = await failure(session, stub)
    assert failed.kind == kind, failed
    assert detail in failed.detail


@pytest.mark.parametrize(
    ("secret", "repeated"),
    [
        ("?api-key=se%2Bsame%2Fstreet", "se+same/street"),
        ("?api-key=sesame+street", "sesame street"),
        ("v2/sesame-street", "SESAME-STREET"),
        ("?k=sesa", "sesa"),
        ("?k=sesame", "x" * 96 + "sesame"),
    ],
)
async def test_a_key_that_is_repeated_in_another_spelling_is_not_shown(
    session: aiohttp.ClientSession, stub: StubProvider, secret: str, repeated: str
) -> None:
    async def repeats(_: StubProvider, request: Any) -> Any:
        asked = await request.json()
        error = {"code": -32001, "message": f"invalid key {repeated}"}
        return aiohttp.web.json_response([{"jsonrpc": "2.0", "id": call["id"], "error": error} for call in asked])

    stub.behave = repeats
    detail = (await failure(session, stub, f"{stub.url.partition('/?')[0]}/{secret}")).detail.lower()
    assert detail.startswith("-32001 invalid key ")
    assert not any(part in detail for part in ("sesa", "same", "street", "xses"))


@pytest.mark.parametrize("login", ["user:p%40ssword1", "p%40ssword1", "user:p@ssword1"])
def test_a_password_is_not_shown_in_any_spelling(login: str) -> None:
    unused: Any = None
    shown = Endpoint(unused, f"https://{login}@acme.example/", timeout_s=1, max_body_bytes=1).shown
    sent = base64.b64encode(unquote(login).encode()).decode()
    assert "ssword" not in shown(f"no p@ssword1, no {login}, not Basic {sent}")
    assert sent not in shown(f"Basic {sent}")


async def test_what_a_provider_calls_its_chain_is_masked_like_all_it_says(
    session: aiohttp.ClientSession, stub: StubProvider
) -> None:
    async def repeats(_: StubProvider, request: Any) -> Any:
        results: dict[str, Any] = {"getGenesisHash": "sesame-street-" * 3, "eth_chainId": "0x5e5a3e"}
        answers = [{"id": call["id"], "result": results.get(call["method"], 0)} for call in await request.json()]
        return aiohttp.web.json_response(answers)

    stub.behave = repeats
    assert (await failure(session, stub)).kind == "wrong-chain"


async def test_a_wrong_answer_costs_the_next_right_one_nothing(session: aiohttp.ClientSession, stub: StubProvider) -> None:
    probes = prober(session, stub)
    for behaviour, _, _ in WRONG:
        stub.behave = behaviour
        await probes.probe(1)
    stub.behave, stub.wrong_id = rpc_stub.honest, False
    assert isinstance((await probes.probe(1)).result, Answer)


async def test_a_future_height_is_an_answer_for_others_to_judge(session: aiohttp.ClientSession, stub: StubProvider) -> None:
    stub.behave = rpc_stub.future
    sample = await prober(session, stub).probe(1)
    assert isinstance(sample.result, Answer)
    assert sample.result.head >= FUTURE


async def test_nobody_there(session: aiohttp.ClientSession, stub: StubProvider) -> None:
    assert str(await failure(session, stub, f"http://127.0.0.1:{free_port()}/sesame")) == "unreachable: Connection refused"
    assert (await failure(session, stub, "http://sesame.invalid/")).kind in ("unreachable", "timeout")
    assert str(await failure(session, stub, stub.url.replace("http:", "https:"))).startswith("unreachable: ")


async def test_a_body_that_is_too_large_is_not_read_to_its_end(session: aiohttp.ClientSession, stub: StubProvider) -> None:
    written = 0

    async def counted(__: StubProvider, request: Any) -> Any:
        nonlocal written
        response = aiohttp.web.StreamResponse()
        await response.prepare(request)
        for _ in range(4_096):
            await response.write(b" " * (1 << 16))
            written += 1 << 16
        return response

    stub.behave = counted
    assert (await failure(session, stub)).kind == "huge"
    assert written < 32 << 20, "the sender was stopped by what the socket holds"
