"""`jurymast guard journal`, offline."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from jurymast.cli.commands.guard import guard
from jurymast.crypto.address import checksummed
from jurymast.errors import JurymastError
from jurymast.journal.entries import Declined, Froze, Imported, Lost, Moved
from jurymast.journal.file import JournalFile, read
from jurymast.nonce_guard.decide.memory import Told, forgotten
from tests.unit.journals import GUARD, OTHER, permitted

SAID = (permitted(1), permitted(2, epoch=3), Declined(1, 1, 9, bytes(32)), Froze(1), Moved(2, bytes(32)))


def made(path: Path, address: bytes = GUARD) -> Path:
    with JournalFile.open(path, address) as journal:
        journal.append(SAID)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return made(tmp_path / "guard.journal")


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(guard, ["journal", *map(str, arguments)])
    if isinstance(result.exception, JurymastError):
        return 1, str(result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


# -- verify ------------------------------------------------------------------------------------------------------------


def test_a_whole_one_is_summed_up(file: Path) -> None:
    code, output = run("verify", file)
    assert code == 0
    assert f"of {checksummed(GUARD)}" in output
    assert "5 entries: 1 freezes, 2 permits, 1 refusals, 1 transitions\n4 identities, epochs up to 3" in output
    assert "frozen up to epoch 1" in output
    assert "whole, up to record 5" in output


def test_what_a_crash_left_is_named_and_left_alone(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])
    code, output = run("verify", file)
    assert code == 0
    assert "bytes of an unfinished record at the end" in output
    assert "whole, up to record 4" in output


def test_damage_and_no_journal_at_all_fail_and_say_so(file: Path, tmp_path: Path) -> None:
    data = bytearray(file.read_bytes())
    data[100] ^= 1
    file.write_bytes(data)
    assert "is damaged at byte" in run("verify", file)[1]
    (tmp_path / "empty").touch()
    for path, why in ((tmp_path / "none", "No such file"), (tmp_path / "empty", "nothing was ever written"), (file, "damaged")):
        code, output = run("verify", path)
        assert code == 1
        assert why in output


def test_it_can_be_checked_while_its_guard_runs(file: Path) -> None:
    with JournalFile.open(file, GUARD):
        assert run("verify", file)[0] == 0


# -- export and import -------------------------------------------------------------------------------------------------


def test_carried_elsewhere_it_says_the_same_and_has_forgotten_nothing(file: Path, tmp_path: Path) -> None:
    carried, new, head = tmp_path / "carried", tmp_path / "new.journal", read(file).head
    assert run("export", file, "--out", carried) == (0, f"{carried}: 5 entries, up to record 5\n")
    assert run("export", file)[1] == carried.read_text()
    code, output = run("import", new, carried)
    assert (code, output) == (
        0,
        f"6 entries added to the journal of {checksummed(GUARD)} (1 freezes, 1 imports, 2 permits, 1 refusals, 1 transitions)\n",
    )
    contents = read(new)
    assert contents.entries == (*SAID, Imported(*head))
    assert forgotten(Told(*head, 3), contents.digest_at) is None
    assert forgotten(Told(head.journal, 6, head.digest, 3), contents.digest_at) == 3  # It signed more after the export.


def test_importing_again_adds_nothing(file: Path, tmp_path: Path) -> None:
    carried, new = tmp_path / "carried", tmp_path / "new.journal"
    run("export", file, "--out", carried)
    run("import", new, carried)
    before = new.read_bytes()
    assert run("import", new, carried)[1].startswith("0 entries added")
    assert new.read_bytes() == before


def test_merging_keeps_what_both_said(file: Path, tmp_path: Path) -> None:
    other, carried = tmp_path / "other.journal", tmp_path / "carried"
    with JournalFile.open(other, GUARD) as journal:
        journal.append([Froze(4), SAID[0]])
    run("export", other, "--out", carried)
    assert run("import", file, carried)[1].startswith("2 entries added")
    assert read(file).entries == (*SAID, Froze(4), Imported(*read(other).head))


def test_a_dry_run_changes_nothing(file: Path, tmp_path: Path) -> None:
    carried, new = tmp_path / "carried", tmp_path / "new.journal"
    run("export", file, "--out", carried)
    assert run("import", "--dry-run", new, carried)[1].startswith("6 entries would be added; nothing was changed (1 freezes")
    assert not new.exists()
    before = file.read_bytes()
    assert run("import", "--dry-run", file, carried)[1].startswith("1 entries would be added")
    assert file.read_bytes() == before


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_what_is_not_of_this_key_or_contradicts_it_is_refused(file: Path, tmp_path: Path, dry: tuple[str, ...]) -> None:
    strange, twin = made(tmp_path / "strange.journal", OTHER), tmp_path / "twin.journal"
    with JournalFile.open(twin, GUARD) as journal:
        journal.append([Moved(2, b"x" * 32), Froze(9)])
    before = file.read_bytes()
    for source, why in ((strange, "is the journal of"), (twin, "two transitions into epoch 2")):
        carried = tmp_path / "carried"
        run("export", source, "--out", carried)
        code, output = run("import", *dry, file, carried)
        assert code == 1
        assert why in output
    assert run("import", *dry, file, file)[0] == 1
    assert run("import", *dry, file, tmp_path / "none")[0] == 1
    assert file.read_bytes() == before


def test_while_its_guard_runs_it_is_neither_exported_nor_imported_into(file: Path, tmp_path: Path) -> None:
    carried = tmp_path / "carried"
    run("export", file, "--out", carried)
    with JournalFile.open(file, GUARD):
        for arguments in (("export", file), ("import", file, carried)):
            code, output = run(*arguments)
            assert code == 1
            assert "is open elsewhere" in output


def test_a_file_that_cannot_be_written_is_named(file: Path, tmp_path: Path) -> None:
    code, output = run("export", file, "--out", tmp_path / "missing" / "carried")
    assert code == 1
    assert "cannot write" in output


# -- beginning anew ----------------------------------------------------------------------------------------------------


def test_a_journal_begun_anew_knows_that_it_has_forgotten(tmp_path: Path, file: Path) -> None:
    new = tmp_path / "new.journal"
    code, output = run("begin", new, "--guard", checksummed(GUARD), "--lost-before", "7")
    assert code == 0
    assert "signs nothing until a transition after epoch 7 is final" in output
    assert read(new).entries == (Lost(7),)
    assert "what was signed up to epoch 7 is not all here" in run("verify", new)[1]
    assert run("begin", file, "--guard", checksummed(GUARD), "--lost-before", "7")[0] == 1
    assert read(file).entries == SAID


@pytest.mark.parametrize(("address", "epoch"), [("0x12", "7"), (checksummed(GUARD), "-1"), (checksummed(GUARD), "")])
def test_a_beginning_for_nobody_is_refused(tmp_path: Path, address: str, epoch: str) -> None:
    assert run("begin", tmp_path / "new", "--guard", address, "--lost-before", epoch)[0] == 2
    assert not (tmp_path / "new").exists()
