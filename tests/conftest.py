"""What holds for every test, whatever others have imported beside it."""

from __future__ import annotations

import sys

import pytest

_LIMIT = sys.getrecursionlimit()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """py_ecc, under eth-account, lets Python recurse until the process dies."""
    sys.setrecursionlimit(_LIMIT)
