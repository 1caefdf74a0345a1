"""Halt and recovery certificates: what an observation must show, when observations make a certificate, and how to check one.

Providers sign nothing, so evidence is what an observer saw. A certificate is therefore a set of observations by different
observers, each through providers of its own. Nothing in an observation is believed that can be recomputed from its evidence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any, NamedTuple

import msgspec

from jurymast.crypto.address import checksummed, parse_address
from jurymast.crypto.eip712 import Domain, Struct, digest
from jurymast.crypto.secp256k1 import BadSignature, SigningKey, recover
from jurymast.errors import Rejected
from jurymast.messages.health import NEVER_MS, Certificate, Evidence, Kind, Observation, Policy

HASH_BYTES = 32
STALL_SLOTS = 5
"""A block may be late by so many slots: some are missed on every chain."""
NO_HALT = b""

_EVIDENCE = (
    "Evidence(string provider,string operator,uint64 answers,uint64 failures,uint64 longest_gap_ms,uint64 longest_stall_ms,"
    "uint64 head_first,uint64 head_last,uint64 head_highest,uint64 tip_highest,uint64 finalized_first,uint64 finalized_last,"
    "uint64 finalized_age_ms,uint64 clock_ms,uint64 read_ms,string trouble)"
)
_OBSERVATION = Struct(
    "Observation(string chain,string chain_id,string kind,address observer,bytes32 policy_hash,uint64 from_ms,uint64 to_ms,"
    "uint64 head_first,uint64 head_last,uint64 finalized_first,uint64 finalized_last,uint64 clock_ms,uint64 highest_head,"
    f"bytes halt_id,uint64 halt_head,Evidence[] evidence){_EVIDENCE}"
)
_POLICY = Struct(
    "Policy(bytes32 application,string chain,string family,string chain_id,address[] observers,uint64 threshold,uint64 quorum,"
    "uint64 window_ms,uint64 interval_ms,uint64 timeout_ms,uint64 max_skew_ms,uint64 max_age_ms,uint64 slot_ms,"
    "uint64 speed_percent,uint64 lag_blocks,uint64 finality_blocks,uint64 finality_step_ms,uint64 drift_ms,uint64 slow_ms)"
)
_CERTIFICATE = Struct("Certificate(string chain,string kind,bytes32 policy_hash,bytes32[] observations)")


# -- policy ------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def policy_hash(policy: Policy) -> bytes:
    return _POLICY.hash(_fields(policy) | {"observers": [parse_address(observer) for observer in policy.observers]})


def longest_gap_ms(policy: Policy) -> int:
    """A window is covered although one answer in it failed, and no more than one in a row."""
    return 2 * policy.interval_ms + policy.timeout_ms


def longest_stall_ms(policy: Policy) -> int:
    """Longer without a new block is not normal. No less than what a failed answer hides."""
    return max(longest_gap_ms(policy), STALL_SLOTS * policy.slot_ms)


def longest_unfinal_ms(policy: Policy) -> int:
    """Longer without more that is final is not normal."""
    return max(longest_stall_ms(policy), policy.finality_step_ms)


def least_finalized(policy: Policy) -> int:
    """In a window that may begin right after a step and end right before one. Where steps are longer than a window, when the last
    one was has to say it all."""
    return max(0, policy.window_ms - policy.finality_step_ms) // policy.slot_ms * policy.speed_percent // 100


def policy_problems(policy: Policy) -> list[str]:
    """What could not work, each with the setting that is wrong."""
    rules = [
        (len(policy.application) == HASH_BYTES, "application: 32 bytes"),
        (policy.interval_ms > 0, "interval_s: more than zero"),
        (0 < policy.timeout_ms <= policy.interval_ms, "timeout_s: more than zero, and not longer than interval_s"),
        (
            policy.interval_ms > 0
            and policy.window_ms % policy.interval_ms == 0
            and policy.window_ms >= 2 * longest_gap_ms(policy),
            "window_s: a multiple of interval_s, and at least four times interval_s and two times timeout_s",
        ),
        (
            policy.window_ms >= 2 * policy.lag_blocks * policy.slot_ms + longest_gap_ms(policy),
            "lag_blocks: a chain that falls back so far must be above it again within window_s, even at half of its speed",
        ),
        (policy.window_ms >= 10 * policy.slot_ms, "window_s: at least ten times slot_ms, because missed blocks are normal"),
        (
            2 * policy.interval_ms <= policy.max_skew_ms < policy.window_ms,
            "max_skew_s: at least two times interval_s, and less than window_s",
        ),
        (
            policy.finality_step_ms <= policy.finality_blocks * policy.slot_ms,
            "finality_step_s: not longer than finality_blocks take",
        ),
        (policy.max_age_ms >= policy.max_skew_ms, "max_age_s: at least max_skew_s"),
        (policy.threshold == 0 or bool(policy.observers), "observers: none, but threshold asks for some"),
    ]
    return [text for holds, text in rules if not holds] + (_observer_problems(policy) if policy.observers else [])


def _observer_problems(policy: Policy) -> list[str]:
    try:
        addresses = [parse_address(observer) for observer in policy.observers]
    except ValueError as error:
        return [f"observers: {error}"]
    rules = [
        ([checksummed(a) for a in addresses] == list(policy.observers), "observers: written with their EIP-55 checksum"),
        (len(set(addresses)) == len(addresses), "observers: one of them is listed twice"),
        (policy.threshold <= len(addresses), f"threshold: {policy.threshold} of {len(addresses)} observers is impossible"),
        (2 * policy.threshold > len(addresses), "threshold: more than half of the observers, or two halves could contradict"),
        (
            policy.threshold * policy.quorum >= 2,
            "quorum: with a threshold of 1 at least 2, or a single provider could start a switch",
        ),
    ]
    return [text for holds, text in rules if not holds]


# -- what evidence shows -----------------------------------------------------------------------------------------------


class Summary(NamedTuple):
    """What the supporting operators say, each value as at least a quorum of them has it."""

    operators: tuple[str, ...]
    head_first: int
    head_last: int
    finalized_first: int
    finalized_last: int
    clock_ms: int
    highest_head: int


def halted(evidence: Sequence[Evidence], policy: Policy) -> Summary | str:
    """A quorum of operators answered all through the window and had no new block; otherwise why that cannot be said. The others,
    fewer, may catch up with a chain that stands still, or invent blocks."""
    by_operator = _by_operator(evidence)
    if problem := minority(len(by_operator), policy):
        return problem
    still = {
        operator: max(e.head_highest for e in theirs if _still(e, policy))
        for operator, theirs in by_operator.items()
        if any(_still(e, policy) for e in theirs) and not any(_rose(e) for e in theirs)
    }
    agreeing = _agreeing(still, policy.lag_blocks)
    if len(agreeing) < policy.quorum:
        return f"{len(agreeing)} of {policy.quorum} operators needed answer all the time, agree and have no new block"
    return _summary([e for o in agreeing for e in by_operator[o] if _still(e, policy)], agreeing, evidence, policy)


def recovered(evidence: Sequence[Evidence], policy: Policy, halt_head: int) -> Summary | str:
    """A quorum of operators saw blocks made and finalized at normal speed all through the window, with nothing older unseen."""
    by_operator = _by_operator(evidence)
    if problem := minority(len(by_operator), policy):
        return problem
    unwell = {e.provider: why for e in evidence if (why := next(_unwell(e, policy, halt_head), ""))}
    well = {
        operator: max(e.head_highest for e in theirs if e.provider not in unwell)
        for operator, theirs in by_operator.items()
        if any(e.provider not in unwell for e in theirs)
    }
    agreeing = _agreeing(well, policy.lag_blocks)
    if len(agreeing) < policy.quorum:
        reasons = "; ".join(f"{provider}: {why}" for provider, why in sorted(unwell.items())[:3])
        return f"{len(agreeing)} of {policy.quorum} operators needed are well and agree" + (f" ({reasons})" if reasons else "")
    return _summary([e for o in agreeing for e in by_operator[o] if e.provider not in unwell], agreeing, evidence, policy)


def minority(operators: int, policy: Policy) -> str:
    """Why a quorum of so many operators decides nothing: as many others could say the opposite. Empty if it does."""
    if operators <= (most := 2 * policy.quorum - 1):
        return ""
    return f"{policy.quorum} of {operators} independent operators are no majority: at most {most} fit the policy's quorum"


def _unwell(e: Evidence, policy: Policy, halt_head: int) -> Iterator[str]:
    """Why this provider does not show a chain that is well; nothing if it does."""
    normal = policy.window_ms // policy.slot_ms
    made = e.head_highest - e.head_first
    if not _covers(e, policy):
        yield f"no answer for {e.longest_gap_ms / 1000:g} s"
    if made < normal * policy.speed_percent // 100 or made <= 0:
        yield f"{made} new blocks, normal are {normal}"
    if e.longest_stall_ms > longest_stall_ms(policy):
        yield f"no new block for {e.longest_stall_ms / 1000:g} s"
    if _fell(e, policy):
        yield f"it fell back by {e.head_highest - e.head_last} blocks"
    if abs(e.read_ms - e.clock_ms) > policy.drift_ms:
        yield f"the chain's clock is {(e.read_ms - e.clock_ms) / 1000:.0f} s behind"
    yield from _unfinal(e, policy)
    if e.finalized_last <= halt_head:
        yield f"finalized {e.finalized_last} is not above {halt_head}, the highest block seen at the halt"


def _unfinal(e: Evidence, policy: Policy) -> Iterator[str]:
    finalized = e.finalized_last - e.finalized_first
    behind = max(e.head_first - e.finalized_first, e.head_last - e.finalized_last)
    if behind > policy.finality_blocks:
        yield f"finalized is {behind} blocks behind"
    if finalized < least_finalized(policy):
        yield f"{finalized} blocks were finalized, at least {least_finalized(policy)} are normal"
    if e.finalized_age_ms == NEVER_MS:
        yield "nothing became final while it was watched"
    if e.finalized_age_ms > longest_unfinal_ms(policy):
        yield f"nothing became final for {e.finalized_age_ms / 1000:g} s"


def _covers(e: Evidence, policy: Policy) -> bool:
    return e.answers > 0 and e.longest_gap_ms <= longest_gap_ms(policy)


def _still(e: Evidence, policy: Policy) -> bool:
    return _covers(e, policy) and e.head_highest == e.head_first and not _fell(e, policy)


def _fell(e: Evidence, policy: Policy) -> bool:
    """Whether it tells of another chain now. Nodes behind one address may be a few blocks apart."""
    return e.head_highest - e.head_last > policy.lag_blocks


def _rose(e: Evidence) -> bool:
    return e.answers > 0 and e.head_highest > e.head_first


def _by_operator(evidence: Iterable[Evidence]) -> dict[str, list[Evidence]]:
    grouped: dict[str, list[Evidence]] = {}
    for e in evidence:
        grouped.setdefault(e.operator, []).append(e)
    return grouped


def _agreeing(heads: Mapping[str, int], spread: int) -> dict[str, int]:
    """The most operators whose heads lie within `spread` of each other; the higher ones, if two groups are as large."""
    groups = ({o: head for o, head in heads.items() if lowest <= head <= lowest + spread} for lowest in set(heads.values()))
    return max(groups, key=lambda group: (len(group), min(group.values())), default={})


def _quorum_value(values: Iterable[int], quorum: int) -> int:
    """The highest value that a quorum reaches: one that is absurdly high changes nothing."""
    return sorted(values, reverse=True)[quorum - 1]


def _summary(
    supporting: Sequence[Evidence], agreeing: Mapping[str, int], evidence: Sequence[Evidence], policy: Policy
) -> Summary:
    by_operator = _by_operator(supporting)

    def quorum(field: str) -> int:
        return _quorum_value((max(getattr(e, field) for e in theirs) for theirs in by_operator.values()), policy.quorum)

    head = quorum("head_highest")
    tip = max(head, quorum("tip_highest"))
    believable = (e.tip_highest for e in evidence if e.tip_highest <= tip + policy.lag_blocks)
    return Summary(
        operators=tuple(sorted(agreeing)),
        head_first=quorum("head_first"),
        head_last=head,
        finalized_first=quorum("finalized_first"),
        finalized_last=quorum("finalized_last"),
        clock_ms=quorum("clock_ms"),
        highest_head=max(tip, *believable),
    )


# -- observations ------------------------------------------------------------------------------------------------------


class Halt(NamedTuple):
    """The halt that a recovery ends."""

    id: bytes
    highest_head: int


def observe(
    kind: Kind, evidence: Sequence[Evidence], policy: Policy, key: SigningKey, to_ms: int, halt: Halt | None = None
) -> Observation | str:
    """A signed observation of the window that ends at `to_ms`; or why the evidence does not support one."""
    halt_head = halt.highest_head if halt else 0
    summary = halted(evidence, policy) if kind == "halt" else recovered(evidence, policy, halt_head)
    if isinstance(summary, str):
        return summary
    unsigned = Observation(
        chain=policy.chain,
        chain_id=policy.chain_id,
        kind=kind,
        observer=checksummed(key.address),
        policy_hash=policy_hash(policy),
        from_ms=to_ms - policy.window_ms,
        to_ms=to_ms,
        **_summed(summary),
        halt_id=halt.id if halt else NO_HALT,
        halt_head=halt_head,
        evidence=tuple(evidence),
    )
    return msgspec.structs.replace(unsigned, signature=key.sign(observation_digest(unsigned, policy.application)))


def observation_digest(observation: Observation, application: bytes) -> bytes:
    """What is signed: everything but the signature, for one application."""
    value = _fields(observation) | {"observer": parse_address(observation.observer)}
    return digest(Domain(name="Jurymast", version="1", salt=application), _OBSERVATION, value)


def observation_problems(observation: Observation, policy: Policy) -> list[str]:
    """Everything that is wrong with one observation by itself."""
    return list(_observation_problems(observation, policy))


def _observation_problems(o: Observation, policy: Policy) -> Iterator[str]:
    if (o.chain, o.chain_id) != (policy.chain, policy.chain_id):
        yield f"is about {o.chain} ({o.chain_id}), not {policy.chain} ({policy.chain_id})"
    if o.policy_hash != policy_hash(policy):
        yield "was made under another policy"
    if o.observer not in policy.observers:
        yield "the observer is not one of the policy"
    yield from _signature_problems(o, policy)
    if o.to_ms - o.from_ms < policy.window_ms:
        yield f"covers {(o.to_ms - o.from_ms) / 1000:g} s, the policy asks for {policy.window_ms / 1000:g} s"
    if repeated := [name for name, count in Counter(e.provider for e in o.evidence).items() if count > 1]:
        yield f"provider {repeated[0]} stands in it twice"
    if (len(o.halt_id) == HASH_BYTES) is not (o.kind == "recovery") or (o.kind == "halt" and o.halt_head):
        yield "a recovery, and nothing else, names the halt that it ends"
    summary = halted(o.evidence, policy) if o.kind == "halt" else recovered(o.evidence, policy, o.halt_head)
    if isinstance(summary, str):
        yield f"its evidence does not show a {o.kind}: {summary}"
    elif wrong := [name for name, value in _summed(summary).items() if getattr(o, name) != value]:
        yield f"its {', '.join(wrong)} are not what its evidence says"


def _signature_problems(o: Observation, policy: Policy) -> Iterator[str]:
    try:
        signer = recover(observation_digest(o, policy.application), o.signature)
    except (BadSignature, ValueError) as error:
        yield f"its signature is none: {error}"
    else:
        if signer != parse_address(o.observer):
            yield f"is signed by {checksummed(signer)}"


def _summed(summary: Summary) -> dict[str, Any]:
    return {name: value for name, value in summary._asdict().items() if name != "operators"}


# -- certificates ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; `problem` is empty when it is in order."""

    what: str
    problem: str = ""


