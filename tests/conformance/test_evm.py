"""What is the EVM plug-in's own: nonces, prices, proofs and the words of nodes, on a real one."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jurymast.chains.agreement import NoQuorum
from jurymast.chains.calls import Call, Failure, Refused
from jurymast.chains.evm import Policy, layout, open_sender, transaction, trie
from jurymast.chains.evm.answers import Meaning, meaning
from jurymast.chains.evm.calldata import FUNCTIONS
from jurymast.chains.evm.logs import KINDS
from jurymast.chains.evm.providers import Providers, good
from jurymast.chains.evm.transaction import Fees, Transaction
from jurymast.chains.local.evm.node import CHAIN_ID
from jurymast.chains.operations import Execute
from jurymast.chains.rpc import Endpoint, open_session
from jurymast.chains.words import Included, Payload, Unaffordable, Waiting, Wanted
from jurymast.crypto.secp256k1 import SigningKey
from jurymast.errors import Misconfigured
from tests.conformance.actions import ANN_AND_BEN, LATE, a_batch, credit, first_epoch, swap
from tests.conformance.evm import GWEI, POLICY, RELAY, TIMEOUT_S, EvmRig, network_of, open_rig
from tests.conformance.middleman import Middleman
from tests.conformance.rig import Lie
from tests.conformance.test_sending import batch, only, prepared
from tests.contracts import artifacts
from tests.contracts.abi import Entry
from tests.npm import PROJECT
from tests.servers import Process, eventually
from tests.unit.grids import ANN, BEN, EUR, ORACLE, TERMS, USD, Person, key

STRANGER = key("stranger")


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[EvmRig]:
    async with open_rig(tmp_path) as opened:
        yield opened


async def count(rig: EvmRig, who: SigningKey = RELAY) -> int:
    return int(await rig.anvil.call("eth_getTransactionCount", f"0x{who.address.hex()}", "latest"), 16)


def plain(nonce: int, **changes: Any) -> Transaction:
    made = Transaction(CHAIN_ID, nonce, Fees(10 * GWEI, GWEI), 100_000, RELAY.address, 0, b"")
    return made._replace(**changes)


def raw(made: Transaction, who: SigningKey = RELAY) -> str:
    return f"0x{transaction.sign(made, who).raw.hex()}"


# -- crashes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["stored", "sent"])
async def test_a_sender_that_is_killed_sends_once(rig: EvmRig, tmp_path: Path, where: str) -> None:
    await prepared(rig)
    payload = batch(rig)
    child = start(rig, tmp_path, payload, where)
    await eventually(lambda: said(child, where), what=where)
    child.popen.kill()
    await child.wait()
    assert await count(rig) == 0
    async with rig.sender(tmp_path / "sent") as sender:
        assert await sender.submit("batch 1", payload) == Waiting("batch 1"), "asked again, as whoever crashed does"
        await sender.tend()
        await rig.blocks(2)
        await rig.finalize()
        included = await only(sender)
        assert isinstance(included, Included)
        assert included.succeeded
    assert await count(rig) == 1, "exactly one landed"


def start(rig: EvmRig, tmp_path: Path, payload: Payload, where: str) -> Process:
    described = {
        "providers": {str(number): each.url for number, each in enumerate(rig.middlemen)},
        "chain_id": CHAIN_ID,
        "path": str(tmp_path / "sent"),
        "to": payload.to.hex(),
        "data": payload.data.hex(),
        "purpose": "batch 1",
        "die_at": where,
    }
    log = tmp_path / "child.log"
    return Process(sys.executable, "-m", "tests.conformance.evm_child", json.dumps(described), log=log)


async def said(child: Process, where: str) -> bool:
    assert child.popen.poll() is None, child.log.read_text()
    return where in child.log.read_text().split()


# -- nonces ------------------------------------------------------------------------------------------------------------


async def test_a_provider_that_hangs_holds_nothing_up(rig: EvmRig, tmp_path: Path) -> None:
    rig.lie(Lie.SILENT)
    async with rig.sender(tmp_path / "sent") as sender:
        began_s = time.monotonic()
        for number in range(3):
            await sender.submit(f"{number}", Payload(STRANGER.address, b"", value=1, cost=50_000))
        assert time.monotonic() - began_s < TIMEOUT_S * 3
        await rig.blocks(1)
        assert [type(each) for each in await sender.tend()] == [Included] * 3


async def test_several_wait_and_land_in_their_order(rig: EvmRig, tmp_path: Path) -> None:
    async with rig.sender(tmp_path / "sent") as sender:
        for number in range(5):
            await sender.submit(f"{number}", Payload(STRANGER.address, b"", value=number + 1))
        await rig.blocks(1)
        await rig.finalize()
        assert [each.purpose for each in await sender.tend()] == ["0", "1", "2", "3", "4"]
    assert await count(rig) == 5


async def test_a_node_that_forgets_is_told_again(rig: EvmRig, tmp_path: Path) -> None:
    async with rig.sender(tmp_path / "sent") as sender:
        await sender.submit("first", Payload(STRANGER.address, b"", value=1))
        await rig.anvil.call("anvil_dropAllTransactions")
        await rig.blocks(1)
        assert await count(rig) == 0
        await sender.tend()
        await rig.blocks(1)
        assert await count(rig) == 1


async def test_who_loses_a_nonce_to_somebody_with_the_same_key_begins_anew(rig: EvmRig, tmp_path: Path) -> None:
    async with rig.sender(tmp_path / "sent") as sender:
        await sender.submit("ours", Payload(STRANGER.address, b"", value=7))
        await rig.anvil.call("anvil_dropAllTransactions")
        await rig.anvil.call("eth_sendRawTransaction", raw(plain(0)))
        await rig.blocks(1)
        assert await only(sender) == Waiting("ours")
        await rig.finalize()
        displaced = await only(sender)
        assert isinstance(displaced, Waiting)
        assert "who else has the key?" in displaced.complaint
        await rig.blocks(1)
        included = await only(sender)
        assert isinstance(included, Included)
    assert await count(rig) == 2
    assert int(await rig.anvil.call("eth_getBalance", f"0x{STRANGER.address.hex()}", "latest"), 16) == 7


async def test_nonces_that_a_reorganisation_has_freed_below_ours_are_filled(rig: EvmRig, tmp_path: Path) -> None:
    """Somebody else's transaction is gone, and ours would wait behind it for ever."""
    await rig.blocks(6)
    await rig.anvil.call("eth_sendRawTransaction", raw(plain(0)))
    await rig.blocks(1)
    async with rig.sender(tmp_path / "sent") as sender:
        await sender.submit("ours", Payload(STRANGER.address, b"", value=7))
        await rig.reorganise(1)
        await rig.anvil.call("anvil_dropAllTransactions")
        await sender.tend()
        await rig.blocks(1)
        await sender.tend()
        await rig.blocks(1)
        included = await only(sender)
        assert isinstance(included, Included)
        await rig.finalize()
        await sender.tend()
        assert [each.purpose for each in await sender.tend()] == ["ours"]
    assert await count(rig) == 2


