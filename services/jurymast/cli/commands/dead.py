"""`jurymast dead`: look at dead letters, give them back to their consumer, or drop them."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from typing import NamedTuple

import click
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import APIError, NotFoundError

from jurymast.cli.commands.connect import with_nats
from jurymast.cli.commands.printable import bounded, content, escaped, moment, say
from jurymast.envelope import stamp
from jurymast.errors import Misconfigured, Transient, Undecodable, explain
from jurymast.messages.channel import SCHEMA_HEADER
from jurymast.messages.dead import DEAD, REPLAY, DeadLetter
from jurymast.nats_failure import NATS_FAILURE
from jurymast.streams import DEAD as DEAD_STREAM
from jurymast.streams import REPLAYS, replay_consumer

dry_run = click.option("--dry-run", is_flag=True, help="Only say what would be done.")
limit_option = click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many.")
selection = click.argument("selection")


class Grave(NamedTuple):
    """A letter and where it lies."""

    letter: DeadLetter
    sequence: int

    @property
    def name(self) -> str:
        return f"{self.letter.consumer}.{self.letter.stream}.{self.letter.sequence}"


@click.group()
def dead() -> None:
    """Messages that could not be handled. SELECTION is a letter's name, a consumer, or `all`."""


@dead.command("list")
@limit_option
@with_nats
async def list_(nc: Client, *, limit: int) -> None:
    """List dead letters, oldest first."""
    found = 0
    async for grave in graves(nc, "all"):
        found += 1
        if found <= limit:
            say(_summary(grave))
    print(f"{found} dead letter{'' if found == 1 else 's'}" + (f", {limit} shown" if found > limit else ""))


@dead.command()
@selection
@limit_option
@with_nats
async def show(nc: Client, *, selection: str, limit: int) -> None:
    """Show letters with their headers and decoded payload."""
    async for grave in _selected(nc, selection, limit):
        letter = grave.letter
        say(_summary(grave))
        say(f"  reason   {bounded(letter.reason)}")
        say(f"  subject  {bounded(letter.subject)}")
        for name, value in letter.headers.items():
            say(f"  header   {bounded(name)}: {bounded(value)}")
        say(f"  payload  {len(letter.payload)} bytes: {content(letter.payload)}")


@dead.command()
@selection
@limit_option
@dry_run
@with_nats
async def replay(nc: Client, *, selection: str, limit: int, dry_run: bool) -> None:
    """Give letters back to exactly the consumer that failed; one that fails again comes back to the list."""
    js = nc.jetstream()
    async for grave in _selected(nc, selection, limit):
        await _has_taker(js, grave)
        if not dry_run:
            # Stored before it leaves the list: a death in between leaves it in both, and handlers are idempotent.
            letter = grave.letter
            stamped = stamp(REPLAY, f"{grave.name}.{letter.dead_ms}")
            await _store(js, REPLAY.subject(letter), REPLAY.encode(letter), stamped)
            await _remove(js, grave)
        say(f"{'would replay' if dry_run else 'replayed'} {_summary(grave)}")


@dead.command()
@selection
@limit_option
@dry_run
@with_nats
async def drop(nc: Client, *, selection: str, limit: int, dry_run: bool) -> None:
    """Forget letters for ever."""
    js = nc.jetstream()
    async for grave in _selected(nc, selection, limit):
        if not dry_run:
            await _remove(js, grave)
        say(f"{'would drop' if dry_run else 'dropped'} {_summary(grave)}")


async def graves(nc: Client, selection: str) -> AsyncIterator[Grave]:
    """Letters in the order in which they died, up to now: one that comes back while we look is not met twice.

    Walks the stream by sequence, so that it needs no consumer.
    """
    js = nc.jetstream()
    sequence, last = 0, await _last_sequence(js)
    while sequence < last:
        try:
            raw = await js.get_msg(DEAD_STREAM.name, seq=sequence + 1, next=True, subject=f"{DEAD.name}.>")
        except NotFoundError:
            return
        except NATS_FAILURE as error:
            raise Transient(f"cannot read dead letters: {explain(error)}") from None
        sequence = raw.seq or last + 1
        schema = (raw.headers or {}).get(SCHEMA_HEADER)
        if schema is not None:
            schema = str(schema)  # The client gives another type for what is not ASCII.
        try:
            grave = Grave(DEAD.decode(raw.data or b"", schema=schema, subject=raw.subject or ""), sequence)
        except Undecodable as problem:
            why = escaped(f"passed over message {sequence} of {DEAD_STREAM.name}, which is no letter: {problem}")
            print(f"jurymast: {why}", file=sys.stderr)
            continue
        if sequence <= last and selection in ("all", grave.name, grave.letter.consumer):
            yield grave


async def _last_sequence(js: JetStreamContext) -> int:
    try:
        return (await js.stream_info(DEAD_STREAM.name)).state.last_seq
    except NotFoundError:
        raise Misconfigured("this server has no dead letter stream: run `jurymast streams apply`") from None
    except NATS_FAILURE as error:
        raise Transient(f"cannot read dead letters: {explain(error)}") from None


async def _selected(nc: Client, selection: str, limit: int) -> AsyncIterator[Grave]:
    found = 0
    async for grave in graves(nc, selection):
        if found == limit:
            print(f"stopped at {limit}; raise --limit for more")
            return
        found += 1
        yield grave
    if not found and selection == "all":
        print("0 dead letters")
    elif not found:
        raise Misconfigured(f"no dead letter is or belongs to {selection!r}: see `jurymast dead list`")


async def _has_taker(js: JetStreamContext, grave: Grave) -> None:
    """Without one it would leave the list and wait for ever where nobody looks."""
    service = grave.letter.service
    try:
        await js.consumer_info(REPLAYS.name, replay_consumer(service).name)
    except NotFoundError:
        raise Misconfigured(f"{grave.name}: no service {service} takes replays on this server; `jurymast dead drop` it") from None
    except NATS_FAILURE as error:
        raise Transient(f"cannot look for the service {service}: {explain(error)}") from None


async def _store(js: JetStreamContext, subject: str, payload: bytes, stamped: dict[str, str]) -> None:
    try:
        await js.publish(subject, payload, headers=stamped)
    except NATS_FAILURE as error:
        raise Transient(f"cannot store {subject}, nothing was removed: {explain(error)}") from None


async def _remove(js: JetStreamContext, grave: Grave) -> None:
    """By sequence: a letter that came back meanwhile has another one and stays."""
    try:
        await js.delete_msg(DEAD_STREAM.name, grave.sequence)
    except NotFoundError:
        pass
    except APIError as error:
        if error.err_code != NO_MESSAGE and "no message found" not in (error.description or ""):  # Gone meanwhile has two codes.
            raise Transient(f"cannot remove {grave.name}: {error}") from None


NO_MESSAGE = 10057


def _summary(grave: Grave) -> str:
    letter = grave.letter
    tries = f"{letter.attempts} attempt{'' if letter.attempts == 1 else 's'}"
    return f"{moment(letter.dead_ms, 'seconds')}  {grave.name}  {letter.cause} after {tries}: {letter.reason[:100]}"