def assemble(kind: Kind, observations: Iterable[Observation], policy: Policy, now_ms: int) -> Certificate | str:
    """A certificate from the first observations that make one, the newest first; or why they do not."""
    if not policy.threshold:
        return "no observers are configured for this chain: it is watched, never certified"
    sound: dict[str, Observation] = {}
    refused: list[str] = []
    for o in sorted((o for o in observations if o.kind == kind), key=lambda o: -o.to_ms):
        if problems := [*_observation_problems(o, policy), *_age_problems(o, policy, now_ms)]:
            refused.append(f"{o.observer}: {problems[0]}")
        else:
            sound.setdefault(o.observer, o)
    because = f" ({'; '.join(refused)})" if refused else ""
    if len(sound) < policy.threshold:
        return f"{len(sound)} of {policy.threshold} observers needed{because}"
    why = ""
    for chosen in combinations(sound.values(), policy.threshold):
        problems = [check.problem for check in _together(kind, chosen, policy) if check.problem]
        if not problems:
            return Certificate(chain=policy.chain, kind=kind, policy=policy, observations=chosen)
        why = why or problems[0]
    return f"{why}{because}"


def verify(certificate: Certificate, policy: Policy, now_ms: int | None = None) -> list[str]:
    """Everything that is wrong with a certificate, under a policy that the caller trusts. Its age counts only with `now_ms`."""
    return [f"{check.what}: {check.problem}" for check in checks(certificate, policy, now_ms) if check.problem]


