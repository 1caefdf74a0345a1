"""The stream table with the echo service's own stream."""

from __future__ import annotations

from jurymast.streams import MIB, TABLE, Consumer, Stream

ECHO = Stream(
    name="ECHO",
    subjects=("echo.asked.>", "echo.answered.>", "echo.measured", "echo.lease.>"),
    summary="Questions, answers and measurements.",
    max_bytes=512 * MIB,
    allow_message_ttl=True,
    republish=True,
    consumers=(
        Consumer(
            name="echo-asked",
            service="echo",
            subjects=("echo.asked.*",),
            summary="Questions to answer.",
            ack_wait_s=1.5,
            max_deliver=3,
            backoff_s=(0.05, 0.1),
        ),
        Consumer(name="echo-measured", service="echo", subjects=("echo.measured",), summary="Measurements, in batches."),
    ),
)

ECHO_TABLE = TABLE.with_streams(ECHO)
