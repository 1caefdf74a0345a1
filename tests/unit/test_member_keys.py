"""Which observers and guards may come in, and as whom: the keys that are made here, and the addresses of those elsewhere."""

from __future__ import annotations

import re
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from jurymast.cli.commands.keys import keys
from jurymast.cli.keys import KeyDirectory
from jurymast.cli.mesh.plan import PLAN, Plan, Ports, Service, services
from jurymast.errors import Misconfigured
from jurymast.messages.claims import NONCE_GUARD
from jurymast.messages.health import MONITOR
from tests.watching import ADDRESSES

OTHER = ADDRESSES[1]


def init(directory: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(keys, ("init", str(directory), *arguments))
    return result.exit_code, result.output + (str(result.exception) if result.exception else "")


def may_observe(directory: Path) -> dict[str, str]:
    return may_publish(directory, r"health\.observed\.")


def may_publish(directory: Path, subject: str) -> dict[str, str]:
    """By the public key of a user in nats.conf the address under which it publishes there."""
    conf = (directory / "nats.conf").read_text()
    users = re.findall(r'"nkey": "(U[A-Z2-7]{55})",.*?"publish": \{(.*?)\}', conf, re.DOTALL)
    found = {key: re.findall(f'"{subject}([^"]*)"', subjects) for key, subjects in users}
    return {key: subjects[0].removeprefix("*.") for key, subjects in found.items() if subjects}


def test_init_makes_an_observer_key_and_binds_the_monitor_to_its_address(tmp_path: Path) -> None:
    directory = tmp_path / "keys"
    code, output = init(directory)
    kept = KeyDirectory(directory)
    text = (directory / "observer.key").read_text()
    assert code == 0
    assert re.fullmatch("[0-9a-f]{64}\n", text)
    assert stat.S_IMODE((directory / "observer.key").stat().st_mode) == 0o600
    assert may_observe(directory) == {kept.public_key("health-monitor"): kept.address(MONITOR)}
    assert f"{directory}/observer.key  signs as {kept.address(MONITOR)}, for health-monitor alone" in output
    shown = CliRunner().invoke(keys, ("show", str(directory))).output
    assert f"{kept.address(MONITOR)}  observer\n" in shown
    assert text.strip() not in output + shown + (directory / "nats.conf").read_text()


@pytest.mark.parametrize("form", ["{}", "0x{}", "{}\n"])
def test_a_key_that_is_there_is_kept(tmp_path: Path, form: str) -> None:
    directory = tmp_path / "keys"
    directory.mkdir(0o700)
    (directory / "observer.key").write_text(form.format("00" * 31 + "01"))
    (directory / "observer.key").chmod(0o600)
    assert init(directory)[0] == 0
    assert (directory / "observer.key").read_text() == form.format("00" * 31 + "01")
    assert list(may_observe(directory).values()) == [ADDRESSES[0]]


def test_further_observers_have_seeds_of_their_own_and_keep_them(tmp_path: Path) -> None:
    directory = tmp_path / "keys"
    assert init(directory, "--observer", OTHER, "--observer", ADDRESSES[2], "--observer", OTHER)[0] == 0
    kept = KeyDirectory(directory)
    before = may_observe(directory)
    roles = ("health-monitor", f"health-monitor-{OTHER}", f"health-monitor-{ADDRESSES[2]}")
    assert before == dict(zip(map(kept.public_key, roles), (kept.address(MONITOR), OTHER, ADDRESSES[2]), strict=True))
    for arguments in ((), ("--observer", OTHER), ("--observer", kept.address(MONITOR))):
        code, output = init(directory, *arguments)
        assert (code, output.startswith("made 0 seeds")) == (0, True)
        assert may_observe(directory) == before, "a later run locks nobody out"
    init(directory, "--observer", ADDRESSES[3])
    assert may_observe(directory).items() > before.items()
    init(directory, "--force")
    assert sorted(may_observe(directory).values()) == sorted([*before.values(), ADDRESSES[3]])


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("me", "observer 'me' is no address: 0x and 40 hexadecimal digits"),
        (OTHER[:-1], "is no address"),
        (OTHER.swapcase().replace("0X", "0x"), "has a wrong checksum: a digit or the case of a letter is mistyped"),
        (OTHER.lower(), f"observer {OTHER.lower()}: write it with its EIP-55 checksum, {OTHER}"),
        ("../" + OTHER, "is no address"),
    ],
)
def test_a_bad_address_is_one_clear_error_and_makes_no_seed(tmp_path: Path, address: str, why: str) -> None:
    code, output = init(tmp_path / "keys", "--observer", address)
    assert code == 1
    assert why in output
    assert not list((tmp_path / "keys").glob("*.seed"))


