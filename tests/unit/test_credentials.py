"""Seeds: what is one, how they are kept, and that nothing ever shows one."""

from __future__ import annotations

import re
import ssl
import stat
from pathlib import Path

import nkeys  # type: ignore[import-untyped]  # It has no stubs.
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from nats.errors import Error

from jurymast.bus.connection import security
from jurymast.cli.commands.keys import deployment, keys
from jurymast.cli.keys import KeyDirectory, read_seed
from jurymast.credentials import Violation, public_key, refusal, tls_context, violation
from jurymast.errors import Misconfigured
from jurymast.settings import Secret, Settings, load, redacted


def encoded(prefix: int) -> str:
    seed: bytes = nkeys.encode_seed(bytes(range(32)), prefix)
    return seed.decode()


SEED = encoded(nkeys.PREFIX_BYTE_USER)
OTHERS = ("hunter2", SEED[:-1], SEED + "A", SEED.lower(), public_key(SEED), encoded(nkeys.PREFIX_BYTE_ACCOUNT))


# -- what a seed is ----------------------------------------------------------------------------------------------------


def test_a_seed_stands_for_its_public_key(tmp_path: Path) -> None:
    directory = KeyDirectory(tmp_path / "keys")
    directory.make(["echo"])
    seed = read_seed(directory.file("echo"))
    assert re.fullmatch("SU[A-Z2-7]{56}", seed)
    assert re.fullmatch("U[A-Z2-7]{55}", public_key(seed))
    assert public_key(seed) == directory.public_key("echo")


@given(st.text(max_size=70))
def test_whatever_is_no_seed_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        public_key(text)
    assert len(text) < 5 or text not in str(refused.value)


@given(st.integers(2, 57), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
def test_one_wrong_letter_is_found(place: int, letter: str) -> None:
    wrong = SEED[:place] + letter + SEED[place + 1 :]
    if wrong[:-1] != SEED[:-1]:  # The last letter has bits that mean nothing.
        with pytest.raises(Misconfigured, match="nkey seed"):
            public_key(wrong)


# -- where it goes -----------------------------------------------------------------------------------------------------


def test_a_bad_seed_is_one_clear_error_that_does_not_show_it() -> None:
    for bad in OTHERS:
        with pytest.raises(Misconfigured, match="JURYMAST_NATS_SEED: ") as refused:
            security(Settings(nats_seed=Secret(bad)))
        assert bad not in str(refused.value)


def test_a_seed_is_read_from_its_file_and_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "echo.seed"
    file.write_text(SEED + "\n")
    settings = load(Settings, {"JURYMAST_NATS_SEED_FILE": str(file)})
    assert settings.nats_seed == SEED
    assert SEED not in repr(settings) + repr(redacted(settings))


def test_a_missing_seed_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"JURYMAST_NATS_SEED: cannot read JURYMAST_NATS_SEED_FILE .*: No such file"):
        load(Settings, {"JURYMAST_NATS_SEED_FILE": str(tmp_path / "gone")})


def test_tls_is_what_the_url_or_a_ca_asks_for(tmp_path: Path) -> None:
    assert tls_context("nats://a:1,nats://b:1", "") is None
    context = tls_context("tls://a:1", "")
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    with pytest.raises(Misconfigured, match=r"JURYMAST_NATS_CA: cannot read certificates from .*gone\.pem: No such file"):
        tls_context("nats://a:1", str(tmp_path / "gone.pem"))
    (tmp_path / "not.pem").write_text("not a certificate")
    with pytest.raises(Misconfigured, match=r"JURYMAST_NATS_CA: cannot read certificates from .*not\.pem"):
        tls_context("nats://a:1", str(tmp_path / "not.pem"))


def test_what_waiting_does_not_repair_is_told_apart() -> None:
    refused = Error("nats: 'Authorization Violation'")
    assert "asks for a key, and there is none" in refusal(refused, has_seed=False)
    assert "or user and password in JURYMAST_NATS_URL" in refusal(refused, has_seed=False)
    assert "does not know the key" in refusal(refused, has_seed=True)
    for passing in (OSError("connection refused"), TimeoutError(), Error("nats: 'Authentication Timeout'"), ssl.SSLEOFError()):
        assert refusal(passing, has_seed=True) == ""
    assert violation(Error('nats: permissions violation for publish to "a.b"')) == Violation("a.b", listening=False)
    assert violation(Error('nats: Permissions Violation for Subscription to "A.>"')) == Violation("a.>", listening=True)
    assert violation(Error("nats: slow consumer")) is None


# -- the directory -----------------------------------------------------------------------------------------------------


def modes(directory: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in directory.glob("*.seed")}


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(keys, arguments)
    return result.exit_code, result.output + (str(result.exception) if result.exception else "")