def checks(certificate: Certificate, policy: Policy, now_ms: int | None = None) -> list[Check]:
    """Everything that is looked at in a certificate."""
    if wrong := policy_problems(policy):
        return [Check("policy", "; ".join(wrong))]
    about = f"the policy is about {policy.chain}, the certificate about {certificate.chain}"
    found = [
        Check("chain", "" if certificate.chain == policy.chain else about),
        Check("policy", _other_policy(certificate.policy, policy)),
    ]
    for number, o in enumerate(certificate.observations, 1):
        problems = list(_observation_problems(o, policy))
        if o.kind != certificate.kind:
            problems.append(f"is about a {o.kind}, the certificate about a {certificate.kind}")
        if now_ms is not None:
            problems += _age_problems(o, policy, now_ms)
        found.append(Check(f"observation {number} by {o.observer}", "; ".join(problems)))
    return [*found, *_together(certificate.kind, certificate.observations, policy)]


def certificate_id(certificate: Certificate) -> bytes:
    """Commits to everything in it. Whoever verified the certificate has verified that its observations are of this policy."""
    policy = certificate.policy
    digests = sorted(observation_digest(o, policy.application) for o in certificate.observations)
    return _CERTIFICATE.hash(
        {
            "chain": certificate.chain,
            "kind": certificate.kind,
            "policy_hash": policy_hash(policy),
            "observations": digests,
        }
    )


