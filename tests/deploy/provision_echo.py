"""The echo service's own streams, beside those of the table: `python -m tests.deploy.provision_echo`."""

import asyncio
import os

import nats

from jurymast.provision import provision
from tests.echo.streams import ECHO_TABLE


async def main() -> None:
    client = await nats.connect(os.environ["JURYMAST_NATS_URL"], allow_reconnect=False)
    await provision(client, ECHO_TABLE, replicas=1)
    await client.close()


asyncio.run(main())
