"""Unit tests decide nothing by what other machines or processes say: none of them can open a socket."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from hypothesis import settings

# On a busy machine an example takes as long as it takes; their number bounds the time.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The failure is not an `Exception`: code that catches everything cannot hide it."""
    create = socket.socket.__init__

    def guarded(self: socket.socket, family: int = -1, type: int = -1, proto: int = -1, fileno: Any = None) -> None:  # noqa: A002
        if fileno is None:  # With one, it wraps a socket pair: how an event loop wakes itself.
            create(self, family, type, proto, fileno)
            self.close()
            pytest.fail("a unit test opened a socket")
        create(self, family, type, proto, fileno)

    monkeypatch.setattr(socket.socket, "__init__", guarded)
