"""Small numbers for whatever is found on the way: a world is a tuple of them, and what follows from a number is remembered."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, ParamSpec, TypeAlias, TypeVar, cast

import msgspec

P = ParamSpec("P")
T = TypeVar("T")
NONE = -1
Change: TypeAlias = tuple[str, int]
"""What happens, and the number of what it leaves."""


def remembered(function: Callable[P, T]) -> Callable[P, T]:
    """Found out once for the same arguments."""
    return cast("Callable[P, T]", cache(function))


class Names(list[T]):
    """Things by their numbers. The same thing has the same one; what is equal is told by a key where it cannot be hashed."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers: dict[Hashable, int] = {}

    def number(self, thing: T, key: Hashable | None = None) -> int:
        key = thing if key is None else key
        if (known := self._numbers.get(key)) is None:
            known = self._numbers[key] = len(self)
            self.append(thing)
        return known


@remembered
def bits(mask: int) -> tuple[int, ...]:
    return tuple(bit for bit in range(mask.bit_length()) if mask >> bit & 1)


def mask_of(numbers: Any) -> int:
    mask = 0
    for number in numbers:
        mask |= 1 << number
    return mask


def copied(tables: Any) -> Any:
    """Of a grid or a ledger, whose tables hold only what never changes."""
    return type(tables)(
        **{
            field.name: dict(value) if isinstance(value := getattr(tables, field.name), dict) else value
            for field in fields(tables)
            if not field.name.startswith("_")
        }
    )


def frozen(thing: Any) -> Hashable:
    """What tells two of them apart, whatever the order in which their tables were filled."""
    if isinstance(thing, Mapping):
        return frozenset((key, frozen(value)) for key, value in thing.items())
    if isinstance(thing, list | tuple):
        return (type(thing).__name__, *map(frozen, thing))
    if isinstance(thing, set | frozenset):
        return frozenset(map(frozen, thing))
    if isinstance(thing, msgspec.Struct):
        return (type(thing).__name__, *(frozen(getattr(thing, name)) for name in thing.__struct_fields__))
    if is_dataclass(thing):
        return tuple(frozen(getattr(thing, field.name)) for field in fields(thing) if not field.name.startswith("_"))
    assert isinstance(thing, Hashable)
    return thing
