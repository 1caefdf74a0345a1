"""Brings a NATS server to the stream table. Run once at start by the mesh, or by `jurymast streams apply`; never by a service."""

from __future__ import annotations

import json
from typing import Any

from nats.aio.client import Client
from nats.errors import NoRespondersError

from jurymast.drift import Actual, Change, differences, refusals, steps
from jurymast.errors import Misconfigured, Transient
from jurymast.nats_failure import NATS_FAILURE
from jurymast.streams import Config, Table

API = "$JS.API"
TIMEOUT_S = 5.0
NOT_FOUND = 404


async def provision(nc: Client, table: Table, *, replicas: int, allow_lossy: bool = False) -> list[str]:
    """Apply the table and say what changed. Refuses as a whole before the first change if anything would be lost."""
    actual = await read(nc, table)
    changes = differences(table, actual, replicas)
    if refused := refusals(changes, allow_lossy=allow_lossy):
        raise Misconfigured("\n  ".join(["nothing was changed, these would lose messages or guarantees:", *map(str, refused)]))
    for step in steps(changes, actual):
        await _apply(nc, step)
    return [str(change) for change in changes]


async def read(nc: Client, table: Table) -> dict[str, Actual]:
    """What the server holds: all of its streams, and the consumers of those that the table names."""
    names = {stream.name for stream in table.compiled}
    actual: dict[str, Actual] = {}
    for stream in await _listed(nc, "STREAM.LIST", "streams"):
        config: Config = stream["config"]
        consumers = await _listed(nc, f"CONSUMER.LIST.{config['name']}", "consumers") if config["name"] in names else []
        actual[config["name"]] = Actual(config, {c["name"]: c["config"] for c in consumers})
    return actual


async def _apply(nc: Client, change: Change) -> None:
    if change.consumer is not None:
        action = "create" if change.effect == "create" else "update"
        body = {"stream_name": change.stream, "config": change.config, "action": action}
        await request(nc, f"CONSUMER.CREATE.{change.stream}.{change.consumer}", body)
    else:
        verb = "CREATE" if change.effect == "create" else "UPDATE"
        await request(nc, f"STREAM.{verb}.{change.stream}", change.config)


async def _listed(nc: Client, api: str, key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        page = await request(nc, api, {"offset": len(found)})
        found += page.get(key) or []
        if not page.get(key) or len(found) >= page["total"]:
            return found


async def request(nc: Client, api: str, body: Config) -> dict[str, Any]:
    """One JetStream API call. nats-py's own models drop fields that they do not know, so this speaks the JSON itself."""
    try:
        reply = await nc.request(f"{API}.{api}", json.dumps(body).encode(), timeout=TIMEOUT_S)
    except NoRespondersError:
        raise Misconfigured("JetStream is not enabled on this NATS server, or this user may not manage it") from None
    except NATS_FAILURE as error:
        raise Transient(f"JetStream did not answer {api} within {TIMEOUT_S:g} s: {error!r}") from error
    answer: dict[str, Any] = json.loads(reply.data)
    if refusal := answer.get("error"):
        code = refusal.get("err_code", refusal["code"])
        raise Misconfigured(f"JetStream refused {api}: {refusal['description']} (error {code})")
    return answer
