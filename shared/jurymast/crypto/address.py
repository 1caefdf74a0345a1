"""Addresses of 20 bytes: bytes inside, text with the EIP-55 checksum at the edges."""

from __future__ import annotations

import re

from jurymast.crypto.keccak import keccak256

SIZE = 20
_HEX = re.compile(r"0x[0-9a-fA-F]{40}")


def checksummed(address: bytes) -> str:
    """As people and other tools write it: the case of each letter is part of a checksum."""
    if len(address) != SIZE:
        raise ValueError(f"an address has {SIZE} bytes, not {len(address)}")
    digits = address.hex()
    check = keccak256(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if nibble >= "8" else digit for digit, nibble in zip(digits, check[: len(digits)], strict=True)
    )


def parse_address(text: str) -> bytes:
    """From text in one case, or in mixed case with the right checksum; `ValueError` otherwise."""
    if not _HEX.fullmatch(text):
        raise ValueError(f"{text!r} is no address: 0x and 40 hexadecimal digits")
    address = bytes.fromhex(text[2:])
    if text[2:] not in (text[2:].lower(), text[2:].upper()) and text != checksummed(address):
        raise ValueError(f"{text} has a wrong checksum: a digit or the case of a letter is mistyped")
    return address
