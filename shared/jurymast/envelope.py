"""The headers around every payload."""

from __future__ import annotations

from jurymast.messages.channel import SCHEMA_HEADER, AnyChannel
from jurymast.telemetry import TRACE_HEADER, current_trace

ID_HEADER = "Nats-Msg-Id"
TTL_HEADER = "Nats-TTL"
EXPECT_HEADER = "Nats-Expected-Last-Subject-Sequence"
EXPECT_SUBJECT_HEADER = "Nats-Expected-Last-Subject-Sequence-Subject"
BATCH_HEADER = "Nats-Batch-Id"
BATCH_SEQUENCE_HEADER = "Nats-Batch-Sequence"
BATCH_COMMIT_HEADER = "Nats-Batch-Commit"
ALONE_HEADER = "Jurymast-Write"
"""Of what is written alone where others are written in batches: the same that a batch's id begins with."""
ERROR_HEADER = "Jurymast-Error"


def stamp(channel: AnyChannel, id: str | None = None) -> dict[str, str]:  # noqa: A002
    """Schema, the current trace, and for what is stored the id by which the server drops repeats. The server knows ids of a whole
    stream, `id` is one of the channel."""
    headers = {SCHEMA_HEADER: channel.schema}
    if id is not None:
        headers[ID_HEADER] = f"{channel.name}/{id}"
    if trace := current_trace():
        headers[TRACE_HEADER] = trace.traceparent
    return headers


def fence(after: int, scope: str) -> dict[str, str]:
    """Store it only if the last message on `scope`, a subject or a pattern, has the sequence `after`; 0: if there is none."""
    return {EXPECT_HEADER: str(after), EXPECT_SUBJECT_HEADER: scope}
