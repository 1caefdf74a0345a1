"""Whether a batch is one that may be signed: as the fold has it, signed by its owners, in time.

That it conserves, takes what there is, and moves only open intents, is what the fold has found when it applied it. Signatures and
the clock are not the fold's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from jurymast.book.events import BatchPlanned
from jurymast.book.execute import Action
from jurymast.book.intents import identity
from jurymast.book.signed import Verdict
from jurymast.book.state import Fate, Ledger
from jurymast.chains.words import Unit
from jurymast.crypto.eip712 import Domain
from jurymast.crypto.secp256k1 import BadSignature, recover
from jurymast.nonce_guard.decide.veto import Veto
from jurymast.nonce_guard.decide.words import Permit
from jurymast.permits import Drafted, drafted, numbered


class Examined(NamedTuple):
    """A batch, with what no time changes about it."""

    draft: Drafted
    permit: Permit
    forged: Veto | None
    """Never to be signed."""


def authorities(ledger: Ledger, planned: BatchPlanned) -> tuple[bytes, ...]:
    """Who has to have signed each action. Whoever has registered once stays."""
    return tuple(_authority(ledger, action) for action in planned.actions)


def _authority(ledger: Ledger, action: Action) -> bytes:
    if isinstance(action.signed, Verdict):
        return action.terms.oracle if action.terms else b""
    return ledger.account(action.signed.account).authority


def examine(planned: BatchPlanned, domain: Domain, owners: Sequence[bytes]) -> Examined:
    """Slow: a signature for each action. It needs nothing that changes."""
    draft = drafted(planned, domain)
    identities = frozenset(identity(action.signed) for action in planned.actions)
    permit = Permit(planned.chain, planned.epoch, planned.batch, planned.expiry, draft.body, identities)
    return Examined(draft, permit, _forged(planned, draft, owners))


def _forged(planned: BatchPlanned, draft: Drafted, owners: Sequence[bytes]) -> Veto | None:
    if numbered(planned) != planned:
        return Veto(f"the number {planned.batch} does not follow from the batch")
    for action, digest, owner in zip(planned.actions, draft.owners, owners, strict=True):
        whose, nonce = identity(action.signed)
        try:
            signer = recover(digest, action.signature)
        except BadSignature as bad:
            return Veto(f"nonce {nonce} of {whose.hex()}: {bad}")
        if not owner or signer != owner:
            return Veto(f"nonce {nonce} of {whose.hex()} is not signed by its owner")
    return None


def stands(ledger: Ledger, planned: BatchPlanned) -> Veto | None:
    """Just this is planned, and nothing has become of it yet."""
    outstanding = ledger.outstanding.get(planned.key)
    if outstanding is None or outstanding.planned != planned or ledger.fates.get(planned.key) is not Fate.PLANNED:
        return Veto(f"batch {planned.batch} is not planned in epoch {planned.epoch} on chain {planned.chain}")
    return None


def timely(planned: BatchPlanned, clock: int, unit: Unit, longest: int) -> Veto | None:
    """By the chain's own clock, which may be read a little late: it never runs back."""
    if clock >= planned.expiry:
        return Veto(f"batch {planned.batch} expired at {planned.expiry}, and it is {clock}")
    if planned.expiry > clock + longest:
        return Veto(f"batch {planned.batch} lasts until {planned.expiry}, and at {clock} at most {longest} more are permitted")
    if unit == "second":  # Deadlines are, on every chain.
        for action in planned.actions:
            if not isinstance(action.signed, Verdict) and action.signed.deadline < clock:
                return Veto(
                    f"nonce {action.signed.nonce} of {action.signed.account.hex()} was good until {action.signed.deadline}"
                )
    return None
