"""What the echo service hears and says."""

from __future__ import annotations

from typing import Literal

from jurymast.messages.channel import OPERATOR, Channel, Message, Query
from jurymast.messages.lease import LeaseHeld

ASKER = "asker"
"""Whoever asks the echo service is a service of its own."""

Act = Literal["answer", "busy", "refuse", "bug", "halt", "crash", "slow", "block", "stall"]


class Asked(Message, frozen=True, kw_only=True):
    id: str
    text: str
    act: Act = "answer"
    """How the service is to behave: the tests drive its failures from outside."""
    times: int = 1_000_000
    """For how many attempts it misbehaves before it answers."""


class Answered(Message, frozen=True, kw_only=True):
    id: str
    text: str
    answer_number: int


class Measured(Message, frozen=True, kw_only=True):
    number: int
    payload: bytes = b""


class CountAsked(Message, frozen=True, kw_only=True):
    pass


class Count(Message, frozen=True, kw_only=True):
    answered: int


ASKED = Channel("echo.asked.{id}", Asked, summary="Somebody wants an echo.", owner=ASKER, kind="command")
ANSWERED = Channel("echo.answered.{id}", Answered, summary="The echo.", owner="echo", public=True)
MEASURED = Channel("echo.measured", Measured, summary="One of very many.", owner=ASKER)
COUNT = Query(
    "echo.count",
    CountAsked,
    Count,
    summary="How many questions were answered?",
    asked_by=(OPERATOR, ASKER),
    answered_by="echo",
)
ECHO_LEASE = Channel("echo.lease.{lease}", LeaseHeld, summary="A lease that lives beside what it fences.", owner="echo")
