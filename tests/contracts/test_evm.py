"""What the EVM in this process tells of contracts, and what it undoes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest
from eth_abi.exceptions import EncodingError

from jurymast.crypto.keccak import keccak256
from tests.contracts import abi, artifacts
from tests.contracts.evm import NOW_S, SOMEBODY, Chain, Contract, Halted, Refused

OWNER = bytes(range(20))
SHAPE = {"owner": OWNER, "name": "öval", "corners": ({"left": 1, "up_down": -1}, {"left": 2**64 - 1, "up_down": 0})}


class Point(NamedTuple):
    left: int
    up_down: int


@pytest.fixture(scope="module")
def compiled(planted: Path) -> dict[str, artifacts.Artifact]:
    return artifacts.compiled(planted)


@pytest.fixture
def chain() -> Chain:
    return Chain()


@pytest.fixture
def counter(chain: Chain, compiled: dict[str, artifacts.Artifact]) -> Contract:
    return chain.deploy(compiled["Counter"], 10)


@pytest.fixture
def shapes(chain: Chain, compiled: dict[str, artifacts.Artifact]) -> Contract:
    return chain.deploy(compiled["Shapes"])


def test_a_call_changes_the_state_and_tells_what_happened(chain: Chain, counter: Contract) -> None:
    receipt = counter.call("add", 3, sender=OWNER)
    assert receipt.result == 3
    assert receipt.gas > 21_000
    last = {"time": NOW_S, "more": 3}
    assert receipt.events == (abi.Event("Added", {"caller": OWNER, "more": 3, "last": last}, counter.address),)
    assert counter.call("add", 4, sender=OWNER).events[0].fields["more"] == 4
    assert counter.read("count") == 7
    assert chain.slot(counter.address, 0) == 7
    assert [logged.event.fields["more"] for logged in chain.logged] == [3, 4]
    assert counter.read("lastOf", OWNER) == last | {"more": 4}
    assert counter.read("lastOf", SOMEBODY) == {"time": 0, "more": 0}


def test_what_is_refused_has_a_name_and_fields_and_changes_nothing(counter: Contract) -> None:
    counter.call("add", 3)
    with pytest.raises(Refused) as refused:
        counter.call("add", 11)
    assert refused.value == ("TooMuch", {"more": 11, "limit": 10})
    assert refused.value != ("TooMuch", {"more": 11, "limit": 11})
    assert str(refused.value) == "TooMuch(more=11, limit=10)"
    assert counter.read("count") == 3


def test_reading_changes_nothing(counter: Contract) -> None:
    with pytest.raises(Halted, match="StateChangeDuringStaticCall"):
        counter.read("add", 3)
    assert counter.read("count") == 0


def test_what_is_undone_has_not_happened(chain: Chain, counter: Contract, compiled: dict[str, artifacts.Artifact]) -> None:
    counter.call("add", 1)
    with chain.undone():
        chain.now_s += 60
        counter.call("add", 2)
        with chain.undone():
            counter.call("add", 3)
            assert counter.read("count") == 6
        assert counter.read("count") == 3
        another = chain.deploy(compiled["Counter"], 5)
    assert counter.read("count") == 1
    assert chain.now_s == NOW_S
    assert chain.deploy(compiled["Counter"], 5).address == another.address, "the nonce is what it was"


def test_all_storage_is_shown(chain: Chain, counter: Contract) -> None:
    assert chain.storage(counter.address) == {}
    with chain.undone():
        counter.call("add", 3, sender=OWNER)
        assert chain.storage(counter.address)[0] == 3
        assert len(chain.storage(counter.address)) == 2, "the count, and what was last of one"
    assert chain.storage(counter.address) == {}
    assert chain.logged == []


def test_code_can_stand_anywhere(chain: Chain, compiled: dict[str, artifacts.Artifact]) -> None:
    placed = chain.place(OWNER, compiled["Shapes"])
    assert (placed.address, placed.read("time")) == (OWNER, NOW_S)


def test_what_fails_while_it_is_tried_is_undone(chain: Chain, counter: Contract) -> None:
    def fail() -> None:
        with chain.undone():
            counter.call("add", 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert counter.read("count") == 0


def test_time_is_what_it_is_told(chain: Chain, shapes: Contract) -> None:
    assert shapes.read("time") == NOW_S
    chain.now_s += 5
    assert shapes.read("time") == NOW_S + 5


def test_each_call_is_a_transaction_of_its_own(shapes: Contract) -> None:
    assert [shapes.call("enter").result for _ in range(3)] == [1, 1, 1]


@pytest.mark.parametrize(
    "shape",
    [SHAPE, tuple(SHAPE.values()), SHAPE | {"corners": [Point(1, -1), Point(2**64 - 1, 0)]}],
)
def test_a_struct_may_be_a_dictionary_or_a_tuple(shapes: Contract, shape: Any) -> None:
    assert shapes.read("echo", shape) == SHAPE


@pytest.mark.parametrize("missing", ["owner", "corners"])
def test_a_struct_has_all_its_fields_and_no_others(shapes: Contract, missing: str) -> None:
    with pytest.raises(abi.Unknown):
        shapes.encode("echo", {key: value for key, value in SHAPE.items() if key != missing})
    with pytest.raises(abi.Unknown):
        shapes.encode("echo", SHAPE | {"another": 1})


@pytest.mark.parametrize("left", [-1, 2**64, "1", None])
def test_a_value_that_its_type_cannot_hold_is_not_sent(shapes: Contract, left: Any) -> None:
    with pytest.raises(EncodingError):
        shapes.encode("echo", SHAPE | {"corners": [(left, 0)]})


def test_several_answers_are_a_tuple_or_by_name(shapes: Contract) -> None:
    assert shapes.read("several", 1, True) == (1, True)
    assert shapes.read("named", 1, b"two") == {"first_one": 1, "second_one": b"two"}
    assert shapes.call("draw", []).result is None


def test_of_several_functions_with_one_name_the_signature_says_which(shapes: Contract) -> None:
    assert shapes.read("overloaded(uint8)", 1) == "number"
    assert shapes.read("overloaded(address)", OWNER) == "address"
    for name in ("overloaded", "missing"):
        with pytest.raises(abi.Unknown, match=name):
            shapes.read(name, 1)


def test_what_does_not_fit_into_a_topic_is_its_hash(shapes: Contract) -> None:
    (event,) = shapes.call("draw", [SHAPE], sender=OWNER).events
    assert event.fields == {
        "name": keccak256(b"hashed"),
        "owner": OWNER,
        "kind": 7,
        "drawn_name": "told",
        "shapes": (SHAPE,),
    }


def test_errors_may_hold_anything(shapes: Contract) -> None:
    with pytest.raises(Refused) as refused:
        shapes.call("refuse", SHAPE)
    assert refused.value == ("Refused", {"max_name": b"max".ljust(32, b"\0"), "shapes": (SHAPE, SHAPE)})


@pytest.mark.parametrize(
    ("function", "argument", "refused"),
    [
        ("say", "no", ("Error", {"reason": "no"})),
        ("overflow", 1, ("Panic", {"code": 0x11})),
        ("sayBytes", b"", ("", {"data": b""})),
        ("sayBytes", b"\1\2\3\4\5", ("", {"data": b"\1\2\3\4\5"})),
    ],
)
def test_whatever_is_refused_is_told(shapes: Contract, function: str, argument: Any, refused: Any) -> None:
    with pytest.raises(Refused) as told:
        shapes.call(function, argument)
    assert told.value == refused


def test_errors_of_other_contracts_pass_through(shapes: Contract) -> None:
    with pytest.raises(Refused) as refused:
        shapes.call("pass", shapes.address, SHAPE)
    assert refused.value.name == "Refused"


def test_running_out_of_gas_is_no_refusal(shapes: Contract) -> None:
    with pytest.raises(Halted, match="OutOfGas"):
        shapes.call("forever")


def test_any_bytes_can_be_sent(chain: Chain, counter: Contract) -> None:
    receipt = chain.send(counter.address, counter.encode("add", 5), OWNER)
    assert (receipt.output, receipt.events[0].fields["caller"]) == ((5).to_bytes(32, "big"), OWNER)
    for data in (b"", b"\1\2\3", counter.encode("add", 5)[:-1]):
        with pytest.raises(Refused) as refused:
            chain.send(counter.address, data)
        assert refused.value == ("", {"data": b""})


def test_libraries_are_linked_by_name(chain: Chain, compiled: dict[str, artifacts.Artifact]) -> None:
    sums = chain.deploy(compiled["Sums"])
    assert chain.deploy(compiled["Linked"], libraries={"Sums": sums}).read("twiceTheSum", [1, 2, 3]) == 12
    with pytest.raises(abi.Unknown):
        chain.deploy(compiled["Linked"])


def test_a_constructor_may_refuse(chain: Chain, compiled: dict[str, artifacts.Artifact]) -> None:
    with pytest.raises(Refused) as refused:
        chain.deploy(compiled["Counter"], 0)
    assert refused.value == ("Never", {})


def test_events_are_understood_of_whom_the_chain_was_told(
    chain: Chain, planted: Path, compiled: dict[str, artifacts.Artifact]
) -> None:
    actor = chain.deploy(artifacts.built(planted, "Counter.t.sol", "Actor"))
    address = actor.read("counter")
    (event,) = actor.call("add", 3).events
    assert (event.name, event.address, event.fields["topics"][1][12:]) == ("", address, actor.address)
    counter = chain.contract(address, abi.Interface(compiled["Counter"].abi))
    (event,) = actor.call("add", 4).events
    assert (event.name, event.address, event.fields["more"]) == ("Added", counter.address, 4)