def halt_of(certificate: Certificate) -> Halt:
    """What a recovery has to refer to."""
    return Halt(certificate_id(certificate), max(o.highest_head for o in certificate.observations))


# -- the certificates of one chain, one after the other ----------------------------------------------------------------


class Standing(NamedTuple):
    """What is certified about a chain, after all that was stored about it. The server takes whatever an observer that was taken
    over stores; so what counts is not the last certificate, but the last one that could follow those that counted before it."""

    stored: int = 0
    """Where the last one is in the stream, whether it counts or not; zero before the first."""
    counted: int = 0
    """Where the last one that counts is."""
    certificate: Certificate | None = None
    ignored: int = 0
    """How many were stored since, and count for nothing; `why` the last of them does."""
    why: str = ""


def advance(standing: Standing, certificate: Certificate | None, policy: Policy, sequence: int, stored_ms: int) -> Standing:
    """With what was stored next; None is what could not even be read."""
    problems = succession_problems(certificate, standing.certificate, policy, stored_ms) if certificate else ["it is none"]
    if problems:
        return standing._replace(stored=sequence, ignored=standing.ignored + 1, why=problems[0])
    return Standing(sequence, sequence, certificate)


def wanted(last: Certificate | None) -> Kind:
    """Halts and recoveries alternate: what the next certificate can be about."""
    return "recovery" if last and last.kind == "halt" else "halt"


