"""How answers of each family are read, and what is no answer of it."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurymast.chains.calls import Failure
from jurymast.health_monitor.decide.sample import Answer
from jurymast.health_monitor.families import FAMILIES, Questions, read
from jurymast.messages.health import Family

EVM, SOLANA = FAMILIES["evm"], FAMILIES["solana"]
GENESIS = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"


def raw(*results: Any) -> list[msgspec.Raw]:
    return [msgspec.Raw(msgspec.json.encode(result)) for result in results]


def block(number: Any, timestamp: Any = "0x65") -> dict[str, Any]:
    return {"number": number, "timestamp": timestamp, "hash": "0x00", "transactions": []}


def clock(slot: Any, seconds: int = 101, data: Any = None) -> dict[str, Any]:
    account = base64.b64encode(struct.pack("<QqQQq", 1, 2, 3, 4, seconds)).decode()
    return {"context": {"slot": slot}, "value": {"data": [account if data is None else data, "base64"]}}


def test_the_answers_of_a_node_that_is_well() -> None:
    assert read(EVM, "42161", raw("0xa4b1", block("0x10"), block("0xc"))) == Answer(16, 16, 12, 101_000)
    assert read(EVM, "42161", raw(block("0x10"), block("0xc"))) == Answer(16, 16, 12, 101_000)
    assert read(SOLANA, GENESIS, raw(GENESIS, clock(90), 93, 60)) == Answer(90, 93, 60, 101_000)
    assert read(SOLANA, GENESIS, raw(clock(90), 89, 60)) == Answer(90, 90, 60, 101_000), (
        "asked of another node of the same provider"
    )


@pytest.mark.parametrize(
    ("questions", "results", "kind"),
    [
        (EVM, raw("0x1", block("0x10"), block("0xc")), "wrong-chain"),
        (EVM, raw(42161, block("0x10"), block("0xc")), "garbage"),
        (EVM, raw(block("0x10"), None), "garbage"),
        (EVM, raw(block(16), block("0xc")), "garbage"),
        (EVM, raw(block("0x"), block("0xc")), "garbage"),
        (EVM, raw(block("-0x10"), block("0xc")), "garbage"),
        (EVM, raw(block("0x" + "f" * 16), block("0xc")), "garbage"),
        (EVM, raw(block("0x" + "f" * 60), block("0xc")), "garbage"),
        (EVM, raw(block("0x10", "0x7fffffffffffffff"), block("0xc")), "garbage"),
        (EVM, raw({"number": "0x10"}, block("0xc")), "garbage"),
        (EVM, raw(block("0x10"), block("0x11")), "impossible"),
        (SOLANA, raw("4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY", clock(90), 93, 60), "wrong-chain"),
        (SOLANA, raw(clock(-1), 93, 60), "garbage"),
        (SOLANA, raw(clock(1 << 63), 93, 60), "garbage"),
        (SOLANA, raw(clock(90.5), 93, 60), "garbage"),
        (SOLANA, raw(clock(90, -5), 93, 60), "garbage"),
        (SOLANA, raw(clock(90, data="AAAA"), 93, 60), "garbage"),
        (SOLANA, raw(clock(90, data="!"), 93, 60), "garbage"),
        (SOLANA, raw({"context": {"slot": 90}, "value": None}, 93, 60), "garbage"),
        (SOLANA, raw(clock(90), "93", 60), "garbage"),
        (SOLANA, raw(clock(90), 93, 91), "impossible"),
    ],
)
def test_anything_else_is_told_apart(questions: Questions, results: list[msgspec.Raw], kind: str) -> None:
    failure = read(questions, "42161" if questions is EVM else GENESIS, results)
    assert isinstance(failure, Failure)
    assert failure.kind == kind
    assert len(failure.detail) <= 120


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 70), 1 << 70) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["number", "timestamp", "context", "value"]), inner)
    ),
    max_leaves=8,
)


@given(st.sampled_from(sorted(FAMILIES)), st.lists(JSON, min_size=4, max_size=4))
def test_no_json_is_an_accident(family: Family, results: list[Any]) -> None:
    questions = FAMILIES[family]
    encoded = [msgspec.Raw(json.dumps(result).encode()) for result in results]
    assert isinstance(read(questions, "1", encoded[: 1 + len(questions.state)]), Failure)
