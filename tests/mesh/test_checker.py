"""The checker finds honest runs clean, and in each one that is not what is wrong with it, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jurymast.book.execute import Action
from jurymast.book.leaves import AccountLeaf, BalanceLeaf, HoldLeaf, MatchLeaf
from jurymast.book.nonces import Nonces
from jurymast.book.signed import ARBITRUM, NO_ASSET, SOLANA
from jurymast.crypto.keccak import keccak256
from tests.checker import wire
from tests.checker.__main__ import BROKEN, CLEAN, UNKNOWN
from tests.checker.findings import Finding, Kind, identity
from tests.contracts import artifacts
from tests.mesh.checked import (
    HIDDEN_FEE,
    HIDDEN_GIFT,
    HIDDEN_SHARE,
    HIDDEN_THEFT,
    Cut,
    Grid,
    World,
    deploy,
    forwarder,
    honest_grid,
    honest_story,
    running_world,
    sells,
    swap,
    tampered_grid,
    withdraws,
)
from tests.npm import PROJECT
from tests.servers import ROOT
from tests.unit.grids import ANN, BEN, EUR, EVE, ORACLE, TERMS, TREASURY, USD

pytestmark = pytest.mark.xdist_group("checker")  # What they compile, they compile once.

ANNS, BENS, EVES = (identity((person.id, 0)) for person in (ANN, BEN, EVE))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running_world(tmp_path) as running:
        yield running


@pytest.fixture
async def grid(world: World) -> Grid:
    return await world.grid(honest_grid())


@pytest.fixture
async def tampered(world: World) -> Grid:
    """A contract that lacks its checks, and does more than it should at certain amounts."""
    return await world.grid(tampered_grid())


async def found(world: World) -> set[tuple[Kind, str]]:
    return {(finding.kind, finding.who) for finding in (await world.verdict()).findings}


async def of_kind(world: World, kind: Kind) -> Finding:
    """The first of that kind."""
    return next(finding for finding in (await world.verdict()).findings if finding.kind == kind)


async def settled(world: World, grid: Grid, *actions: Action, end: str = "executed", reason: str = "") -> None:
    """Sent, executed, and told so."""
    world.senders.send(*actions)
    await grid.execute(*actions)
    world.senders.told(end, *actions, reason=reason)


# -- the interface -----------------------------------------------------------------------------------------------------


def test_it_knows_every_event_and_every_call_that_is_signed_as_the_contract_has_them() -> None:
    entries = artifacts.built(PROJECT, "IPhantomGrid.sol", "IPhantomGrid").abi
    events = {_declared(entry) for entry in entries if entry["type"] == "event"}
    assert events == {text for text in wire.EVENTS if not text.startswith("Transfer(")}
    functions = [entry for entry in entries if entry["type"] == "function"]
    signed = [entry for entry in functions if {"signature", "signatures"} & {each["name"] for each in entry["inputs"]}]
    assert {f"{entry['name']}({','.join(map(_named, entry['inputs']))})" for entry in signed} == set(wire.CALLS)


def _declared(event: dict[str, Any]) -> str:
    words = (f"{each['type']}{' indexed' * each['indexed']} {each['name'].rstrip('_')}" for each in event["inputs"])
    return f"{event['name']}({','.join(words)})"


def _named(parameter: dict[str, Any]) -> str:
    """A struct by its name."""
    return str(parameter["internalType"]).removeprefix("struct ")


# -- clean -------------------------------------------------------------------------------------------------------------


async def test_an_honest_run_is_clean(world: World, grid: Grid) -> None:
    await honest_story(world, grid)
    verdict = await world.verdict()
    assert verdict.findings == ()
    counted = {"signed": 14, "acknowledged": 13, "executed": 10, "batches": 6, "deposits": 6, "withdrawals": 2, "cancels": 1}
    ends = {"cancelled on chain": 1, "told expired": 1, "told rejected": 1, "open": 1}
    assert verdict.figures == counted | ends
    assert verdict.chains[0].sums[1] == {
        "asset": USD,
        "balances": 29_500,
        "escrow": 0,
        "liabilities": 29_500,
        "entered": 0,
        "vault": 29_900,
        "over the bridge": 400,
        "tokens": 29_900,
    }


def cut_of_what_ann_had() -> Cut:
    """While one batch of hers was in doubt that had executed, and one that had not; and a match ran."""
    nonces = Nonces().use(0).use(7)
    balance = BalanceLeaf(account=ANN.id, asset=EUR, available=500, held=100)
    holds = [
        HoldLeaf(
            origin=SOLANA,
            epoch=1,
            batch=batch,
            account=ANN.id,
            nonce=nonce,
            out_asset=EUR,
            out_amount=out,
            in_asset=USD,
            in_amount=45,
        )
        for batch, nonce, out in ((1, 4, 60), (2, 5, 40))
    ]
    running = MatchLeaf(terms=TERMS.content(), step=0, players=(ANN.id, BEN.id))
    account = AccountLeaf(account=ANN.id, authority=ANN.key.address, nonces=nonces.word)
    return Cut(account, balance, running, *holds, totals={EUR: 800, USD: 45})


async def test_a_run_that_goes_on_elsewhere_is_clean(world: World) -> None:
    first = await world.grid(honest_grid(), number=SOLANA)
    await settled(world, first, *swap(0))
    cut = cut_of_what_ann_had()
    second = await world.grid(honest_grid(), epoch=2, cut=cut)
    await second.resolve(SOLANA, 1, 1, executed=True)
    await second.resolve(SOLANA, 1, 2, executed=False)
    await second.enter(cut)
    await second.credit(SOLANA, ANN, 10_000)
    world.senders.send(sells(ANN, 1, EUR, 300), sells(EVE, 0, USD, 300), ORACLE.verdict(TERMS, BEN))
    actions = (sells(ANN, 1, EUR, 300), sells(EVE, 0, USD, 300), ORACLE.verdict(TERMS, BEN))
    await second.execute(*actions, absent=((EVE.id, NO_ASSET),), dead=((ANN.id, 2),))
    assert await found(world) == set()
    sums = (await world.verdict()).chains[1].sums[0]
    assert (sums["entered"], sums["balances"], sums["escrow"]) == (800, 30_000 + 800 - 60 + 10_000, 0)


async def test_what_has_not_entered_is_not_spent(world: World, tampered: Grid) -> None:
    cut = Cut(AccountLeaf(account=BEN.id, authority=BEN.key.address, nonces=Nonces().word))
    other = await world.grid(tampered_grid(), number=SOLANA, epoch=tampered.epoch + 1, cut=cut)
    await other.enter(cut)
    world.senders.send(*swap(0))
    await other.execute(*swap(0), absent=((ANN.id, NO_ASSET),))
    assert await found(world) == {(Kind.OVERDRAWN, f"asset {USD} of 0x{BEN.id.hex()}")}


async def test_a_run_whose_epoch_changes_on_one_chain_is_clean(world: World, grid: Grid) -> None:
    await grid.begin(2)
    assert await found(world) == set()
    await grid.deposit(ANN, EUR, 5)
    assert await found(world) == set()


async def test_it_judges_deeds_and_not_code(world: World, tampered: Grid) -> None:
    await honest_story(world, tampered)
    assert await found(world) == set()


async def test_tokens_that_somebody_gives_to_the_vault_are_nobodys(world: World, grid: Grid) -> None:
    await grid.coins[EUR].call("transfer", bytes.fromhex(grid.contract.address[2:]), 12_345)
    assert await found(world) == set()


# -- ten runs that are corrupted, and more ------------------------------------------------------------------------------


async def test_an_acknowledged_intent_that_the_chain_dropped(world: World, grid: Grid) -> None:
    world.senders.send(*swap(0))
    await grid.execute(*swap(0))
    await world.anvil.call("anvil_rollback", 1)
    assert await found(world) == {(Kind.LOST, ANNS), (Kind.LOST, BENS)}


async def test_senders_who_were_told_that_it_expired_and_it_executed(world: World, grid: Grid) -> None:
    await settled(world, grid, *swap(0), end="expired", reason="its deadline passed")
    assert await found(world) == {(Kind.TOLD_ENDED, ANNS), (Kind.TOLD_ENDED, BENS)}


async def test_an_intent_that_two_chains_execute(world: World, grid: Grid) -> None:
    other = await world.grid(honest_grid(), number=SOLANA, epoch=2)
    await settled(world, grid, *swap(0))
    await other.execute(*swap(0))
    assert await found(world) == {(Kind.TWICE, ANNS), (Kind.TWICE, BENS)}
    finding = await of_kind(world, Kind.TWICE)
    assert [place.chain for place in finding.places] == [grid.name, other.name]
    assert finding.what == "in batch 1 of epoch 1 on chain 2, and in batch 1 of epoch 2 on chain 1"


async def test_an_intent_executed_beyond_its_limit(world: World, tampered: Grid) -> None:
    await settled(world, tampered, sells(ANN, 0, EUR, 1_000, least=1_000), sells(BEN, 0, USD, 1_000))
    assert await found(world) == {(Kind.LIMIT, ANNS)}


async def test_a_treasury_that_gets_more_than_fees(world: World, tampered: Grid) -> None:
    await settled(world, tampered, *swap(0, HIDDEN_SHARE))
    about = {f"balanceOf(0x{TREASURY.id.hex()}, {asset})" for asset in (EUR, USD)}
    sums = {f"asset {asset}" for asset in (EUR, USD)}
    assert await found(world) == {(Kind.UNEXPLAINED, each) for each in about} | {(Kind.SUM, each) for each in sums}


async def test_an_intent_that_buys_less_than_it_should(world: World, tampered: Grid) -> None:
    await settled(world, tampered, *swap(0, HIDDEN_FEE))
    assert await found(world) == {(Kind.UNLIKE, "batch 1 of epoch 1 on chain 2")}
    assert f"{ANNS} (0x{ANN.id.hex()}, 0, 1, 2, 888, 887)" in (await of_kind(world, Kind.UNLIKE)).what.partition("due")[2]


async def test_tokens_taken_out_of_the_vault(world: World, grid: Grid) -> None:
    await world.anvil.call("anvil_impersonateAccount", grid.contract.address)
    await world.anvil.call("anvil_setBalance", grid.contract.address, hex(10**20))
    await grid.coins[USD].call("transfer", ANN.key.address, 250, sender=grid.contract.address)
    assert await found(world) == {(Kind.PAYMENT, f"token {grid.coins[USD].address}"), (Kind.SUM, f"asset {USD}")}
    assert (await of_kind(world, Kind.PAYMENT)).what == f"250 left the vault to 0x{ANN.key.address.hex()}"


async def test_tokens_that_vanish_without_a_trace(world: World, grid: Grid) -> None:
    word = grid.contract.address[2:].rjust(64, "0")
    slot = keccak256(bytes.fromhex(word), bytes(32))
    await world.anvil.call("anvil_setStorageAt", grid.coins[EUR].address, f"0x{slot.hex()}", f"0x{2_999_999:064x}")
    assert await found(world) == {(Kind.SUM, f"asset {EUR}")}


async def test_a_deposit_that_counts_for_more_than_came(world: World, tampered: Grid) -> None:
    await tampered.deposit(ANN, USD, HIDDEN_GIFT)
    assert await found(world) == {(Kind.PAYMENT, f"token {tampered.coins[USD].address}"), (Kind.SUM, f"asset {USD}")}
    assert (await of_kind(world, Kind.PAYMENT)).what == "999 came and 0 went back, where 1000 were counted"


async def test_a_vault_that_changes_by_itself(world: World, grid: Grid) -> None:
    slot = next(int(each["slot"]) for each in honest_grid().storage if each["label"] == "_assets")
    place = f"0x{keccak256(EUR.to_bytes(32, 'big'), slot.to_bytes(32, 'big')).hex()}"
    word = int(await world.anvil.call("eth_getStorageAt", grid.contract.address, place, "latest"), 16)
    await world.anvil.call("anvil_setStorageAt", grid.contract.address, place, f"0x{word + (1 << 64):064x}")
    assert await found(world) == {(Kind.UNEXPLAINED, f"assetOf({EUR})"), (Kind.SUM, f"asset {EUR}")}
    assert "the vault has 30001, for 30000 owed" in (await of_kind(world, Kind.SUM)).what


async def test_a_balance_that_changes_by_itself(world: World, grid: Grid) -> None:
    slot = next(int(each["slot"]) for each in honest_grid().storage if each["label"] == "_balances")
    of_ann = keccak256(ANN.id, slot.to_bytes(32, "big"))
    place = f"0x{keccak256(EUR.to_bytes(32, 'big'), of_ann).hex()}"
    word = int(await world.anvil.call("eth_getStorageAt", grid.contract.address, place, "latest"), 16)
    await world.anvil.call("anvil_setStorageAt", grid.contract.address, place, f"0x{word + 5:064x}")
    about = f"balanceOf(0x{ANN.id.hex()}, {EUR})"
    assert await found(world) == {(Kind.UNEXPLAINED, about), (Kind.SUM, f"asset {EUR}")}


async def test_an_intent_that_its_owner_did_not_sign(world: World, tampered: Grid) -> None:
    stolen = msgspec.structs.replace(sells(EVE, 0, EUR, 500), signature=BEN.key.sign(bytes(32)))
    world.senders.send(sells(BEN, 0, USD, 500))
    await tampered.execute(stolen, sells(BEN, 0, USD, 500))
    assert await found(world) == {(Kind.UNSIGNED, EVES)}


async def test_a_withdrawal_paid_to_somebody_else(world: World, tampered: Grid) -> None:
    await settled(world, tampered, withdraws(ANN, 0, USD, HIDDEN_THEFT))
    assert await found(world) == {(Kind.PAYMENT, f"token {tampered.coins[USD].address}")}
    said = [finding.what for finding in (await world.verdict()).findings]
    thief = 0xBAD.to_bytes(20, "big").hex()
    assert said == [f"666 owed to 0x{ANN.key.address.hex()} and not paid", f"666 left the vault to 0x{thief}"]


async def test_senders_who_were_told_executed_of_what_was_cancelled(world: World, grid: Grid) -> None:
    world.senders.send(sells(EVE, 0, EUR, 10))
    await grid.cancel(EVE, 1)
    world.senders.told("executed", sells(EVE, 0, EUR, 10))
    assert await found(world) == {(Kind.TOLD_EXECUTED, EVES)}
    assert "its owner cancelled below 1" in (await of_kind(world, Kind.TOLD_EXECUTED)).what


async def test_an_intent_executed_at_more_than_its_fee(world: World, tampered: Grid) -> None:
    await settled(world, tampered, sells(ANN, 0, EUR, 1_000, fee=9), sells(BEN, 0, USD, 1_000))
    assert await found(world) == {(Kind.FEE, ANNS)}


async def test_an_intent_executed_after_its_deadline(world: World, tampered: Grid) -> None:
    late = sells(ANN, 0, EUR, 1_000, deadline=await world.now())
    await world.pass_time(100)
    await settled(world, tampered, late, sells(BEN, 0, USD, 1_000))
    assert await found(world) == {(Kind.LATE, ANNS)}


async def test_a_batch_that_too_few_guards_permitted(world: World, tampered: Grid) -> None:
    world.senders.send(*swap(0))
    await tampered.execute(*swap(0), who=(2,))
    assert await found(world) == {(Kind.UNPERMITTED, "batch 1 of epoch 1 on chain 2")}


async def test_an_intent_that_one_chain_executes_twice(world: World, tampered: Grid) -> None:
    await settled(world, tampered, *swap(0))
    await tampered.execute(*swap(0))
    assert await found(world) == {(Kind.TWICE, ANNS), (Kind.TWICE, BENS)}


async def test_an_intent_executed_after_it_was_cancelled(world: World, tampered: Grid) -> None:
    await tampered.cancel(ANN, 1)
    await settled(world, tampered, *swap(0))
    assert await found(world) == {(Kind.USED, ANNS)}


async def test_a_batch_that_takes_what_is_not_there(world: World, tampered: Grid) -> None:
    await settled(world, tampered, sells(ANN, 0, EUR, 10_001), sells(BEN, 0, USD, 9_000), sells(EVE, 0, USD, 1_001))
    assert await found(world) == {(Kind.OVERDRAWN, f"asset {EUR} of 0x{ANN.id.hex()}")}


async def test_an_execution_that_no_sender_lists(world: World, grid: Grid) -> None:
    world.senders.send(swap(0)[0])
    await grid.execute(*swap(0))
    assert await found(world) == {(Kind.UNLISTED, BENS)}


async def test_a_batch_whose_calldata_is_nowhere(world: World, grid: Grid) -> None:
    world.senders.send(*swap(0))
    through = await deploy(world.anvil, world.account, forwarder())
    data = grid.contract.data("execute", *grid.batch(*swap(0)))
    await through.call("forward", bytes.fromhex(grid.contract.address[2:]), data)
    assert await found(world) == {(Kind.UNSEEN, "batch 1 of epoch 1 on chain 2")}
    assert (await world.verdict()).figures["executed"] == 2


async def test_two_chains_that_are_active_in_one_epoch(world: World, grid: Grid) -> None:
    await world.grid(honest_grid(), number=SOLANA, epoch=grid.epoch)
    assert await found(world) == {(Kind.SPLIT, "epoch 1")}


async def test_a_credit_that_is_for_no_deposit(world: World, grid: Grid) -> None:
    other = await world.grid(honest_grid(), number=SOLANA, epoch=2)
    await other.credit(ARBITRUM, ANN, 10_001)
    assert {kind for kind, _ in await found(world)} == {Kind.CREDITED}


async def test_a_deposit_that_is_credited_twice(world: World, tampered: Grid) -> None:
    await world.grid(honest_grid(), number=SOLANA, epoch=2)
    await tampered.credit(SOLANA, ANN, 10_000)
    assert await found(world) == set()
    await tampered.credit(SOLANA, ANN, 10_000)
    assert {kind for kind, _ in await found(world)} == {Kind.CREDITED}


async def test_a_credit_that_too_few_guards_signed(world: World, tampered: Grid) -> None:
    await world.grid(honest_grid(), number=SOLANA, epoch=2)
    await tampered.credit(SOLANA, ANN, 10_000, who=(0,))
    assert {kind for kind, _ in await found(world)} == {Kind.UNPERMITTED}


async def test_a_credit_from_a_chain_that_nobody_looked_at(world: World, grid: Grid) -> None:
    await grid.credit(SOLANA, ANN, 10_000)
    assert {kind for kind, _ in await found(world)} == {Kind.UNSEEN}


async def test_a_batch_that_is_resolved_otherwise_than_it_was(world: World, grid: Grid) -> None:
    other = await world.grid(honest_grid(), number=SOLANA, epoch=2)
    await settled(world, grid, *swap(0))
    await other.credit(ARBITRUM, ANN, 10_000)
    await other.resolve(ARBITRUM, 1, 1, executed=True)
    await other.resolve(ARBITRUM, 1, 2, executed=False)
    assert await found(world) == set()
    await other.resolve(ARBITRUM, 1, 3, executed=True)
    assert {kind for kind, _ in await found(world)} == {Kind.RESOLVED}
    assert (await of_kind(world, Kind.RESOLVED)).what == "chain 2 has not executed it"


# -- what senders are told ---------------------------------------------------------------------------------------------


async def test_what_never_executed_and_was_told_executed(world: World, grid: Grid) -> None:
    assert grid.epoch
    world.senders.send(*swap(0))
    world.senders.told("executed", *swap(0))
    assert await found(world) == {(Kind.TOLD_EXECUTED, ANNS), (Kind.TOLD_EXECUTED, BENS)}


async def test_what_expired_before_its_deadline(world: World, grid: Grid) -> None:
    assert grid.epoch
    world.senders.send(sells(ANN, 0, EUR, 10))
    world.senders.told("expired", sells(ANN, 0, EUR, 10), reason="its deadline passed")
    assert await found(world) == {(Kind.TOLD_EARLY, ANNS)}


async def test_an_end_without_a_reason(world: World, grid: Grid) -> None:
    assert grid.epoch
    world.senders.send(sells(ANN, 0, EUR, 10))
    world.senders.told("rejected", sells(ANN, 0, EUR, 10))
    assert await found(world) == {(Kind.LOST, ANNS)}


async def test_two_ends_of_one_intent(world: World, grid: Grid) -> None:
    await settled(world, grid, *swap(0))
    world.senders.told("cancelled", swap(0)[0], reason="on second thoughts")
    assert await found(world) == {(Kind.TOLD_TWICE, ANNS), (Kind.TOLD_ENDED, ANNS)}


async def test_what_is_acknowledged_while_another_body_takes_its_nonce(world: World, grid: Grid) -> None:
    world.senders.send(sells(ANN, 0, EUR, 10))
    await settled(world, grid, *swap(0))
    assert await found(world) == {(Kind.LOST, ANNS)}


async def test_what_is_open_may_be_so_for_a_time(world: World, grid: Grid) -> None:
    assert grid.epoch
    deadline = await world.now() + 500
    world.senders.send(sells(ANN, 0, EUR, 10, deadline=deadline))
    world.open_until = deadline - 200
    assert await found(world) == set()
    await world.pass_time(350)
    assert await found(world) == {(Kind.LOST, ANNS)}
    world.open_until = deadline + 1_000
    assert await found(world) == set()
    await world.pass_time(300)
    assert await found(world) == {(Kind.LOST, ANNS)}, "in time it is no longer, whatever may be open"


# -- the program -------------------------------------------------------------------------------------------------------


def program(run: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.checker", str(run)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


async def test_the_program_says_what_it_found(world: World, grid: Grid) -> None:
    await settled(world, grid, *swap(0))
    run = await world.written()
    done = program(run)
    assert (done.returncode, done.stderr) == (CLEAN, "")
    assert done.stdout.startswith("CLEAN")
    assert "figures: signed 2, acknowledged 2, executed 2" in done.stdout

    with world.senders.path.open("a", encoding="utf-8") as file:
        file.write('{"what": "told", "digest')
    assert program(run).returncode == CLEAN, "its sender died within the line"

    world.senders.path.write_text("")
    done = program(run)
    assert done.returncode == BROKEN
    assert done.stdout.startswith("NOT CLEAN: 2 findings")
    assert f"{Kind.UNLISTED}: {ANNS}" in done.stdout
    assert "transaction 0x" in done.stdout


async def test_what_cannot_be_judged_is_not_called_clean(world: World, grid: Grid, tmp_path: Path) -> None:
    assert grid.epoch
    run = await world.written()
    world.senders.path.write_text(json.dumps({"what": "told", "digest": "0x00", "end": "executed", "reason": ""}) + "\n")
    done = program(run)
    assert (done.returncode, done.stdout) == (UNKNOWN, "")
    assert "senders.jsonl, line 1" in done.stderr
    world.senders.path.write_text("")
    world.anvil.process.end()
    done = program(run)
    assert (done.returncode, done.stdout) == (UNKNOWN, "")
    assert done.stderr.startswith(f"NOT JUDGED: http://127.0.0.1:{world.anvil.port}")
    assert program(tmp_path / "none.toml").returncode == UNKNOWN
