from __future__ import annotations

from typing import Any

import pytest

from jurymast.errors import Misconfigured
from jurymast.messages.health import Policy
from jurymast.watchlist import parse
from tests.watching import ADDRESSES

APPLICATION = 'application = "0x' + "a5" * 32 + '"\n'
SOLANA = """
[chains.solana]
family = "solana"
id = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"
slot_ms = 400
finality_blocks = 150
quorum = 2
"""
PROVIDERS = """
[chains.solana.providers.first]
operator = "acme"
url = "https://acme.example/?api-key=sesame"
[chains.solana.providers.second]
operator = "bolt"
url = "http://user:sesame@bolt.example:8899/rpc"
"""
OBSERVERS = f"threshold = 2\nobservers = {list(ADDRESSES[:3])}\n"


def test_a_chain_with_everything_else_at_its_default() -> None:
    (chain,) = parse(APPLICATION + SOLANA + OBSERVERS + PROVIDERS)
    assert chain.policy == Policy(
        application=b"\xa5" * 32,
        chain="solana",
        family="solana",
        chain_id="5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d",
        observers=ADDRESSES[:3],
        threshold=2,
        quorum=2,
        window_ms=30_000,
        interval_ms=2_000,
        timeout_ms=2_000,
        max_skew_ms=10_000,
        max_age_ms=60_000,
        slot_ms=400,
        speed_percent=50,
        lag_blocks=10,
        finality_blocks=150,
        finality_step_ms=0,
        drift_ms=60_000,
        slow_ms=500,
    )
    assert [(p.name, p.operator) for p in chain.providers] == [("first", "acme"), ("second", "bolt")]
    assert chain.refusal == ""


def test_a_chain_on_which_something_is_executed_has_a_number_and_a_contract() -> None:
    more = f'number = 2\ncontract = "{ADDRESSES[0]}"\ngenesis = "0x{"ab" * 32}"\n'
    (chain,) = parse(APPLICATION + SOLANA + more + PROVIDERS)
    assert (chain.number, chain.contract, chain.genesis) == (2, ADDRESSES[0], "0x" + "ab" * 32)
    (watched,) = parse(APPLICATION + SOLANA + PROVIDERS)
    assert (watched.number, watched.contract, watched.genesis) == (0, "", "")
    assert watched.policy == chain.policy, "observers need not agree on it"
    for wrong in ("number = 256\n", "number = -1\n", 'genesis = "0xab"\n'):
        with pytest.raises(Misconfigured, match=r"chains\.solana\."):
            parse(APPLICATION + SOLANA + wrong + PROVIDERS)


def test_without_observers_a_chain_is_only_watched() -> None:
    (chain,) = parse(APPLICATION + SOLANA + PROVIDERS)
    assert (chain.policy.observers, chain.policy.threshold) == ((), 0)


def test_no_chains_are_no_mistake() -> None:
    assert parse(APPLICATION) == ()


def test_too_few_independent_operators_are_said_and_not_made_up_for() -> None:
    (chain,) = parse(APPLICATION + SOLANA + PROVIDERS.replace('"bolt"', '"acme"'))
    assert chain.refusal == "1 independent operators are configured, the policy needs 2"
    (without,) = parse(APPLICATION + SOLANA)
    assert without.refusal == "0 independent operators are configured, the policy needs 2"


def test_a_quorum_that_is_no_majority_is_said() -> None:
    third = '[chains.solana.providers.third]\noperator = "core"\nurl = "https://core.example/"\n'
    (chain,) = parse(APPLICATION + SOLANA + PROVIDERS + third)
    assert chain.refusal == ""
    (chain,) = parse(APPLICATION + SOLANA + PROVIDERS + third + third.replace("third", "fourth").replace("core", "dawn"))
    assert chain.refusal == "2 of 4 independent operators are no majority: at most 3 fit the policy's quorum"


def test_addresses_do_not_show_themselves() -> None:
    assert "sesame" not in repr(parse(APPLICATION + SOLANA + PROVIDERS))