def test_init_makes_private_seeds_and_a_configuration_without_secrets(tmp_path: Path) -> None:
    directory = tmp_path / "keys"
    code, output = run("init", str(directory))
    assert code == 0, output
    roles = deployment().roles
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert modes(directory) == {0o600}
    assert sorted(path.stem for path in directory.glob("*.seed")) == sorted(roles)
    conf = (directory / "nats.conf").read_text()
    shown = run("show", str(directory))[1]
    for role in roles:
        seed = read_seed(KeyDirectory(directory).file(role))
        assert seed not in conf + output + shown
        assert public_key(seed) in conf
        assert f"{public_key(seed)}  {role}\n" in shown
        assert str(directory / f"{role}.seed") in output
    assert list(directory.glob(".*")) == []


def test_a_second_init_keeps_the_seeds_and_adds_what_is_missing(tmp_path: Path) -> None:
    directory = tmp_path / "keys"
    run("init", str(directory))
    before = {path.name: path.read_text() for path in directory.iterdir()}
    code, output = run("init", str(directory))
    assert code == 0
    assert output.startswith(f"made 0 seeds, kept {len(deployment().roles)}: --force makes all anew\n")
    assert {path.name: path.read_text() for path in directory.iterdir()} == before
    (directory / "external.seed").unlink()
    assert run("init", str(directory))[1].startswith("made 1 seeds, kept ")
    changed = {path.name for path in directory.iterdir() if path.read_text() != before[path.name]}
    assert changed == {"external.seed", "nats.conf"}


def test_force_makes_all_anew(tmp_path: Path) -> None:
    directory = tmp_path / "keys"
    run("init", str(directory))
    keys = {(directory / name).read_text() for name in ("observer.key", "guard.key")}
    before = {path.read_text() for path in directory.iterdir()}
    assert run("init", str(directory), "--force")[0] == 0
    assert before & {path.read_text() for path in directory.iterdir()} == keys, "their addresses stand in policies and contracts"
    assert modes(directory) == {0o600}


def test_tls_and_addresses_go_into_the_configuration(tmp_path: Path) -> None:
    directory = str(tmp_path / "keys")
    code, _ = run("init", directory, "--tls-cert", "/tls/c.pem", "--tls-key", "/tls/k.pem", "--listen", "10.0.0.1:1")
    conf = (tmp_path / "keys" / "nats.conf").read_text()
    assert code == 0
    assert '"cert_file": "/tls/c.pem"' in conf
    assert 'listen: "10.0.0.1:1"' in conf
    code, output = run("init", directory, "--tls-cert", "/tls/c.pem")
    assert (code, output) == (1, "TLS needs both --tls-cert and --tls-key")


@pytest.mark.parametrize("option", ["--listen", "--websocket", "--monitor"])
@pytest.mark.parametrize("address", ["foo", "4222", ":4222", "host:", "host:65536", "::1:4222", 'host:1"', "host:1\n"])
def test_an_address_that_is_none_is_refused(tmp_path: Path, option: str, address: str) -> None:
    code, output = run("init", str(tmp_path / "keys"), option, address)
    assert code == 2
    assert f"Invalid value for '{option}': {address!r} is not host:port" in output
    assert not (tmp_path / "keys").exists()


def test_an_address_of_any_kind_is_taken(tmp_path: Path) -> None:
    for address in ("nats-1.example:4222", "[::1]:4222", "0.0.0.0:65535"):
        assert run("init", str(tmp_path / "keys"), "--listen", address)[0] == 0


def test_seeds_that_others_can_read_are_refused(tmp_path: Path) -> None:
    directory = tmp_path / "keys"
    run("init", str(directory))
    (directory / "operator.seed").chmod(0o644)
    assert "operator.seed is open to others: chmod 600 it" in run("init", str(directory))[1]
    (directory / "operator.seed").chmod(0o640)  # Lent to a group.
    assert run("show", str(directory))[0] == 0
    directory.chmod(0o755)
    assert "keys is open to others: chmod 700 it" in run("init", str(directory))[1]


def test_a_garbled_seed_is_named_and_not_shown(tmp_path: Path) -> None:
    directory = tmp_path / "keys"
    run("init", str(directory))
    for text in ("", "SUNOSEED", SEED[:-3] + "AAA", SEED * 2):
        (directory / "operator.seed").write_text(text)
        code, output = run("show", str(directory))
        assert code == 1
        assert f"{directory}/operator.seed: " in output
        assert not text or text not in output
    (directory / "operator.seed").write_bytes(b"\xff\xfe")
    assert "operator.seed is not a seed: it is not even text" in run("show", str(directory))[1]


def test_a_directory_without_seeds_is_named(tmp_path: Path) -> None:
    assert "no seeds in " in run("show", str(tmp_path))[1]
    (tmp_path / "file").write_text("")
    assert run("init", str(tmp_path / "file"))[0] != 0
    assert "cannot keep keys in " in run("init", str(tmp_path / "file" / "below"))[1]
