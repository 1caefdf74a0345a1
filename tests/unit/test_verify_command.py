"""`jurymast verify certificate`, offline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from jurymast.certificate import assemble, certificate_id, halt_of, to_json
from jurymast.cli.commands.verify import verify
from jurymast.errors import JurymastError
from jurymast.messages.health import Certificate
from tests.watching import ADDRESSES, HEAD, NOW_MS, POLICY, halt_seen, recovery_seen

CHAINS = f"""
application = "0x{"a5" * 32}"
[chains.solana]
family = "solana"
id = "{POLICY.chain_id}"
slot_ms = 500
finality_blocks = 40
quorum = 2
threshold = 2
observers = {list(ADDRESSES[:3])}
"""


def certified(kind: Any, *observations: Any) -> Certificate:
    certificate = assemble(kind, observations, POLICY, NOW_MS)
    assert isinstance(certificate, Certificate)
    return certificate


HALT = certified("halt", halt_seen(0), halt_seen(1))
RECOVERY = certified("recovery", *(recovery_seen(n, halt=halt_of(HALT)) for n in (0, 2)))


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chains.toml").write_text(CHAINS)
    (tmp_path / "halt.json").write_bytes(to_json(HALT))
    (tmp_path / "recovery.json").write_bytes(to_json(RECOVERY))
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(verify, ["certificate", *arguments])
    if isinstance(result.exception, JurymastError):
        return 1, str(result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.mark.usefixtures("directory")
def test_one_that_holds_is_shown_check_by_check() -> None:
    code, output = run("halt.json", "--policy", "chains.toml")
    assert code == 0
    assert f"halt of solana ({POLICY.chain_id}), 2 observations\n      head {HEAD}\n" in output
    assert f"id 0x{certificate_id(HALT).hex()}\n" in output
    assert f"ok    observation 1 by {ADDRESSES[0]}\n" in output
    for what in ("chain", "policy", "observers", "independence", "time", "heads"):
        assert f"ok    {what}\n" in output
    assert "FAIL" not in output
    assert output.endswith("the certificate holds\n")


@pytest.mark.usefixtures("directory")
def test_without_a_trusted_policy_that_is_said() -> None:
    code, output = run("halt.json")
    assert code == 0
    assert "policy of the certificate's own: whoever made it chose the observers" in output
    assert output.endswith("the certificate holds, by its own policy\n")


def test_what_stands_in_a_certificate_writes_no_lines_of_its_own(directory: Path) -> None:
    lie = "x\x1b[2J\nok    policy\nthe certificate holds"
    forged = replace(
        HALT, policy=replace(POLICY, chain_id=lie), observations=tuple(replace(o, chain_id=lie) for o in HALT.observations)
    )
    (directory / "forged.json").write_bytes(to_json(forged))
    code, output = run("forged.json", "--policy", "chains.toml")
    assert code == 1
    assert "\x1b" not in output
    assert "the certificate holds" not in output.splitlines()


@pytest.mark.usefixtures("directory")
def test_a_recovery_beside_the_halt_that_it_ends() -> None:
    assert run("recovery.json", "--policy", "chains.toml", "--halt", "halt.json")[0] == 0
    code, output = run("halt.json", "--halt", "recovery.json")
    assert code == 1
    assert "FAIL  halt certificate: a recovery ends a halt; these are a halt and a recovery" in output


def test_a_recovery_beside_another_halt(directory: Path) -> None:
    (directory / "other.json").write_bytes(to_json(certified("halt", halt_seen(0), halt_seen(2))))
    code, output = run("recovery.json", "--halt", "other.json")
    assert code == 1
    assert "FAIL  halt certificate: the recovery ends another halt\n" in output
    assert output.endswith("the certificate does NOT hold\n")


def test_a_forged_one_fails_with_the_place(directory: Path) -> None:
    forged = replace(HALT, observations=(replace(HALT.observations[0], head_last=HEAD + 1), HALT.observations[1]))
    (directory / "forged.json").write_bytes(to_json(forged))
    code, output = run("forged.json", "--policy", "chains.toml")
    assert code == 1
    assert f"FAIL  observation 1 by {ADDRESSES[0]}: is signed by 0x" in output


def test_another_policy_than_the_trusted_one_fails(directory: Path) -> None:
    (directory / "strict.toml").write_text(CHAINS.replace("threshold = 2", "threshold = 3"))
    code, output = run("halt.json", "--policy", "strict.toml")
    assert code == 1
    assert "FAIL  policy: the certificate's differs in threshold\n" in output
    assert "FAIL  observers: 2 different ones, 3 needed\n" in output


def test_a_malformed_one_has_no_id_and_fails(directory: Path) -> None:
    broken = replace(HALT, policy=replace(POLICY, application=b""))
    (directory / "broken.json").write_bytes(to_json(broken))
    code, output = run("broken.json")
    assert code == 1
    assert "id none\n" in output
    assert "FAIL  policy: application: 32 bytes\n" in output


def test_a_time_that_no_calendar_has(directory: Path) -> None:
    late = replace(HALT, observations=(replace(HALT.observations[0], to_ms=(1 << 63) - 1),))
    (directory / "late.json").write_bytes(to_json(late))
    assert run("late.json")[0] == 1


@pytest.mark.parametrize(
    ("name", "content", "options", "says"),
    [
        ("missing.json", None, (), "cannot read missing.json: No such file or directory"),
        ("some.json", b"<html>", (), "some.json: this is not a certificate"),
        ("some.json", b" " * ((1 << 20) + 1), (), "some.json is larger than any certificate"),
        ("halt.json", to_json(HALT), ("--policy", "none.toml"), "cannot read none.toml"),
        ("halt.json", to_json(HALT), ("--policy", "halt.json"), "halt.json: not TOML"),
        ("halt.json", to_json(HALT), ("--policy", "other.toml"), "other.toml has no policy for solana"),
    ],
)
def test_files_that_will_not_do(directory: Path, name: str, content: bytes | None, options: tuple[str, ...], says: str) -> None:
    (directory / "other.toml").write_text(CHAINS.replace("chains.solana", "chains.other"))
    if content is not None:
        (directory / name).write_bytes(content)
    code, output = run(name, *options)
    assert code == 1
    assert says in output
