"""State in tables that change together or not at all, and never by copying them."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class _Undone(Exception):
    pass


@dataclass(kw_only=True)
class Tables:
    """Fields are put like the entries of tables: `vars(self)` is one."""

    _before: list[tuple[MutableMapping[Any, Any], Any, Any]] | None = field(default=None, repr=False)

    def put(self, table: MutableMapping[K, V], key: K, value: V) -> None:
        self._remember(table, key)
        table[key] = value

    def drop(self, table: MutableMapping[K, V], key: K) -> None:
        self._remember(table, key)
        table.pop(key, None)

    def set(self, **values: Any) -> None:
        for name, value in values.items():
            self.put(vars(self), name, value)

    @contextmanager
    def whole(self) -> Iterator[None]:
        """All of it, or nothing."""
        before = self._before = []
        try:
            yield
        except BaseException:
            for table, key, value in reversed(before):
                if value is None:
                    table.pop(key, None)
                else:
                    table[key] = value
            raise
        finally:
            self._before = None

    @contextmanager
    def tried(self) -> Iterator[None]:
        """What happens inside is undone again, refused or not."""
        with suppress(_Undone), self.whole():
            yield
            raise _Undone

    def _remember(self, table: MutableMapping[K, V], key: K) -> None:
        if self._before is not None:
            self._before.append((table, key, table.get(key)))
