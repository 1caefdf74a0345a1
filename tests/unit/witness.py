"""eth-account without its side effect: py_ecc under it lets Python recurse until the process dies, whatever else runs in it."""

from __future__ import annotations

import sys

_LIMIT = sys.getrecursionlimit()

from eth_account import Account  # noqa: E402
from eth_account.messages import SignableMessage, encode_typed_data  # noqa: E402

sys.setrecursionlimit(_LIMIT)

__all__ = ["Account", "SignableMessage", "encode_typed_data"]