async def test_stored_transactions_are_of_one_account_on_one_chain(rig: EvmRig, tmp_path: Path) -> None:
    async with rig.sender(tmp_path / "sent"):
        pass
    with pytest.raises(Misconfigured, match="name another file"):
        async with open_sender(rig.chain.providers, STRANGER, tmp_path / "sent", POLICY):
            pass


# -- prices ------------------------------------------------------------------------------------------------------------


async def test_what_waits_too_long_is_offered_for_more_and_lands_once(rig: EvmRig, tmp_path: Path) -> None:
    async with open_sender(rig.chain.providers, RELAY, tmp_path / "sent", Policy(most=1_000 * GWEI, patience_s=10)) as sender:
        await sender.submit("ours", Payload(STRANGER.address, b"", value=7))
        await rig.anvil.call("anvil_dropAllTransactions")
        await rig.anvil.call("evm_increaseTime", 11)
        await rig.blocks(1)
        await sender.tend()
        [pending] = (await rig.anvil.call("txpool_content"))["pending"].values()
        [offered] = pending.values()
        base = int((await rig.anvil.call("eth_getBlockByNumber", "latest", False))["baseFeePerGas"], 16)
        assert int(offered["maxFeePerGas"], 16) >= base * 2
        assert int(offered["maxPriorityFeePerGas"], 16) == 2, "more than a tenth above the tip of 1"
        await rig.blocks(1)
        included = await only(sender)
        assert isinstance(included, Included)
        assert included.transaction.hex() == offered["hash"][2:]
    assert await count(rig) == 1


