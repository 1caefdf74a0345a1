"""How applications hand in what their users signed, and learn what becomes of it.

What is identified is (account, nonce), or (match, step): both as in `claims.*`, with 32 bytes in hexadecimal.
"""

from __future__ import annotations

from typing import Literal

from jurymast.book.execute import Action
from jurymast.messages.channel import OPERATOR, Channel, Message, Query

APPLICATION, MIRROR = "application", "mirror"

Status = Literal["open", "planned", "executed", "cancelled", "expired", "rejected"]


class Submit(Message, frozen=True, kw_only=True):
    action: Action


class Submitted(Message, frozen=True, kw_only=True):
    """Taken in, now or before: then it is durable, and ends in one of the other ways. Or refused, and forgotten."""

    account: str
    nonce: int
    accepted: bool
    status: Status | None = None
    """Of what is known under this identity."""
    refusal: str = ""
    """The name of the rule that it breaks, as contracts call it."""
    reason: str = ""
    """The same, with what broke it."""


class IntentAsked(Message, frozen=True, kw_only=True):
    account: str
    nonce: int


class IntentStands(Message, frozen=True, kw_only=True):
    account: str
    nonce: int
    status: Status | None
    """None: nobody has heard of it."""
    reason: str
    """Why it was rejected."""
    chain: int
    """Of the last batch that it was planned in; 0 if none was."""
    epoch: int
    batch: int
    ledger: int
    """The sequence in `LEDGER` up to which this is so, or at which it came about: who has heard a later one ignores this."""


SUBMIT = Query(
    "intents.submit",
    Submit,
    Submitted,
    summary="Take in what its owner signed. The answer is the same however often it is asked.",
    asked_by=(APPLICATION, OPERATOR),
    answered_by=MIRROR,
)
STANDS = Query(
    "intents.status",
    IntentAsked,
    IntentStands,
    summary="What has become of it?",
    asked_by=(APPLICATION, OPERATOR),
    answered_by=MIRROR,
)
CHANGED = Channel(
    "intents.changed.{account}.{nonce}",
    IntentStands,
    summary="What became of an intent, or of whatever else needs a permit.",
    owner=MIRROR,
    public=True,
)
