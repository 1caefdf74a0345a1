"""Plain JSON-RPC. One provider is believed: for a second opinion the checker is run against another."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from typing import Any

TIMEOUT_S = 60
AT_ONCE = 200


class Unreachable(Exception):
    """The chain cannot be read, so that nothing can be said about the run."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url}: {reason}")
        self.url, self.reason = url, reason


class Node:
    def __init__(self, url: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise Unreachable(url, "not an address of the web")
        self._url = url

    def ask(self, method: str, *parameters: Any) -> Any:
        return self.ask_each([(method, parameters)])[0]

    def ask_each(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Answers in the order of the calls; every one of them, or `Unreachable`."""
        found: list[Any] = []
        for start in range(0, len(calls), AT_ONCE):
            found += self._post(calls[start : start + AT_ONCE])
        return found

    def _post(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        body = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": list(parameters)}
            for number, (method, parameters) in enumerate(calls)
        ]
        answers = self._exchange(json.dumps(body).encode())
        try:
            by_id = {answer["id"]: answer for answer in answers}
            return [self._result(by_id[number]) for number in range(len(calls))]
        except (KeyError, TypeError):
            raise Unreachable(self._url, f"not an answer to {len(calls)} questions: {str(answers)[:200]}") from None

    def _exchange(self, body: bytes) -> Any:
        request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})  # noqa: S310  Checked above.
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
                return json.load(response)
        except (OSError, HTTPException, ValueError) as error:
            raise Unreachable(self._url, str(error)) from None

    def _result(self, answer: dict[str, Any]) -> Any:
        if "error" in answer:
            raise Unreachable(self._url, f"refused: {answer['error']}")
        return answer["result"]