async def test_what_would_cost_too_much_is_only_repeated_and_an_operator_hears_of_it(rig: EvmRig, tmp_path: Path) -> None:
    async with open_sender(rig.chain.providers, RELAY, tmp_path / "sent", Policy(most=2 * GWEI, patience_s=10)) as sender:
        await sender.submit("ours", Payload(STRANGER.address, b"", value=7))
        await rig.anvil.call("anvil_dropAllTransactions")
        await rig.anvil.call("anvil_setNextBlockBaseFeePerGas", hex(3 * GWEI))
        await rig.anvil.call("evm_increaseTime", 11)
        await rig.blocks(1)
        held = await only(sender)
        assert isinstance(held, Waiting)
        assert "and may offer 2000000000" in held.complaint
        for _ in range(20):
            await rig.anvil.call("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
            await rig.blocks(1)
        await sender.tend()
        await rig.blocks(1)
        assert isinstance(await only(sender), Included), "the price has fallen"


async def test_nothing_is_signed_above_the_limit(rig: EvmRig, tmp_path: Path) -> None:
    async with open_sender(rig.chain.providers, RELAY, tmp_path / "sent", Policy(most=1)) as sender:
        with pytest.raises(Unaffordable) as refused:
            await sender.submit("ours", Payload(STRANGER.address, b"", value=7))
        assert refused.value.most == 1
        assert await sender.tend() == []


async def test_an_operator_hears_that_the_account_is_empty(rig: EvmRig, tmp_path: Path) -> None:
    async with open_sender(rig.chain.providers, STRANGER, tmp_path / "sent", POLICY) as sender:
        progress = await sender.submit("ours", Payload(RELAY.address, b"", value=7, cost=50_000))
        assert isinstance(progress, Waiting)
        assert progress.complaint.lower().startswith("poor: insufficient funds")


# -- words -------------------------------------------------------------------------------------------------------------

SAID = [
    ([plain(0), plain(0)], Meaning.TAKEN),
    ([plain(0), plain(0, fees=Fees(9 * GWEI, 1))], Meaning.OUTBID),
    ([plain(0, fees=Fees(1, 1))], Meaning.CHEAP),
    ([plain(0, value=10**30)], Meaning.POOR),
    ([plain(0, chain_id=1)], Meaning.INVALID),
    ([plain(0, gas=100)], Meaning.INVALID),
    ([plain(0, gas=10**10)], Meaning.INVALID),
    ([plain(0, fees=Fees(5 * GWEI, 6 * GWEI))], Meaning.INVALID),
]


@pytest.mark.parametrize(("sent", "meant"), SAID)
async def test_the_words_of_this_node_are_in_the_table(rig: EvmRig, sent: list[Transaction], meant: Meaning) -> None:
    async with open_session() as session:
        node = Endpoint(session, rig.anvil.url, timeout_s=2, max_body_bytes=1 << 20)
        answers = [(await node.ask_each([Call("eth_sendRawTransaction", (raw(each),))]))[0] for each in sent]
        assert isinstance(answers[-1], Refused), answers
        assert meaning(answers[-1]) is meant, answers[-1]


async def test_a_used_nonce_and_bytes_that_are_none_are_told_apart(rig: EvmRig) -> None:
    async with open_session() as session:
        node = Endpoint(session, rig.anvil.url, timeout_s=2, max_body_bytes=1 << 20)
        await node.ask([Call("eth_sendRawTransaction", (raw(plain(0)),))])
        await rig.blocks(1)
        used, nonsense = await node.ask_each(
            [Call("eth_sendRawTransaction", (raw(plain(0, value=1)),)), Call("eth_sendRawTransaction", ("0x02deadbeef",))]
        )
        assert isinstance(used, Refused)
        assert isinstance(nonsense, Refused)
        assert (meaning(used), meaning(nonsense)) == (Meaning.USED, Meaning.INVALID)


# -- providers ---------------------------------------------------------------------------------------------------------


async def test_providers_of_another_chain_are_excluded_with_the_reason(rig: EvmRig) -> None:
    rig.lie(Lie.OTHER_CHAIN)
    async with open_session() as session:
        providers = Providers(session, rig.chain.providers.network)
        await providers.agreed("the chain", [Call("eth_chainId")], lambda results: bytes(good(results[0])))
        await eventually(lambda: excluded(providers), what="excluded")
        assert providers.excluded == {"ann": "wrong-chain: its chain id is 1, not 412346"}
        rig.lie(None)
        await providers.tell([Call("eth_chainId")])
        assert providers.excluded == {}, "it serves the right one again"


async def excluded(providers: Providers) -> bool:
    await providers.tell([Call("eth_chainId")])
    return bool(providers.excluded)


async def test_another_genesis_is_another_chain(rig: EvmRig) -> None:
    async with open_session() as session:
        providers = Providers(session, network_of(rig.middlemen, b"\x11" * 32))
        with pytest.raises(NoQuorum) as refused:
            await providers.agreed("the chain", [Call("eth_chainId")], lambda results: bytes(good(results[0])))
        for answer in refused.value.said.values():
            assert isinstance(answer, Failure)
            assert answer.kind == "wrong-chain"
            assert "its first block is" in answer.detail


def test_a_quorum_is_more_than_half(rig: EvmRig) -> None:
    with pytest.raises(Misconfigured, match="more than half of 3 operators"):
        replace(rig.chain.providers.network, quorum=1)


async def test_where_there_is_no_grid_there_is_no_state(rig: EvmRig) -> None:
    head = (await rig.chain.heads()).soft
    rig.chain.grid = b"\x77" * 20
    with pytest.raises(NoQuorum) as refused:
        await rig.chain.state(Wanted(), head)
    assert "there is no contract at" in str(refused.value)


async def test_a_range_that_is_too_much_for_providers_is_halved(rig: EvmRig, monkeypatch: pytest.MonkeyPatch) -> None:
    await prepared(rig)
    await rig.finalize()
    final = (await rig.chain.heads()).final.height
    whole = await rig.chain.events(0, final)
    told = Middleman._told

    def limited(self: Middleman, call: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        if call["method"] == "eth_getLogs":
            where = call["params"][0]
            if int(where["toBlock"], 16) - int(where["fromBlock"], 16) > 1:
                return {"jsonrpc": "2.0", "id": call["id"], "error": {"code": -32005, "message": "more than 2 blocks"}}
        return told(self, call, answer)

    monkeypatch.setattr(Middleman, "_told", limited)
    assert await rig.chain.events(0, final) == whole
    assert len(whole) > 3


# -- proofs ------------------------------------------------------------------------------------------------------------


async def test_proofs_of_a_real_node_show_what_it_stores_and_nothing_else(rig: EvmRig) -> None:
    """Accounts that are there and not, slots that are there and not; then each proof with a byte changed."""
    await prepared(rig)
    await rig.run(a_batch(rig.chain.number, 1, *ANN_AND_BEN))
    head = await rig.anvil.call("eth_getBlockByNumber", "latest", False)
    root, grid = bytes.fromhex(head["stateRoot"][2:]), f"0x{rig.chain.grid.hex()}"
    slots = [f"0x{number:064x}" for number in range(20)]
    shown = await rig.anvil.call("eth_getProof", grid, slots, head["hash"])
    nodes = [bytes.fromhex(node[2:]) for node in shown["accountProof"]]
    account = trie.account(root, rig.chain.grid, nodes)
    assert account.code.hex() == shown["codeHash"][2:]
    stored = {}
    for slot, entry in zip(slots, shown["storageProof"], strict=True):
        proof = [bytes.fromhex(node[2:]) for node in entry["proof"]]
        stored[slot] = proof
        word = trie.word(account.storage, bytes.fromhex(slot[2:]), proof)
        assert word.hex() == (await rig.anvil.call("eth_getStorageAt", grid, slot, "latest"))[2:]
        assert int.from_bytes(word, "big") == int(entry["value"], 16)
    assert any(int(entry["value"], 16) for entry in shown["storageProof"])
    absent = await rig.anvil.call("eth_getProof", f"0x{'ab' * 20}", [], head["hash"])
    assert trie.account(root, b"\xab" * 20, [bytes.fromhex(node[2:]) for node in absent["accountProof"]]) == trie.NOBODY

    @settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.sampled_from(slots), st.data())
    def changed(slot: str, data: st.DataObject) -> None:
        proof, key_ = list(stored[slot]), bytes.fromhex(slot[2:])
        truth = trie.word(account.storage, key_, proof)
        at = data.draw(st.integers(0, len(proof) - 1))
        byte = data.draw(st.integers(0, len(proof[at]) - 1))
        proof[at] = proof[at][:byte] + bytes([proof[at][byte] ^ data.draw(st.integers(1, 255))]) + proof[at][byte + 1 :]
        with suppress(trie.BadProof):
            assert trie.word(account.storage, key_, proof) == truth

    changed()


# -- the contract's interface ------------------------------------------------------------------------------------------


def test_every_function_that_changes_something_is_ours_as_the_contract_has_it() -> None:
    interface = artifacts.built(PROJECT, "IPhantomGrid.sol", "IPhantomGrid").abi
    theirs = {Entry(each["name"], each["inputs"], ()).signature for each in interface if is_change(each)}
    assert {function.signature for function in FUNCTIONS} == theirs


def is_change(each: dict[str, Any]) -> bool:
    return each["type"] == "function" and each["stateMutability"] not in ("view", "pure")


def test_every_event_is_known_as_the_contract_declares_it() -> None:
    interface = artifacts.built(PROJECT, "IPhantomGrid.sol", "IPhantomGrid").abi
    theirs = {
        (each["name"], tuple((parameter["type"], parameter["indexed"]) for parameter in each["inputs"]))
        for each in interface
        if each["type"] == "event"
    }
    ours = {(kind.name, tuple((each.type, each.indexed) for each in kind.parameters)) for kind in KINDS.values()}
    assert ours == theirs


def test_slots_and_fields_are_where_the_compiler_puts_them() -> None:
    grid = artifacts.built(PROJECT, "PhantomGrid.sol", "PhantomGrid")
    slots = {each["label"]: int(each["slot"]) for each in grid.storage}
    names = ("_lock", "_accounts", "_balances", "_matches", "_outcomes")
    ours = (layout.LOCK, layout.ACCOUNTS, layout.BALANCES, layout.MATCHES, layout.OUTCOMES)
    assert ours == tuple(slots[name] for name in names)
    assert fields(grid, "Lock", "epoch", "active", "pausedUntil", "empty") == (
        layout.EPOCH,
        layout.ACTIVE,
        layout.PAUSED_UNTIL,
        layout.EMPTY,
    )
    assert fields(grid, "Match", "step") == (layout.STEP,)
    assert fields(grid, "Account", "nonces")[0].at == 256, "in the next word"


def fields(grid: artifacts.Artifact, struct: str, *names: str) -> tuple[layout.Field, ...]:
    """Where they lie, counted in bits from the beginning of the struct."""
    [members] = [definition["members"] for definition in grid.types.values() if definition["label"] == f"struct {struct}"]
    found = {each["label"]: each for each in members}
    sizes = {name: int(grid.types[found[name]["type"]]["numberOfBytes"]) for name in names}
    return tuple(layout.Field(int(found[name]["slot"]) * 256 + found[name]["offset"] * 8, sizes[name] * 8) for name in names)


# -- limits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("actions", [2, 60, 400])
async def test_what_a_batch_takes_is_below_what_it_was_measured_as(rig: EvmRig, actions: int) -> None:
    await prepared(rig)
    for sequence, person, asset in ((3, ANN, EUR), (4, BEN, USD)):
        await rig.run(credit(sequence, person, asset, 1_000))
    await takes_less(rig, swap(rig.chain.number, 1, actions))


async def test_so_does_one_of_many_people_who_have_never_had_what_they_buy(rig: EvmRig) -> None:
    await rig.run(first_epoch())
    people = [Person(f"user {number}") for number in range(20)]
    for number, person in enumerate(people):
        await rig.run(credit(number + 1, person, (EUR, USD)[number % 2], 10))
    sides = ((EUR, USD), (USD, EUR))
    intents = [person.intent(0, sides[n % 2][0], 10, sides[n % 2][1], deadline=LATE) for n, person in enumerate(people)]
    await takes_less(rig, a_batch(rig.chain.number, 1, *intents))


async def test_so_does_a_match(rig: EvmRig) -> None:
    await rig.run(first_epoch())
    for number, person in enumerate((ANN, BEN)):
        await rig.run(credit(number + 1, person, EUR, 100))
    joins = [person.signs(msgspec.structs.replace(person.join(0, TERMS).signed, deadline=LATE), TERMS) for person in (ANN, BEN)]
    await takes_less(rig, a_batch(rig.chain.number, 1, *joins))
    await takes_less(rig, a_batch(rig.chain.number, 2, ORACLE.verdict(TERMS, BEN)))
    ended = frozenset({(TERMS.content(), 1), (TERMS.content(), 2), (ANN.id, 0)})
    state = (await rig.chain.state(Wanted(ended), (await rig.chain.heads()).soft)).state
    assert state.used == {(TERMS.content(), 1), (ANN.id, 0)}


async def takes_less(rig: EvmRig, operation: Execute) -> None:
    size = rig.chain.measure(operation)
    rig.chain.limits.check(size)
    await rig.run(operation)
    [done] = (await rig.anvil.call("eth_getBlockByNumber", "latest", True))["transactions"]
    used = int((await rig.anvil.call("eth_getTransactionReceipt", done["hash"]))["gasUsed"], 16)
    raw_bytes = len(transaction.sign(plain(0, data=bytes.fromhex(done["input"][2:])), RELAY).raw)
    assert used <= size.cost
    assert raw_bytes <= size.bytes <= raw_bytes + 200


# -- a node that stands still ------------------------------------------------------------------------------------------


async def test_a_frozen_node_costs_a_bounded_time_and_nothing_else(rig: EvmRig, tmp_path: Path) -> None:
    await prepared(rig)
    before = await rig.chain.heads()
    async with rig.sender(tmp_path / "sent") as sender:
        await sender.submit("batch 1", batch(rig))
        rig.anvil.process.send(signal.SIGSTOP)
        began_s = time.monotonic()
        for question in (rig.chain.heads(), sender.tend(), sender.submit("batch 2", batch(rig))):
            with pytest.raises(NoQuorum):
                await question
        assert time.monotonic() - began_s < 8
        rig.anvil.process.send(signal.SIGCONT)
        assert await rig.chain.heads() == before
        await rig.blocks(1)
        assert isinstance(await only(sender), Included)