def succession_problems(certificate: Certificate, last: Certificate | None, policy: Policy, stored_ms: int) -> list[str]:
    """Why a certificate that was stored then is not the next one after the last that counts. By the server's time it was fresh,
    so that a valid one that was kept back, or is stored again, does not tell of a halt that is long over. One of another policy
    counts for nothing: what chose its observers cannot be told from what chose a forger's."""
    if problem := _other_policy(certificate.policy, policy):  # First what costs little: anybody's flood is judged here.
        return [problem]
    if certificate.kind != (kind := wanted(last)):
        return [f"after {f'a {last.kind}' if last else 'none'} only a {kind} can follow"]
    if problems := verify(certificate, policy, stored_ms):
        return problems
    if last and newest_ms(certificate) <= newest_ms(last):
        return ["its windows end no later than those of the certificate before"]
    return [problem] if last and kind == "recovery" and (problem := ending_problem(certificate, last)) else []


def ending_problem(recovery: Certificate, halt: Certificate) -> str:
    """Why this recovery does not end this halt; both hold by themselves."""
    id_, highest = halt_of(halt)
    if any(o.halt_id != id_ for o in recovery.observations):
        return "the recovery ends another halt"
    if any(o.finalized_last <= highest for o in recovery.observations):
        return f"the recovery has not finalized block {highest}"
    return ""


def newest_ms(certificate: Certificate) -> int:
    return max(o.to_ms for o in certificate.observations)


def _other_policy(theirs: Policy, trusted: Policy) -> str:
    differing = [name for name in trusted.__struct_fields__ if getattr(theirs, name) != getattr(trusted, name)]
    return f"the certificate's differs in {', '.join(differing)}" if differing else ""


