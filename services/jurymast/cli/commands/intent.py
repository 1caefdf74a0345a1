"""`jurymast intent`: where something was executed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import click
import msgspec
from nats.aio.client import Client

from jurymast.bus.query import Queries
from jurymast.cli.commands.connect import with_nats
from jurymast.cli.commands.printable import say
from jurymast.errors import Rejected, Transient
from jurymast.messages.channel import OPERATOR
from jurymast.messages.permits import WHERE, Attempted, SeenOn, Where, WhereAsked
from jurymast.telemetry import Tracer

WITHIN_S = 5.0
ACCOUNT = re.compile(r"(?:0x)?(?P<digits>[0-9a-fA-F]{64}|[0-9a-fA-F]{40})")


@click.group()
def intent() -> None:
    """What users signed."""


def _account(_: click.Context, __: click.Parameter, value: str) -> str:
    if not (match := ACCOUNT.fullmatch(value)):
        raise click.BadParameter("an account is 32 bytes in hexadecimal, or an address")
    return match["digits"].lower().rjust(64, "0")


@intent.command()
@click.argument("account", callback=_account)
@click.argument("nonce", type=click.IntRange(min=0, max=(1 << 64) - 1))
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@with_nats
async def where(nc: Client, *, account: str, nonce: int, as_json: bool) -> None:
    """Was NONCE of ACCOUNT executed, and on which chain? For a match: its id, and its step.

    Every guard answers by what it has read itself. Exit code 0: executed; 1: not, as far as they know; they must not differ."""
    answers = await Queries(nc, OPERATOR, Tracer(OPERATOR)).ask_all(
        WHERE, WhereAsked(account=account, nonce=nonce), within_s=WITHIN_S
    )
    if not answers:
        raise Transient("no guard answers")
    answers.sort(key=lambda answer: answer.guard)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(answers)).decode())
    else:
        for line in _lines(answers):
            say(line)
    on = {answer.executed_on for answer in answers if answer.executed_on}
    if len(on) > 1:
        raise Rejected(f"guards differ: it was executed on chains {', '.join(map(str, sorted(on)))}, they say")
    click.get_current_context().exit(0 if on else 1)


def _lines(answers: Sequence[Where]) -> Iterator[str]:
    for answer in answers:
        executed = f"executed on chain {answer.executed_on}" if answer.executed_on else "not executed, as far as it knows"
        yield f"{answer.guard}: {executed}"
        yield from (f"  {_attempt(each)}" for each in answer.attempts)
        yield from (f"  {_seen(each)}" for each in answer.chains)


def _attempt(each: Attempted) -> str:
    fate = f"{each.fate}, as {each.cid} shows" if each.fate else "open: it may still execute"
    return f"attempt {each.attempt}: batch {each.batch} of epoch {each.epoch} on chain {each.chain}, {fate}"


def _seen(each: SeenOn) -> str:
    if each.used is None:
        return f"chain {each.chain} does not tell: {each.trouble}"
    return f"chain {each.chain}: its nonce is {'used' if each.used else 'not used'}, finally, at height {each.height}"
