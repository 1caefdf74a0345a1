"""A process that writes fenced effects while it leads: `python -m tests.echo.leader NATS_URL NAME TTL_S [reckless]`.

Reckless: it does not look at its own clock, and writes with the token it last had, so that only the server's fence can stop it.
"""

from __future__ import annotations

import asyncio
import json
import sys

import uvloop
from nats.errors import Error as NatsError
from nats.js.errors import APIError

from jurymast.bus import Lease
from jurymast.bus.lease import LeaseLost
from jurymast.envelope import fence
from jurymast.nats_failure import WRONG_LAST_SEQUENCE
from tests.echo.messages import ECHO_LEASE
from tests.echo.streams import ECHO_TABLE
from tests.servers import running_bus


async def main(url: str, name: str, ttl_s: int, *, reckless: bool) -> None:
    async with running_bus(url, ECHO_TABLE, service=name) as bus:
        lease = Lease(bus, "test", name, ttl_s=ttl_s, channel=ECHO_LEASE)
        renewing = asyncio.create_task(lease.run())
        token = 0
        while not renewing.done():
            token = max(token, lease.token)
            try:
                headers = fence(token, "echo.lease.test") if reckless else lease.fence()
                await bus.js.publish(f"echo.answered.{name}", str(token).encode(), headers=headers)
                say("wrote", token)
            except LeaseLost:
                pass
            except APIError as error:
                if error.err_code == WRONG_LAST_SEQUENCE and token:
                    say("fenced", token)
            except NatsError:
                say("unsure", token)
            await asyncio.sleep(0.02)


def say(event: str, token: int) -> None:
    print(json.dumps({"event": event, "token": token}), flush=True)  # noqa: T201


uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), reckless="reckless" in sys.argv))