def _age_problems(o: Observation, policy: Policy, now_ms: int) -> Iterator[str]:
    if now_ms - o.to_ms > policy.max_age_ms:
        yield f"is {(now_ms - o.to_ms) / 1000:.0f} s old, at most {policy.max_age_ms / 1000:g} s are allowed"
    if o.to_ms - now_ms > policy.max_skew_ms:
        yield f"ends {(o.to_ms - now_ms) / 1000:.0f} s in the future"


def _together(kind: Kind, observations: Sequence[Observation], policy: Policy) -> list[Check]:
    """What only several observations can show."""
    observers = {o.observer for o in observations}
    too_few = not policy.threshold or len(observers) < policy.threshold
    doubled = "one of them stands in it twice" if len(observers) < len(observations) else ""
    found = [
        Check("observers", f"{len(observers)} different ones, {policy.threshold} needed" if too_few else doubled),
        Check("independence", "; ".join(_shared_operators(observations))),
    ]
    if observations:
        found += [Check("time", _time_problem(observations, policy)), Check("heads", _heads_problem(kind, observations, policy))]
        if kind == "recovery":
            found.append(Check("halt", _halt_problem(observations)))
    return found


def _shared_operators(observations: Sequence[Observation]) -> Iterator[str]:
    """Two observers that see through the same operator's eyes count as one."""
    for one, two in combinations(observations, 2):
        if shared := {e.operator for e in one.evidence} & {e.operator for e in two.evidence}:
            yield f"{one.observer} and {two.observer} share {', '.join(sorted(shared))}"


def _time_problem(observations: Sequence[Observation], policy: Policy) -> str:
    ends = [o.to_ms for o in observations]
    if (apart := max(ends) - min(ends)) > policy.max_skew_ms:
        return f"the windows end {apart / 1000:g} s apart, {policy.max_skew_ms / 1000:g} s are allowed"
    return ""  # They overlap too: the policy's windows are longer than its skew.


def _heads_problem(kind: Kind, observations: Sequence[Observation], policy: Policy) -> str:
    heads, ends = [o.head_last for o in observations], [o.to_ms for o in observations]
    made_meanwhile = 0 if kind == "halt" else -(-(max(ends) - min(ends)) // policy.slot_ms)
    if (apart := max(heads) - min(heads)) > (allowed := policy.lag_blocks + made_meanwhile):
        return f"{apart} blocks apart, {allowed} are allowed: they do not see the same chain"
    return ""


def _halt_problem(observations: Sequence[Observation]) -> str:
    if len({o.halt_id for o in observations}) > 1:
        return "the observers end different halts"
    finalized, highest = min(o.finalized_last for o in observations), max(o.halt_head for o in observations)
    return "" if finalized > highest else f"finalized {finalized} is not above {highest}, the highest block seen at the halt"


# -- files -------------------------------------------------------------------------------------------------------------

_BYTES = {f.name for s in (Policy, Evidence, Observation, Certificate) for f in msgspec.structs.fields(s) if f.type is bytes}


def to_json(certificate: Certificate) -> bytes:
    """For files and people: bytes in hexadecimal."""
    plain = msgspec.to_builtins(certificate, builtin_types=(bytes,))
    return msgspec.json.format(msgspec.json.encode(_hexadecimal(plain)), indent=2)


def from_json(text: bytes) -> Certificate:
    """`Rejected` with the place, if it is none."""
    try:
        return msgspec.convert(_raw(msgspec.json.decode(text)), Certificate, builtin_types=(bytes,))
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Rejected(f"this is not a certificate: {error}") from None


def _hexadecimal(node: Any) -> Any:
    match node:
        case bytes():
            return f"0x{node.hex()}"
        case dict():
            return {key: _hexadecimal(value) for key, value in node.items()}
        case list() | tuple():
            return [_hexadecimal(value) for value in node]
        case _:
            return node


def _raw(node: Any) -> Any:
    match node:
        case dict():
            return {key: _unhex(key, value) if key in _BYTES else _raw(value) for key, value in node.items()}
        case list():
            return [_raw(value) for value in node]
        case _:
            return node


def _unhex(key: str, value: Any) -> bytes:
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ValueError(f"{key} is not hexadecimal text with 0x")
    return bytes.fromhex(value[2:])


def _fields(message: Any) -> dict[str, Any]:
    return {name: getattr(message, name) for name in message.__struct_fields__}
