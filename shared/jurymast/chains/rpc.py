"""JSON-RPC over HTTP to somebody we do not trust: every wait and every size has a bound, and no address is ever repeated."""

from __future__ import annotations

import asyncio
import base64
import os
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any
from urllib.parse import unquote, unquote_plus

import aiohttp
import msgspec

from jurymast.chains.calls import Call, Failure, FailureKind, Refused

OK = 200
MOST_CALLS = 100
"""In one request; more than that some providers refuse."""
SECRET_CHARACTERS = 4
"""Any part of an address that is as long may be a key."""
DETAIL_CHARACTERS = 100
HEADERS = {
    "Content-Type": "application/json",
    "Accept-Encoding": "identity",  # A small compressed body can be a huge one.
    "User-Agent": "jurymast",
}


class Failed(Exception):
    """No answer that can be used; `failure` says why."""

    def __init__(self, kind: FailureKind, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.failure = Failure(kind, detail)


class _Error(msgspec.Struct):
    code: int = 0
    message: Any = ""
    data: Any = ""


class _Reply(msgspec.Struct):
    id: Annotated[int, msgspec.Meta(ge=0, le=1_000)] | str | None = None
    result: msgspec.Raw = msgspec.Raw()
    error: _Error | None = None


_batch = msgspec.json.Decoder(list[_Reply])
_single = msgspec.json.Decoder(_Reply)


@asynccontextmanager
async def open_session() -> AsyncIterator[aiohttp.ClientSession]:
    """One session for all providers, each with connections of its own."""
    connector = aiohttp.TCPConnector(limit=0, limit_per_host=4, keepalive_timeout=60)
    # Every request has its own deadline.
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield session


class Endpoint:
    """One provider's address. Learns whether it takes batches; long ones are sent in parts."""

    def __init__(self, session: aiohttp.ClientSession, url: str, *, timeout_s: float, max_body_bytes: int) -> None:
        self._session = session
        self._url = url
        self._timeout_s = timeout_s
        self._max_body_bytes = max_body_bytes
        self._batches = True
        self._secrets = _secrets(url)

    async def ask(self, calls: Sequence[Call]) -> list[msgspec.Raw]:
        """The results in the order of the calls, all within one deadline; `Failed` if any of them fails."""
        results = []
        for answer in await self.ask_each(calls):
            if isinstance(answer, Refused):
                raise Failed("error", str(answer))
            results.append(answer)
        return results

    async def ask_each(self, calls: Sequence[Call]) -> list[msgspec.Raw | Refused]:
        """The same, where a call that is refused says something too."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._ask(calls)
        except TimeoutError:
            raise Failed("timeout", f"no answer within {self._timeout_s:g} s") from None
        except aiohttp.ClientError as error:
            raise Failed("unreachable", _reason(error)) from None
        except OSError as error:
            raise Failed("unreachable", error.strerror or type(error).__name__) from None
        except (ValueError, UnicodeError):  # An address that only this library finds fault with.
            raise Failed("unreachable", "its address cannot be used") from None

    def shown(self, text: str) -> str:
        """Some repeat the key that they refuse. Cut only afterwards, or half a key would show."""
        return self._secrets.sub("***", text)[:DETAIL_CHARACTERS]

    async def _ask(self, calls: Sequence[Call]) -> list[msgspec.Raw | Refused]:
        answers: list[msgspec.Raw | Refused] = []
        for first in range(0, len(calls), MOST_CALLS):
            answers += await self._ask_part(calls[first : first + MOST_CALLS])
        return answers

    async def _ask_part(self, calls: Sequence[Call]) -> list[msgspec.Raw | Refused]:
        if self._batches and len(calls) > 1:
            body = await self._post([_request(number, call) for number, call in enumerate(calls)])
            if body.lstrip()[:1] != b"{":
                return _in_order(_decoded(_batch, body), len(calls))
            self._batches = False  # A single object is how those who take no batches say so.
        bodies = await asyncio.gather(*(self._post(_request(0, call)) for call in calls))
        return [_in_order([_decoded(_single, body)], 1)[0] for body in bodies]

    async def _post(self, payload: Any) -> bytes:
        data = msgspec.json.encode(payload)
        async with self._session.post(self._url, data=data, headers=HEADERS, allow_redirects=False) as response:
            if response.status != OK:
                raise Failed("http", f"status {response.status}")
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise Failed("garbage", "a compressed body that nobody asked for")
            return await self._body(response)

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        """Stops reading as soon as it is too much."""
        if (response.content_length or 0) > self._max_body_bytes:
            raise Failed("huge", f"more than {self._max_body_bytes} bytes")
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._max_body_bytes:
                raise Failed("huge", f"more than {self._max_body_bytes} bytes")
        return bytes(body)


def _request(number: int, call: Call) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": call.method, "params": call.params}


def _decoded(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        what = "HTML" if body.lstrip()[:1] == b"<" else "no JSON-RPC"
        raise Failed("garbage", f"{what}, {len(body)} bytes") from None


def _in_order(replies: Sequence[_Reply], expected: int) -> list[msgspec.Raw | Refused]:
    by_id = {reply.id: reply for reply in replies}
    found: list[msgspec.Raw | Refused] = []
    for number in range(expected):
        reply = by_id.get(number)
        if reply is None:
            raise Failed("garbage", "an answer without a reply to every call")
        if reply.error is not None:
            found.append(Refused(reply.error.code, str(reply.error.message), _revert_data(reply.error.data)))
        elif not bytes(reply.result):
            raise Failed("garbage", "a reply without a result")
        else:
            found.append(reply.result)
    return found


def _revert_data(data: Any) -> str:
    return data if isinstance(data, str) and data.startswith("0x") else ""


def _secrets(url: str) -> re.Pattern[str]:
    """Whatever in an address may be a key, as it is written there and as its owner may know it."""
    rest = url.partition("://")[2]
    login = rest.rpartition("@")[0]
    parts = [login, *re.split(r"[/?&=#:@]", rest)]
    spellings = {spelled for part in parts for spelled in (part, unquote(part), unquote_plus(part))}
    spellings |= {base64.b64encode(spelled.encode()).decode() for spelled in (login, unquote(login))}
    longest_first = sorted((s for s in spellings if len(s) >= SECRET_CHARACTERS), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)", re.IGNORECASE)


def _reason(error: aiohttp.ClientError) -> str:
    """Without the address, which may hold a key; the library's own texts repeat it."""
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return "no valid certificate"
        case aiohttp.ClientConnectorDNSError():
            return "no such host"
        case aiohttp.ClientOSError() if error.errno:
            return os.strerror(error.errno)
        case aiohttp.ServerDisconnectedError():
            return "it closed the connection"
        case aiohttp.ClientPayloadError():
            return "the answer broke off"
        case aiohttp.ClientResponseError():
            return "no HTTP"
        case _:
            return type(error).__name__