def changed(old: str, new: str) -> str:
    text = APPLICATION + SOLANA + OBSERVERS + PROVIDERS
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("application = ", "not TOML: "),
        (SOLANA, "application: 32 bytes"),
        ('application = "0x12"', "application: 32 bytes"),
        (APPLICATION + "chains = 3", "chains: a table of chains"),
        (APPLICATION + "chain = 3", "chain: there is no such setting"),
        (APPLICATION + "chains.solana = 3", "chains.solana: a table"),
        (APPLICATION + '[chains."So lana"]', "chains.So lana: a table, under a name of lower-case"),
        (changed('family = "solana"', ""), "chains.solana: Object missing required field `family`"),
        (changed('"solana"\nid', '"bitcoin"\nid'), "chains.solana.family: Invalid enum value"),
        (changed("slot_ms = 400", 'slot_ms = "fast"'), "chains.solana.slot_ms: Expected `int`, got `str`"),
        (changed("slot_ms = 400", "slot_ms = 400\nwindow = 3"), "chains.solana: Object contains unknown field `window`"),
        (changed("quorum = 2", "quorum = 0"), "chains.solana.quorum: Expected `int` >= 1"),
        (changed("quorum = 2", "quorum = 2\nwindow_s = 31"), "chains.solana.window_s: a multiple of interval_s"),
        (changed("quorum = 2", "quorum = 2\ntimeout_s = 3"), "chains.solana.timeout_s: more than zero, and not longer than"),
        (changed("threshold = 2", "threshold = 1"), "chains.solana.threshold: more than half of the observers"),
        (changed("threshold = 2", "threshold = 4"), "chains.solana.threshold: 4 of 3 observers is impossible"),
        (changed(ADDRESSES[0], ADDRESSES[1]), "chains.solana.observers: one of them is listed twice"),
        (changed(ADDRESSES[0], ADDRESSES[0][:-2]), "chains.solana.observers[0]: Expected `str` matching regex"),
        (changed('operator = "acme"\n', ""), "chains.solana.providers.first: Object missing required field `operator`"),
        (changed('"acme"', '"Acme Inc."'), "chains.solana.providers.first.operator: Expected `str` matching"),
        (changed("providers.first]", 'providers."a b"]'), "chains.solana.providers.a b: a name of lower-case letters"),
        (changed("https://acme", "https://%61cme"), "chains.solana.providers.first.url: an address that begins with http"),
        (changed("https://acme", "ftp://acme"), "chains.solana.providers.first.url: an address that begins with http"),
        (changed("bolt.example:8899", "acme.example:443"), "chains.solana.providers.second.operator: the same server as first"),
    ],
)
def test_what_is_wrong_is_named_by_its_key_and_secrets_are_not_repeated(text: str, says: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        parse(text)
    assert says in str(refused.value)
    assert "sesame" not in str(refused.value)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    text = changed("slot_ms = 400", "slot_ms = 0").replace("https://acme", "acme") + '[chains.other]\nfamily = "evm"\n'
    with pytest.raises(Misconfigured) as refused:
        parse(text)
    for key in ("chains.solana.slot_ms: ", "chains.solana.providers.first.url: ", "chains.other: "):
        assert key in str(refused.value)


SAME = [
    ("https://acme.example/a", "http://acme.example/b"),
    ("https://acme.example/a", "https://ACME.example./b"),
    ("https://acme.example/a", "https://acme.example:0443/b"),
    ("https://acme.example/a", "http://user@acme.example:80"),
    ("http://127.0.0.1:8899", "http://localhost:8899"),
    ("http://127.0.0.1:8899", "http://127.8.0.1:8899"),
    ("http://127.0.0.1:8899", "http://rpc.localhost:8899"),
    ("http://[::1]:8899", "http://[0:0:0:0:0:0:0:1]:8899"),
    ("http://[::1]:8899", "http://[::ffff:127.0.0.1]:8899"),
    ("http://[2001:db8::a]:8899", "http://[2001:DB8:0::0A]:8899"),
    ("http://0.0.0.0:8899", "http://localhost:8899"),
]
OTHERS = [
    ("https://acme.example/a", "https://acme.example:8443/a"),
    ("http://127.0.0.1:8899", "http://127.0.0.1:8900"),
    ("https://acme.example/a", "https://rpc.acme.example/a"),
    ("http://[2001:db8::a]:8899", "http://[2001:db8::b]:8899"),
    ("http://[:::]:8899", "http://[::::]:8899"),
]


def under(one: str, two: str) -> str:
    text = changed("https://acme.example/?api-key=sesame", one)
    return text.replace("http://user:sesame@bolt.example:8899/rpc", two)


@pytest.mark.parametrize(("one", "two"), SAME)
def test_one_server_is_no_two_operators_however_its_address_is_written(one: str, two: str) -> None:
    with pytest.raises(Misconfigured, match=r"^chains\.solana\.providers\.second\.operator: the same server as first"):
        parse(under(one, two))


@pytest.mark.parametrize(("one", "two"), OTHERS)
def test_other_servers_are(one: str, two: str) -> None:
    assert len(parse(under(one, two))[0].operators) == 2


def test_one_operator_may_have_two_addresses_on_one_server() -> None:
    again = PROVIDERS + '[chains.solana.providers.third]\noperator = "acme"\nurl = "https://acme.example/other"\n'
    (chain,) = parse(APPLICATION + SOLANA + again)
    assert len(chain.providers) == 3
    assert len(chain.operators) == 2


@pytest.mark.parametrize("value", ["nan", "-1", "0", "inf", "1e9", "true"])
def test_times_are_bounded(value: str) -> None:
    text: Any = changed("quorum = 2", f"quorum = 2\nwindow_s = {value}")
    with pytest.raises(Misconfigured, match="window_s: "):
        parse(text)