def test_a_seed_under_a_bad_address_is_named(tmp_path: Path) -> None:
    init(tmp_path / "keys")
    (tmp_path / "keys" / "health-monitor-0x12.seed").touch()
    assert "observer '0x12' is no address" in init(tmp_path / "keys")[1]


def test_guards_have_keys_and_seeds_of_their_own_too(tmp_path: Path) -> None:
    directory = tmp_path / "keys"
    code, output = init(directory, "--guard", OTHER)
    kept = KeyDirectory(directory)
    assert code == 0
    assert f"{directory}/guard.key  signs as {kept.address(NONCE_GUARD)}, for nonce-guard alone" in output
    roles = {kept.public_key(NONCE_GUARD): kept.address(NONCE_GUARD), kept.public_key(f"nonce-guard-{OTHER}"): OTHER}
    assert may_publish(directory, r"guard\.journal\.") == roles
    assert init(directory)[0] == 0
    assert may_publish(directory, r"guard\.journal\.") == roles
    assert "guard 'me' is no address" in init(directory, "--guard", "me")[1]
    assert kept.members(NONCE_GUARD, here=3)[0] == kept.address(NONCE_GUARD)
    three = kept.members(NONCE_GUARD, here=3)
    assert (len(set(three)), three[3:]) == (4, (OTHER,))


def test_the_guards_of_a_local_mesh_have_a_key_a_seed_and_a_journal_each(tmp_path: Path) -> None:
    kept = KeyDirectory(tmp_path / "keys")
    guards = tuple(
        Service("nonce-guard" if n == 1 else f"nonce-guard-{n}", "g", member_of=NONCE_GUARD, number=n) for n in (1, 2, 3)
    )
    plan = Plan(services=guards)
    assert plan.members_here == {MONITOR: 1, NONCE_GUARD: 3}
    addresses = kept.members(NONCE_GUARD, here=3)
    plan = replace(plan, members={NONCE_GUARD: addresses})
    ports = Ports(nats=1, websocket=2, monitor=3, redis=4, services=(5, 6, 7))
    seeds = {role: kept.file(role) for role in plan.access.roles}
    started = services(plan, ports, Path("/state"), seeds, kept.key)
    assert [each.environment["JURYMAST_GUARD_KEY_FILE"] for each in started] == [
        str(kept.path / name) for name in ("guard.key", "guard-2.key", "guard-3.key")
    ]
    assert [each.environment["JURYMAST_NATS_SEED_FILE"] for each in started] == [
        str(kept.file(role)) for role in (NONCE_GUARD, *(f"nonce-guard-{address}" for address in addresses[1:]))
    ]
    assert {each.environment["JURYMAST_GUARDS"] for each in started} == {",".join(addresses)}
    assert {each.environment["JURYMAST_THRESHOLD"] for each in started} == {"2"}
    assert len({each.environment["JURYMAST_JOURNAL"] for each in started}) == 3


@pytest.mark.parametrize("text", [b"", b"hunter2", b"0" * 64, b"f" * 64, b"ab" * 31, b"\xff\xfe"])
def test_a_garbled_key_is_named_and_not_shown(tmp_path: Path, text: bytes) -> None:
    directory = tmp_path / "keys"
    init(directory)
    (directory / "observer.key").write_bytes(text)
    with pytest.raises(Misconfigured) as refused:
        KeyDirectory(directory).members(MONITOR)
    assert str(refused.value) == f"{directory}/observer.key is not a secp256k1 key: 32 bytes in hexadecimal"


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    directory = tmp_path / "keys"
    init(directory)
    (directory / "observer.key").chmod(0o604)
    assert "observer.key is open to others: chmod 600 it" in init(directory)[1]


def test_the_monitor_of_a_local_mesh_signs_with_the_key_that_it_may_publish_under() -> None:
    ports = Ports(nats=1, websocket=2, monitor=3, redis=4, services=(5,))
    monitors = replace(PLAN, services=PLAN.services[:1])
    seeds = {"health-monitor": Path("/keys/health-monitor.seed")}
    (monitor,) = services(monitors, ports, Path("/state"), seeds, KeyDirectory(Path("/keys")).key)
    assert monitor.environment["JURYMAST_OBSERVER_KEY_FILE"] == "/keys/observer.key"
