"""One message per channel, each field with a value of its own, so that no two fields could be confused in the bytes."""

from __future__ import annotations

from jurymast.messages import dead, lease, service
from jurymast.messages.catalog import channels, queries
from jurymast.messages.channel import AnyChannel, Message

LETTER = dead.DeadLetter(
    service="mirror",
    consumer="mirror-joins",
    stream="MATCHES",
    sequence=4_294_967_297,
    cause="exhausted",
    reason="Transient: the ledger did not answer (after 6 attempts)",
    attempts=6,
    dead_ms=1_767_225_600_123,
    subject="match.joined.A7",
    headers={"Jurymast-Schema": "match.joined/3;reader=2", "Nats-Msg-Id": "match.joined.A7.1"},
    payload=b"\x81\xa5match\xa2A7\x00\xff",
)

SAMPLES: dict[str, Message] = {
    dead.DEAD.name: LETTER,
    dead.REPLAY.name: LETTER,
    lease.LEASE.name: lease.LeaseHeld(service="mirror", lease="relay", holder="host-42-9f3c", renewed_ms=1_767_225_601_001),
    service.STARTED.name: service.ServiceStarted(
        service="bridge", instance="host-7-01ab", version="1.2.3", started_ms=1_767_225_602_002
    ),
    service.STOPPED.name: service.ServiceStopped(
        service="bridge", instance="host-7-01ab", reason="SIGTERM", stopped_ms=1_767_225_603_003
    ),
    service.STATUS.ask.name: service.StatusAsked(service="switcher"),
    service.STATUS.answer.name: service.ServiceStatus(
        service="switcher",
        instance="host-8-77fe",
        version="4.5.6",
        started_ms=1_767_225_604_004,
        ready=True,
        checks=(service.Check(name="nats", ok=False, reason="no answer within 2 s"),),
        http_port=8_081,
    ),
}


def wire_channels() -> dict[str, AnyChannel]:
    """Everything that travels: events, and both directions of queries."""
    asked = [channel for query in queries() for channel in (query.ask, query.answer)]
    return {channel.name: channel for channel in [*channels(), *asked]}
