"""What became of every action, by its sender's list and by all chains: lost, executed twice, told wrongly."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tests.checker import between
from tests.checker.batches import Execution
from tests.checker.chain import Audited
from tests.checker.findings import Finding, Kind, Place, hexed, identity
from tests.checker.ledger import Key
from tests.checker.senders import End, Listed


class Seen(NamedTuple):
    """What the chains know, all together."""

    executions: Sequence[Execution]
    floors: dict[bytes, int]
    now: int
    """Of the chain whose clock is furthest."""

    def of(self, digest: bytes, listed: Listed) -> list[Execution]:
        """Of what could not be read, the identity is known at least."""
        return [each for each in self.executions if (each.digest or digest, each.key) == (digest, listed.key)]


def judge(lists: dict[bytes, Listed], chains: Sequence[Audited], open_until: int) -> tuple[list[Finding], Counter[str]]:
    """Whatever is open may be so while no chain's clock is beyond `open_until`."""
    floors = {account: floor for chain in chains for account, floor in sorted(chain.floors.items(), key=lambda item: item[1])}
    executions = [execution for chain in chains for execution in chain.executions]
    seen = Seen(executions, floors, max(chain.history.now for chain in chains))
    findings = [*_twice(executions), *_unlisted(lists, executions), *between.check(chains)]
    figures: Counter[str] = Counter({"signed": len(lists), "acknowledged": sum(each.acknowledged for each in lists.values())})
    for digest, listed in lists.items():
        fate, wrong = _fate(digest, listed, seen, open_until)
        figures[fate] += 1
        findings += [
            Finding(kind, identity(listed.key), f"{listed.kind} {hexed(digest)}: {what}", at) for kind, what, at in wrong
        ]
    return findings, figures


Wrong = tuple[Kind, str, tuple[Place, ...]]


def _fate(digest: bytes, listed: Listed, seen: Seen, open_until: int) -> tuple[str, list[Wrong]]:
    executed = tuple(each.place for each in seen.of(digest, listed))
    told, wrong = listed.told, list[Wrong]()
    if len(told) > 1:
        wrong.append((Kind.TOLD_TWICE, " and ".join(sorted(told)), executed))
    if executed:
        others = sorted(told.keys() - {End.EXECUTED})
        wrong += [(Kind.TOLD_ENDED, f"told {end}: {told[End(end)]!r}", executed) for end in others]
        return "executed", wrong
    if End.EXECUTED in told:
        wrong.append((Kind.TOLD_EXECUTED, _why_not(listed, seen), ()))
        return "told executed", wrong
    if told:
        return _told_ended(listed, seen, wrong)
    if _is_cancelled(listed, seen):
        return "cancelled on chain", wrong
    return _untold(listed, seen, open_until, wrong)


def _told_ended(listed: Listed, seen: Seen, wrong: list[Wrong]) -> tuple[str, list[Wrong]]:
    end, reason = next(iter(listed.told.items()))
    if not reason:
        wrong.append((Kind.LOST, f"told {end}, without a reason", ()))
    deadline = listed.body.get("deadline", seen.now)
    if end == End.EXPIRED and seen.now <= deadline:
        wrong.append((Kind.TOLD_EARLY, f"its deadline is {deadline}, and no chain is beyond {seen.now}", ()))
    return f"told {end}", wrong


def _untold(listed: Listed, seen: Seen, open_until: int, wrong: list[Wrong]) -> tuple[str, list[Wrong]]:
    deadline = listed.body.get("deadline", seen.now)
    if not listed.acknowledged:
        return "never acknowledged", wrong
    if seen.now <= min(open_until, deadline):
        return "open", wrong
    text = f"acknowledged, and then nothing: not executed, cancelled or told an end, and it is {seen.now}"
    wrong.append((Kind.LOST, f"{text}; its deadline is {deadline}", ()))
    return "lost", wrong


def _is_cancelled(listed: Listed, seen: Seen) -> bool:
    account, nonce = listed.key
    return listed.kind != "Verdict" and nonce < seen.floors.get(account, 0)


def _why_not(listed: Listed, seen: Seen) -> str:
    instead = [each for each in seen.executions if each.key == listed.key]
    if instead:
        return f"what executed under its nonce is {hexed(instead[0].digest)}, in {instead[0].batch}"
    if _is_cancelled(listed, seen):
        return f"its owner cancelled below {seen.floors[listed.key[0]]}"
    return "no batch has it"


# -- over all chains ---------------------------------------------------------------------------------------------------


def _twice(executions: Iterable[Execution]) -> Iterator[Finding]:
    by_key: dict[Key, list[Execution]] = defaultdict(list)
    for execution in executions:
        by_key[execution.key].append(execution)
    for key, found in by_key.items():
        if len(found) > 1:
            text = f"in {', and in '.join(each.batch for each in found)}"
            yield Finding(Kind.TWICE, identity(key), text, tuple(each.place for each in found))


def _unlisted(lists: dict[bytes, Listed], executions: Iterable[Execution]) -> Iterator[Finding]:
    """What its owner did not sign is found as such."""
    for each in executions:
        if each.is_signed and each.digest and each.digest not in lists:
            yield Finding(Kind.UNLISTED, identity(each.key), f"{each.kind} {hexed(each.digest)} in {each.batch}", (each.place,))
