"""`jurymast verify`: check what observers certified, offline."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import click

from jurymast.certificate import Check, certificate_id, checks, ending_problem, from_json
from jurymast.cli.commands.printable import say
from jurymast.errors import Misconfigured, Rejected
from jurymast.messages.health import Certificate, Policy
from jurymast.watchlist import parse

MAX_BYTES = 1 << 20
readable = click.Path(path_type=Path)
policy_option = click.option(
    "--policy", "policy_file", type=readable, help="A file of chains, as JURYMAST_CHAINS_FILE, with the policy that you trust."
)


@click.group()
def verify() -> None:
    """Check evidence offline. Exit code 0: it holds; 1: it does not."""


@verify.command()
@click.argument("file", type=readable)
@policy_option
@click.option("--halt", "halt_file", type=readable, help="Of a recovery: the certificate of the halt that it must end.")
def certificate(*, file: Path, policy_file: Path | None, halt_file: Path | None) -> None:
    """Check a halt or recovery certificate, as `jurymast certificate` writes it."""
    found = _certificate(file)
    policy = trusted_policy(policy_file, found.chain) if policy_file else found.policy
    results = checks(found, policy)
    if halt_file:
        results.append(Check("halt certificate", _other_halt(found, _certificate(halt_file), policy)))
    for line in _summary(found):  # Line by line: what is in a certificate must not write lines of its own.
        say(f"      {line}")
    if policy_file is None:
        print("      policy of the certificate's own: whoever made it chose the observers. Compare it, or use --policy")
    for check in results:
        say(f"{'FAIL' if check.problem else 'ok':<5} {check.what}" + (f": {check.problem}" if check.problem else ""))
    holds = not any(check.problem for check in results)
    own = "" if policy_file else ", by its own policy"
    print(f"the certificate holds{own}" if holds else "the certificate does NOT hold")
    click.get_current_context().exit(0 if holds else 1)


def _certificate(path: Path) -> Certificate:
    try:
        return from_json(_read(path))
    except Rejected as error:
        raise Rejected(f"{path}: {error}") from None


def trusted_policy(path: Path, chain: str) -> Policy:
    try:
        chains = parse(_read(path).decode())
    except (Misconfigured, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: {error}") from None
    for found in chains:
        if found.name == chain:
            return found.policy
    raise Misconfigured(f"{path} has no policy for {chain}")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Misconfigured(f"cannot read {path}: {error.strerror}") from None
    if len(text) > MAX_BYTES:
        raise Misconfigured(f"{path} is larger than any certificate: {MAX_BYTES} bytes are read")
    return text


def _other_halt(recovery: Certificate, halt: Certificate, policy: Policy) -> str:
    if recovery.kind != "recovery" or halt.kind != "halt":
        return f"a recovery ends a halt; these are a {recovery.kind} and a {halt.kind}"
    if problems := [f"{check.what}: {check.problem}" for check in checks(halt, policy) if check.problem]:
        return f"it does not hold itself: {problems[0]}"
    return ending_problem(recovery, halt)


def _summary(found: Certificate) -> list[str]:
    ends = [o.to_ms for o in found.observations]
    lines = [f"{found.kind} of {found.chain} ({found.policy.chain_id[:80]}), {len(ends)} observations"]
    if ends:
        lines.append(f"head {'-'.join(str(head) for head in sorted({o.head_last for o in found.observations}))}")
        lines.append(f"window until {_moment(max(ends))}")
    return [*lines, f"id {_identity(found)}"]


def _moment(milliseconds: int) -> str:
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (OverflowError, OSError, ValueError):
        return f"{milliseconds} ms after 1970"
    return f"{moment}, {time.time() - milliseconds / 1000:.0f} s ago"


def _identity(found: Certificate) -> str:
    """A malformed one has none."""
    try:
        return f"0x{certificate_id(found).hex()}"
    except ValueError:
        return "none"
