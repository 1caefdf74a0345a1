"""How the local EVM chain is started, and what is kept of its state."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from jurymast.chains.local.evm import install
from jurymast.chains.local.evm.contracts import FACTORY, Deployment
from jurymast.chains.local.evm.install import find_anvil
from jurymast.chains.local.evm.node import STATE_END, Node, command
from jurymast.cli.mesh import keep
from jurymast.cli.mesh.plan import PLAN, Ports, servers, stop_order
from jurymast.errors import Misconfigured

END = b'"end":null}'
PORTS = Ports(nats=1, websocket=6, monitor=2, redis=3, services=(), evm=7)

# -- the node ----------------------------------------------------------------------------------------------------------


def option(parts: tuple[str, ...], name: str) -> str:
    return parts[parts.index(name) + 1]


def test_the_harsher_side_is_the_default() -> None:
    parts = command("anvil", Node(port=7, state="/s/state.json"))
    assert parts[0] == "anvil"
    assert option(parts, "--host") == "127.0.0.1"
    assert option(parts, "--block-time") == "0.25"
    assert option(parts, "--state-interval") == "1"
    assert option(parts, "--order") == "fifo"
    assert option(parts, "--gas-limit") == "32000000"
    assert not {"--disable-code-size-limit", "--no-mining", "--auto-impersonate"} & set(parts)


def test_a_chain_that_makes_blocks_only_when_asked_has_no_state() -> None:
    parts = command("anvil", Node(port=7, state="", block_s=0))
    assert "--no-mining" in parts
    assert not {"--block-time", "--state"} & set(parts)


def test_final_blocks_are_older_than_what_a_kill_can_take() -> None:
    node = Node(port=7, state="x")
    assert 2 * node.safe_blocks * node.block_s >= 3 * node.state_s


def test_it_is_a_server_of_the_mesh_where_it_is_wanted() -> None:
    assert PLAN.evm
    binaries = Path("nats-server"), Path("redis-server")
    assert [each.name for each in servers(PORTS, Path("/s"), *binaries)] == ["nats", "redis"]
    programs = servers(PORTS, Path("/s"), *binaries, Path("anvil"))
    evm = programs[-1]
    assert (evm.name, evm.kind, evm.port, evm.probe.protocol, evm.probe.url) == ("evm", "server", 7, "evm", "http://127.0.0.1:7")
    assert option(evm.command, "--state") == "/s/evm/state.json"
    assert evm.kept == (Path("/s/evm/state.json"), STATE_END)
    assert evm.environment["JURYMAST_MESH"] == "/s"
    assert stop_order(programs) == [[], ["evm"], ["redis"], ["nats"]]


def test_without_npm_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(install, "find_spec", lambda _: None)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(Misconfigured, match="there is no npm: pip install"):
        find_anvil()


# -- contracts ---------------------------------------------------------------------------------------------------------


def test_an_address_follows_from_the_code() -> None:
    """That it is the one where the factory puts it, a test on a real node says."""
    one, other = Deployment("one", b"\x00"), Deployment("one", b"\x01")
    assert one.address != other.address
    assert Deployment("called otherwise", b"\x00").address == one.address
    assert Deployment("one", b"\x00", b"\1" * 32).address != one.address
    assert len(FACTORY) == len(one.address) == 20


# -- whole copies ------------------------------------------------------------------------------------------------------


def whole(number: int) -> bytes:
    return b'{"blocks":' + b"1" * number + b"," + END + b"\n"


def test_a_file_that_was_cut_short_gives_way_to_its_last_whole_copy(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(whole(10))
    assert keep.remember(path, END)
    for length in range(len(whole(20)) - 2):
        path.write_bytes(whole(20)[:length])
        assert not keep.remember(path, END), "half a file is no copy"
    assert keep.restore(path, END)
    assert path.read_bytes() == whole(10)


def test_a_whole_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    assert not keep.restore(path, END)
    assert not keep.remember(path, END)
    path.write_bytes(whole(10))
    keep.remember(path, END)
    path.write_bytes(whole(20))
    assert not keep.restore(path, END)
    assert path.read_bytes() == whole(20)


def test_a_file_that_never_was_whole_is_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(whole(10)[:5])
    assert keep.restore(path, END)
    assert not path.exists()
