"""`jurymast guard`: how guards stand; check a guard's veto journal, and carry it elsewhere."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
from nats.aio.client import Client

from jurymast.bus.query import Queries
from jurymast.cli.commands.connect import with_nats
from jurymast.cli.commands.printable import say
from jurymast.crypto.address import checksummed, parse_address
from jurymast.errors import Misconfigured, Transient
from jurymast.journal.entries import Entry, Froze, Lost, Permitted, highest_epoch
from jurymast.journal.file import AnothersJournal, Contents, JournalFile, idle, read
from jurymast.journal.portable import additions, exported, imported
from jurymast.messages.channel import OPERATOR
from jurymast.messages.permits import GUARD, GuardAsked, GuardStands
from jurymast.telemetry import Tracer

WITHIN_S = 1.0

readable = click.Path(path_type=Path, dir_okay=False)


def _address(_: click.Context, __: click.Parameter, value: str) -> bytes:
    try:
        return parse_address(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.group()
def guard() -> None:
    """How guards stand, and what they keep on their own disks."""


@guard.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@with_nats
async def status(nc: Client, *, as_json: bool) -> None:
    """Show how each guard stands. Exit code 0: all that answer may sign; 1: not."""
    answers = await Queries(nc, OPERATOR, Tracer(OPERATOR)).ask_all(GUARD, GuardAsked(), within_s=WITHIN_S)
    if not answers:
        raise Transient("no guard answers")
    answers.sort(key=lambda each: each.guard)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(answers)).decode())
    else:
        for line in (line for each in answers for line in _stands(each)):
            say(line)
    click.get_current_context().exit(0 if all(each.lost_before < 0 for each in answers) else 1)


def _stands(each: GuardStands) -> Iterator[str]:
    yield f"{each.guard}{'  leads' if each.leads else ''}  ({each.instance})"
    yield f"  ledger {each.ledger:,}, claims {each.claims:,}, journal {each.journal:,}: {each.signed:,} permits"
    yield f"  {each.waiting:,} batches wait for its signature, {each.unconcluded:,} claims for their outcome"
    if each.frozen >= 0:
        yield f"  signs nothing of epoch {each.frozen} and before"
    if each.lost_before >= 0:
        yield f"  its journal was lost: silent until a transition after epoch {each.lost_before} is final on every chain"
    yield from (f"  {trouble}" for trouble in each.troubles)


@guard.group()
def journal() -> None:
    """The journal in which a guard's key binds itself, before it signs anything."""


@journal.command()
@click.argument("file", type=readable)
def verify(*, file: Path) -> None:
    """Check every record of FILE, and say what it holds. Exit code 0: it is whole; 1: it is not."""
    contents = read(file)
    for line in _summary(contents):
        print(line)


@journal.command()
@click.argument("file", type=readable)
@click.option("--out", type=readable, help="Where to; standard output without it.")
def export(*, file: Path, out: Path | None) -> None:
    """Write all that FILE says as lines of JSON, while its guard does not run.

    With this, and without the file itself, a guard goes on elsewhere under the same key: `import` it there, and never start the
    old one again. What the old one signs after the export is not in it."""
    with idle(file):
        contents = read(file)
    data = exported(contents.begun, contents.head, contents.entries)
    if out is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    _write(out, data)
    print(f"{out}: {len(contents.entries)} entries, up to record {contents.head.sequence}")


@journal.command("import")
@click.argument("file", type=readable)
@click.argument("export", type=readable)
@click.option("--dry-run", is_flag=True, help="Only say what would be added.")
def import_(*, file: Path, export: Path, dry_run: bool) -> None:
    """Add to FILE what EXPORT says and FILE does not; FILE is made if there is none. Nothing is ever taken away."""
    there = imported(_read(export))
    if dry_run:
        here = read(file) if file.exists() else None
        if here and here.begun.guard != there.guard:
            raise AnothersJournal(file, here.begun.guard, there.guard)
        _tell_added(additions(here.entries if here else (), there), "would be added; nothing was changed")
        return
    with JournalFile.open(file, there.guard) as opened:
        wanted = additions(opened.contents.entries, there)
        opened.append(wanted)
    _tell_added(wanted, f"added to the journal of {checksummed(there.guard)}")


@journal.command()
@click.argument("file", type=readable)
@click.option("--guard", "address", required=True, callback=_address, help="The address of its key.")
@click.option(
    "--lost-before", "epoch", required=True, type=click.IntRange(min=0), help="The highest epoch of which it may have signed."
)
def begin(*, file: Path, address: bytes, epoch: int) -> None:
    """Begin FILE anew for a key whose journal is lost.

    The guard signs nothing with it until a transition newer than that epoch is final on every chain. Too high an epoch costs
    time; too low a one, money."""
    if file.exists():
        raise Misconfigured(f"{file} is there already: put it aside first")
    with JournalFile.open(file, address) as opened:
        opened.append([Lost(epoch)])
    print(f"{file}: {checksummed(address)} signs nothing until a transition after epoch {epoch} is final on every chain")


def _summary(contents: Contents) -> Iterator[str]:
    counts = _counts(contents.entries)
    frozen = max((entry.epoch for entry in contents.entries if isinstance(entry, Froze)), default=None)
    lost = max((entry.before for entry in contents.entries if isinstance(entry, Lost)), default=None)
    identities = {identity for entry in contents.entries if isinstance(entry, Permitted) for identity in entry.identities}
    yield f"journal 0x{contents.begun.journal.hex()} of {checksummed(contents.begun.guard)}"
    yield f"{len(contents.entries)} entries: {counts or 'nothing yet'}"
    yield f"{len(identities)} identities, epochs up to {highest_epoch(contents.entries)}"
    yield f"frozen up to epoch {frozen}" if frozen is not None else "no epoch is frozen"
    if lost is not None:
        yield f"what was signed up to epoch {lost} is not all here: it waits for a later transition, final on every chain"
    if contents.unfinished:
        yield f"{contents.unfinished} bytes of an unfinished record at the end: being written, or left by a crash; never signed"
    yield f"whole, up to record {contents.head.sequence} (0x{contents.head.digest.hex()})"


NAMES = {
    "Permitted": "permits",
    "Declined": "refusals",
    "Froze": "freezes",
    "Moved": "transitions",
    "Lost": "losses",
    "Imported": "imports",
}


def _counts(entries: tuple[Entry, ...] | list[Entry]) -> str:
    counted = Counter(NAMES[type(entry).__name__] for entry in entries)
    return ", ".join(f"{count} {name}" for name, count in sorted(counted.items()))


def _tell_added(entries: list[Entry], what: str) -> None:
    print(f"{len(entries)} entries {what}" + (f" ({_counts(entries)})" if entries else ""))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"cannot read {path}: {error.strerror}") from None


def _write(path: Path, data: bytes) -> None:
    """The whole file or none, on the disk: the journal may be thrown away after this."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise Misconfigured(f"cannot write {path}: {error.strerror}") from None
