"""All channels and queries there are, for those who must know every one: the event tail, the published description, tests."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from jurymast.messages import claims, dead, guard, health, intents, lease, ledger, permits, service
from jurymast.messages.channel import AnyChannel, Channel, Query

FAMILIES: tuple[ModuleType, ...] = (claims, dead, guard, health, intents, lease, ledger, permits, service)


def channels(*families: ModuleType) -> list[AnyChannel]:
    """By name. Questions and answers of queries are not among them: they travel on inboxes."""
    found = [value for family in families or FAMILIES for value in vars(family).values() if isinstance(value, Channel)]
    return sorted(found, key=lambda channel: channel.name)


def queries(*families: ModuleType) -> list[Query[Any, Any]]:
    found = [value for family in families or FAMILIES for value in vars(family).values() if isinstance(value, Query)]
    return sorted(found, key=lambda query: query.name)
