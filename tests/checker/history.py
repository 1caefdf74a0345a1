"""Everything that one chain says of the grid up to its finalized block, and the transactions that said it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from tests.checker import wire
from tests.checker.findings import Place
from tests.checker.node import Node, Unreachable
from tests.checker.wire import Call

BLOCKS_AT_ONCE = 5_000


class Where(NamedTuple):
    """A grid on a chain, as whoever runs the checker knows it."""

    name: str
    number: int
    url: str
    grid: bytes
    bridge: bytes = bytes(20)
    from_block: int = 0


class Event(NamedTuple):
    name: str
    fields: dict[str, Any]
    place: Place


class Transfer(NamedTuple):
    """Of a listed token, into the vault or out of it."""

    token: bytes
    sender: bytes
    recipient: bytes
    value: int
    place: Place


class History(NamedTuple):
    where: Where
    height: int
    now: int
    """The chain's clock there."""
    events: tuple[Event, ...]
    calls: dict[str, Call | None]
    """By transaction. None where it called something else than the grid, or nothing that is signed."""
    transfers: tuple[Transfer, ...]

    @property
    def here(self) -> Place:
        return Place(self.where.name, self.height, self.now, "")


def read(node: Node, where: Where) -> History:
    block = node.ask("eth_getBlockByNumber", "finalized", False)
    height = int(block["number"], 16)
    logs = _logs(node, where, height, [_hex(where.grid)], [])
    times = _times(node, logs)
    events = tuple(event for log in logs if (event := _event(log, where, times)) is not None)
    transfers = _transfers(node, where, height, events)
    calls = _calls(node, where, {event.place.tx for event in events})
    again = node.ask("eth_getBlockByNumber", hex(height), False)
    if again is None or again["hash"] != block["hash"]:
        raise Unreachable(where.url, f"its finalized block {height} changed while it was read")
    return History(where, height, int(block["timestamp"], 16), events, calls, transfers)


def _logs(node: Node, where: Where, height: int, addresses: list[str], topics: list[Any]) -> list[dict[str, Any]]:
    spans = [(start, min(start + BLOCKS_AT_ONCE - 1, height)) for start in range(where.from_block, height + 1, BLOCKS_AT_ONCE)]
    asked = [
        ("eth_getLogs", [{"address": addresses, "topics": topics, "fromBlock": hex(first), "toBlock": hex(last)}])
        for first, last in spans
    ]
    found = [log for logs in node.ask_each(asked) for log in logs]
    return sorted(found, key=lambda log: (int(log["blockNumber"], 16), int(log["logIndex"], 16)))


def _times(node: Node, logs: Iterable[dict[str, Any]]) -> dict[str, int]:
    blocks = sorted({log["blockNumber"] for log in logs})
    answers = node.ask_each([("eth_getBlockByNumber", (block, False)) for block in blocks])
    return {block: int(answer["timestamp"], 16) for block, answer in zip(blocks, answers, strict=True)}


def _event(log: dict[str, Any], where: Where, times: dict[str, int]) -> Event | None:
    read_ = wire.read_event([_bytes(topic) for topic in log["topics"]], _bytes(log["data"]))
    if read_ is None:
        return None
    place = Place(where.name, int(log["blockNumber"], 16), times[log["blockNumber"]], log["transactionHash"])
    return Event(*read_, place)


def _transfers(node: Node, where: Where, height: int, events: Sequence[Event]) -> tuple[Transfer, ...]:
    tokens = sorted({_hex(event.fields["token"]) for event in events if event.name == "Listed"})
    if not tokens:
        return ()
    topic, grid = _hex(wire.TOPICS["Transfer"]), _hex(where.grid.rjust(32, b"\0"))
    ways = ([topic, grid], [topic, None, grid])
    logs = [log for way in ways for log in _logs(node, where, height, tokens, way)]
    times = _times(node, logs)
    return tuple(_transfer(log, where, times) for log in logs)


def _transfer(log: dict[str, Any], where: Where, times: dict[str, int]) -> Transfer:
    event = _event(log, where, times)
    assert event is not None
    return Transfer(_bytes(log["address"]), event.fields["from"], event.fields["to"], event.fields["value"], event.place)


def _calls(node: Node, where: Where, transactions: set[str]) -> dict[str, Call | None]:
    hashes = sorted(transactions)
    answers = node.ask_each([("eth_getTransactionByHash", (each,)) for each in hashes])
    return {each: _call(answer, where) for each, answer in zip(hashes, answers, strict=True)}


def _call(transaction: dict[str, Any] | None, where: Where) -> Call | None:
    if transaction is None or transaction["to"] is None or _bytes(transaction["to"]) != where.grid:
        return None
    return wire.read_call(_bytes(transaction["input"]))


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _hex(data: bytes) -> str:
    return f"0x{data.hex()}"
