"""`jurymast tail`: decoded events as they pass."""

from __future__ import annotations

import click
import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg

from jurymast import clock
from jurymast.cli.commands.connect import with_lasting_nats
from jurymast.cli.commands.printable import bounded, content, escaped, fields, moment, unreadable
from jurymast.errors import Misconfigured, Transient, Undecodable, explain
from jurymast.messages.catalog import channels
from jurymast.messages.channel import SCHEMA_HEADER
from jurymast.streams import STORED
from jurymast.subjects import valid_pattern

CHANNELS = {channel.name: channel for channel in channels()}

MACHINERY = ("_INBOX", "_R_.", "$", f"{STORED}.")
"""Answers, JetStream's own traffic, and repetitions of what was seen already."""


@click.command()
@click.argument("subject", default=">")
@click.option("-n", "--count", type=click.IntRange(0), default=0, help="End after so many events; 0: never.")
@with_lasting_nats
async def tail(nc: Client, *, subject: str, count: int) -> None:
    """Print events on SUBJECT (`>` for all, `dead.letter.>` for some) as they pass, until Ctrl-C."""
    if not valid_pattern(subject):
        raise Misconfigured(f"{subject!r} is no subject: tokens joined by dots, * for one token, > for the rest")
    subscription = await nc.subscribe(subject)
    await nc.flush()
    click.echo(f"listening on {subject}", err=True)
    seen = 0
    async for raw in subscription.messages:
        if raw.subject.startswith(MACHINERY) and not subject.startswith(MACHINERY):
            continue
        click.echo(line(raw))
        seen += 1
        if seen == count:
            return
    raise Transient(f"NATS has ended the connection: {explain(nc.last_error) if nc.last_error else 'it does not say why'}")


def line(raw: Msg) -> str:
    """Time, subject, schema and fields; what is not of ours is shown as far as it can be."""
    schema = (raw.headers or {}).get(SCHEMA_HEADER)
    subject, named = escaped(raw.subject), escaped(schema or "no schema")
    return f"{moment(clock.now_ms(), 'milliseconds')} {subject} [{bounded(named)}] {_content(raw, schema)}"


def _content(raw: Msg, schema: str | None) -> str:
    channel = CHANNELS.get(schema.partition("/")[0]) if schema else None
    if channel is None:
        return content(raw.data)
    try:
        return fields(msgspec.to_builtins(channel.decode(raw.data, schema=schema, subject=raw.subject), builtin_types=(bytes,)))
    except Undecodable as error:
        return unreadable(raw.data, error)
