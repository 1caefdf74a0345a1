"""What every service says about itself."""

from __future__ import annotations

from jurymast.messages.channel import EACH_SERVICE, OPERATOR, Channel, Message, Query


class ServiceStarted(Message, frozen=True, kw_only=True):
    service: str
    instance: str
    version: str
    started_ms: int


class ServiceStopped(Message, frozen=True, kw_only=True):
    service: str
    instance: str
    reason: str
    stopped_ms: int


class StatusAsked(Message, frozen=True, kw_only=True):
    service: str = ""
    """Only instances of this service answer; all of them when empty."""


class Check(Message, frozen=True, kw_only=True):
    name: str
    ok: bool
    reason: str = ""


class ServiceStatus(Message, frozen=True, kw_only=True):
    service: str
    instance: str
    version: str
    started_ms: int
    ready: bool
    checks: tuple[Check, ...]
    http_port: int


STARTED = Channel(
    "service.started.{service}",
    ServiceStarted,
    summary="An instance is ready for work.",
    owner=EACH_SERVICE,
    public=True,
)
STOPPED = Channel(
    "service.stopped.{service}",
    ServiceStopped,
    summary="An instance has drained and is about to exit.",
    owner=EACH_SERVICE,
    public=True,
)
STATUS = Query(
    "service.status",
    StatusAsked,
    ServiceStatus,
    summary="Who is there, and is it ready?",
    asked_by=OPERATOR,
    answered_by=EACH_SERVICE,
)
