from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import combinations
from typing import Any

import msgspec
import pytest

from jurymast import messages
from jurymast.messages import catalog
from jurymast.messages.channel import Channel, Message, Query
from jurymast.subjects import overlap
from tests.echo import messages as echo

CHANNELS = [*catalog.channels(), *(c for q in catalog.queries() for c in (q.ask, q.answer))]
PAYLOADS = sorted({c.payload for c in CHANNELS}, key=lambda payload: payload.__name__)


def _modules_with_subjects() -> list[str]:
    names = [f"{messages.__name__}.{module.name}" for module in pkgutil.walk_packages(messages.__path__)]
    return [n for n in names if any(isinstance(v, Channel | Query) for v in vars(importlib.import_module(n)).values())]


def test_every_family_is_in_the_catalog() -> None:
    assert sorted(family.__name__ for family in catalog.FAMILIES) == sorted(_modules_with_subjects())


def test_no_two_channels_have_the_same_name() -> None:
    names = [channel.name for channel in CHANNELS]
    assert sorted(set(names)) == sorted(names)


def test_no_two_events_share_a_subject() -> None:
    """`a.b` with a key would share the subject of `a.b.c` without one: two payloads in one place."""
    shared = [
        (one.template, two.template) for one, two in combinations(catalog.channels(), 2) if overlap(one.wildcard, two.wildcard)
    ]
    assert shared == []


def test_the_catalog_is_in_order_and_holds_what_it_is_asked_for() -> None:
    assert [c.name for c in catalog.channels(echo)] == ["echo.answered", "echo.asked", "echo.lease", "echo.measured"]
    assert [q.name for q in catalog.queries(echo)] == ["echo.count"]
    assert {c.name for c in catalog.channels(*catalog.FAMILIES)} == {c.name for c in catalog.channels()}


def _types(kind: msgspec.inspect.Type) -> Iterator[msgspec.inspect.Type]:
    """A type and all that it is made of."""
    yield kind
    match kind:
        case msgspec.inspect.StructType(fields=fields):
            for field in fields:
                yield from _types(field.type)
        case msgspec.inspect.UnionType(types=types) | msgspec.inspect.TupleType(item_types=types):
            for one in types:
                yield from _types(one)
        case msgspec.inspect.DictType(key_type=key, value_type=value):
            yield from (*_types(key), *_types(value))
        case msgspec.inspect.CollectionType(item_type=item):
            yield from _types(item)


UNSUITABLE = (msgspec.inspect.FloatType, msgspec.inspect.DecimalType, msgspec.inspect.DateTimeType, msgspec.inspect.AnyType)


def _unsuitable(payload: type[Message]) -> list[str]:
    """Amounts are integers, times are integer milliseconds, and nothing is left open: all else differs between languages."""
    return [type(one).__name__ for one in _types(msgspec.inspect.type_info(payload)) if isinstance(one, UNSUITABLE)]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_payloads_hold_exact_types_only(payload: type[Message]) -> None:
    assert _unsuitable(payload) == []


class Inner(Message, frozen=True, kw_only=True):
    rate: float


class Outer(Message, frozen=True, kw_only=True):
    pair: tuple[int, Decimal]
    inner: dict[str, tuple[Inner | None, ...]]
    anything: Any


def test_an_unsuitable_type_would_be_found_however_deep() -> None:
    assert _unsuitable(Outer) == ["DecimalType", "FloatType", "AnyType"]


def _structs(payload: type[Message]) -> list[msgspec.inspect.StructType]:
    return [one for one in _types(msgspec.inspect.type_info(payload)) if isinstance(one, msgspec.inspect.StructType)]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_payloads_are_immutable_open_maps_with_plain_names(payload: type[Message]) -> None:
    for struct in _structs(payload):
        assert struct.cls.__struct_config__.frozen
        assert not struct.array_like
        assert not struct.forbid_unknown_fields
        for field in struct.fields:
            assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", field.name)
            assert field.encode_name == field.name


@pytest.mark.parametrize("payload", PAYLOADS)
def test_the_unit_of_a_time_is_in_its_name(payload: type[Message]) -> None:
    """Seconds are not exact enough to order events, and two units for the same thing are one too many."""
    for struct in _structs(payload):
        assert [field.name for field in struct.fields if re.search(r"(_s|_at|_time|_seconds|timestamp)$", field.name)] == []


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.name)
def test_every_channel_says_what_it_is_for(channel: Channel[Any]) -> None:
    assert re.fullmatch(r"[A-Z].*[.?]", channel.summary)


@pytest.mark.parametrize("channel", catalog.channels(), ids=lambda channel: channel.name)
def test_every_event_and_command_says_who_may_publish_it(channel: Channel[Any]) -> None:
    assert channel.owners
    assert channel.kind == "event" or not channel.public


@pytest.mark.parametrize("query", catalog.queries(), ids=lambda query: query.name)
def test_every_query_says_who_asks_and_who_answers(query: Query[Any, Any]) -> None:
    assert query.askers
    assert query.answerers
