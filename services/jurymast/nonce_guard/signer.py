"""Who signs: a key of this process, or somebody else who keeps it, asked over HTTP.

POST {"address": "0x…", "digest": "0x…"}     ->  200 {"signature": "0x…"}        65 bytes: r, s, v
                                             ->  any other status: no, and the text says why
"""

from __future__ import annotations

from typing import Protocol

import aiohttp
import msgspec

from jurymast.crypto.address import checksummed
from jurymast.crypto.secp256k1 import BadSignature, SigningKey, canonical, recover
from jurymast.errors import Fatal, Rejected, Transient

OK, SERVER_ERROR = 200, 500
MOST_BYTES = 4_096
REASON_CHARACTERS = 200


class SignerAway(Transient):
    """It does not answer, or not now."""


class SignerRefuses(Rejected):
    """It will not sign this."""


class SignerLies(Fatal):
    """What it gave is not a signature by the key that it is said to have."""


class Signer(Protocol):
    @property
    def address(self) -> bytes: ...
    async def sign(self, digest: bytes) -> bytes:
        """The signature, in 65 bytes."""


class LocalSigner:
    def __init__(self, key: SigningKey) -> None:
        self._key = key
        self.address = key.address

    async def sign(self, digest: bytes) -> bytes:
        return self._key.sign(digest)


class _Signed(msgspec.Struct):
    signature: str


class RemoteSigner:
    """Nothing is sent there that is not in the journal."""

    def __init__(self, session: aiohttp.ClientSession, url: str, address: bytes, timeout_s: float) -> None:
        self._session, self._url, self._timeout = session, url, aiohttp.ClientTimeout(total=timeout_s)
        self.address = address

    async def sign(self, digest: bytes) -> bytes:
        status, body = await self._ask({"address": checksummed(self.address), "digest": f"0x{digest.hex()}"})
        if status != OK:
            kind = SignerAway if status >= SERVER_ERROR else SignerRefuses
            raise kind(f"the signer answers {status}: {body.decode(errors='replace')[:REASON_CHARACTERS]}")
        try:
            text = msgspec.json.decode(body, type=_Signed).signature
            signature = canonical(bytes.fromhex(text.removeprefix("0x")))
            if (signer := recover(digest, signature)) != self.address:
                raise SignerLies(f"the signer signs as {checksummed(signer)}, and not as {checksummed(self.address)}")
        except (msgspec.MsgspecError, ValueError, BadSignature) as error:
            raise SignerAway(f"the signer answers what is no signature: {error}") from None
        return signature

    async def _ask(self, question: dict[str, str]) -> tuple[int, bytes]:
        try:
            async with self._session.post(self._url, json=question, timeout=self._timeout, allow_redirects=False) as response:
                return response.status, await response.content.read(MOST_BYTES)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:  # Their texts may repeat the address.
            raise SignerAway(f"the signer does not answer ({type(error).__name__})") from None
