"""Whether this monitor may sign something about a chain now, and what."""

from __future__ import annotations

from jurymast.certificate import Halt, Standing, halt_of, observe, wanted
from jurymast.crypto.address import checksummed
from jurymast.crypto.secp256k1 import SigningKey
from jurymast.health_monitor.decide.chain import ChainState
from jurymast.messages.health import Certificate, Observation
from jurymast.watchlist import Chain

WHY_CHARACTERS = 200
"""Of reasons that others can make as long as they like."""


def refusal(chain: Chain, key: SigningKey | None) -> str:
    """Why this monitor signs nothing about this chain, whatever happens; empty if it would."""
    if chain.refusal:
        return f"cannot certify: {chain.refusal}"
    if not chain.policy.threshold:
        return "watched, not certified: no observers are configured"
    if key is None:
        return "watched, not signed: this monitor has no observer key"
    if (address := checksummed(key.address)) not in chain.policy.observers:
        return f"watched, not signed: {address} is not one of the chain's observers"
    return ""


def observation(state: ChainState, key: SigningKey, last: Certificate | None) -> Observation | str:
    """What to sign about the window that has just ended, after the last certificate that counts; or why nothing."""
    policy = state.chain.policy
    if last is None or wanted(last) == "halt":
        if state.verdict != "halted":
            return f"nothing to certify: {state.verdict}"
        return observe("halt", state.evidence, policy, key, state.judged_ms)
    if state.verdict in ("halted", "unreachable", "unknown"):
        return f"not recovered: {state.verdict}"
    halt = halt_of(last)
    # The chain may have gone on and halted again before anybody certified that it had recovered.
    return observe(
        "recovery", state.evidence, policy, key, state.judged_ms, Halt(halt.id, max(halt.highest_head, state.halt_head))
    )


def named(standing: Standing) -> str:
    """In a few words."""
    last = f"last certificate: {standing.certificate.kind} {standing.counted}" if standing.certificate else "no certificate yet"
    count = "one was stored that counts" if standing.ignored == 1 else f"{standing.ignored} were stored that count"
    return f"{last} ({count} for nothing: {standing.why[:WHY_CHARACTERS]})" if standing.ignored else last
