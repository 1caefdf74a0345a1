"""Questions to all providers of a chain at once, answered by a quorum of operators; or by any one that can prove what it says.

Which chain a provider serves is asked with the first question, and again after every failure: then another machine may answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
import msgspec

from jurymast import clock
from jurymast.chains.agreement import Answer, NoQuorum, Said, agreed, hopeless, reached
from jurymast.chains.calls import Call, Failure, Refused
from jurymast.chains.evm import header
from jurymast.chains.rpc import Endpoint, Failed
from jurymast.errors import Misconfigured, Rejected
from jurymast.tasks import cancel
from jurymast.watchlist import Chain, Provider

Results = Sequence[msgspec.Raw | Refused]
Value = TypeVar("Value")
GRACE_S = 0.1
IDENTITY = (Call("eth_chainId"), Call("eth_getBlockByNumber", ("0x0", False)))


@dataclass(frozen=True, kw_only=True)
class Network:
    """One chain, and whom we ask about it."""

    name: str
    chain_id: int
    genesis: bytes | None
    """The hash of its first block; None for a chain that is made anew, where the id must do."""
    providers: tuple[Provider, ...]
    quorum: int
    timeout_s: float = 4
    max_body_bytes: int = 32 << 20

    def __post_init__(self) -> None:
        operators = len({provider.operator for provider in self.providers})
        if not operators < 2 * self.quorum <= 2 * operators:
            raise Misconfigured(f"{self.name}: a quorum is more than half of {operators} operators, and not {self.quorum}")


def network_of(chain: Chain, genesis: bytes | None = None) -> Network:
    """As the file of chains has it."""
    policy = chain.policy
    return Network(
        name=policy.chain,
        chain_id=int(policy.chain_id),
        genesis=genesis,
        providers=chain.providers,
        quorum=policy.quorum,
        timeout_s=policy.timeout_ms / 1000,
    )


class _Source:
    """One provider. `wrong` is why it is not asked for the moment; every question tries it again."""

    def __init__(self, session: aiohttp.ClientSession, network: Network, provider: Provider) -> None:
        self.name, self.operator = provider.name, provider.operator
        self._network = network
        self._endpoint = Endpoint(session, provider.url, timeout_s=network.timeout_s, max_body_bytes=network.max_body_bytes)
        self.known = False
        self.wrong = ""

    async def ask(self, calls: Sequence[Call], read: Callable[[Results], Value]) -> Value | Failure:
        answer = await self._ask(calls, read)
        if not isinstance(answer, Failure):
            self.known, self.wrong = True, ""
            return answer
        failure = answer._replace(detail=self._endpoint.shown(answer.detail))
        if failure.kind != "error":  # A refusal is a proper answer of a machine that we know.
            self.known = False
        if failure.kind == "wrong-chain":
            self.wrong = str(failure)
        return failure

    async def _ask(self, calls: Sequence[Call], read: Callable[[Results], Value]) -> Value | Failure:
        try:
            results: Results = await self._endpoint.ask_each([*(() if self.known else IDENTITY), *calls])
            if not self.known:
                if wrong := self._wrong_chain(results[: len(IDENTITY)]):
                    return Failure("wrong-chain", wrong)
                results = results[len(IDENTITY) :]
            return read(results)
        except Failed as failed:
            return failed.failure
        except (msgspec.DecodeError, Rejected, UnicodeDecodeError, ValueError) as error:
            return Failure("garbage", str(error))

    def _wrong_chain(self, results: Results) -> str:
        chain_id, genesis = (good(result) for result in results)
        found = header.quantity(chain_id)
        if found != self._network.chain_id:
            return f"its chain id is {found}, not {self._network.chain_id}"
        if self._network.genesis is None:
            return ""
        first = header.read(genesis)
        if first is None or first.hash != self._network.genesis:
            shown = "missing" if first is None else f"0x{first.hash.hex()}"
            return f"its first block is {shown}, not 0x{self._network.genesis.hex()}"
        return ""


class Providers:
    def __init__(self, session: aiohttp.ClientSession, network: Network) -> None:
        self.network = network
        self._sources = [_Source(session, network, provider) for provider in network.providers]

    @property
    def excluded(self) -> dict[str, str]:
        """Providers of another chain, and how that shows."""
        return {source.name: source.wrong for source in self._sources if source.wrong}

    async def agreed(self, question: str, calls: Sequence[Call], read: Callable[[Results], Answer]) -> Answer:
        """What a quorum says in the same words; it does not wait for those who cannot change that. `NoQuorum` otherwise."""
        need = self.network.quorum

        def enough(said: Sequence[Said[Answer]], waiting: Iterable[str]) -> bool:
            return agreed(said, need) is not None or hopeless(said, need, waiting)

        said = await self._ask(calls, read, enough)
        answer = agreed(said, need)
        if answer is None:
            raise NoQuorum(question, need, said)
        return answer

    async def reached(self, question: str, calls: Sequence[Call], read: Callable[[Results], tuple[int, ...]]) -> tuple[int, ...]:
        """Each of these numbers as high as a quorum has come. Once a quorum has answered the others get as long again: one that
        is quick and behind would hold back all that it comes before."""
        need = self.network.quorum
        said = await self._ask(calls, read, lambda said, waiting: _answered(said, need, waiting), patient=True)
        if (numbers := _columns_reached(said, need)) is None:
            raise NoQuorum(question, need, said)
        return numbers

    async def any(self, question: str, calls: Sequence[Call], check: Callable[[Results], Value]) -> Value:
        """The first answer that passes the check, which raises for any other: for what can be proved."""
        said: list[Said[Any]] = []
        for source in sorted(self._sources, key=lambda source: not source.known):  # Who answered last time goes first.
            answer = await source.ask(calls, check)
            if not isinstance(answer, Failure):
                return answer
            said.append(Said(source.name, source.operator, answer))
        raise NoQuorum(question, 1, said)

    async def tell(self, calls: Sequence[Call]) -> dict[str, Results | Failure]:
        """To all of them. What each says, by provider, if it says it in the time that a quorum takes, and as long again."""
        need = self.network.quorum
        said = await self._ask(calls, tuple, lambda said, waiting: _answered(said, need, waiting), patient=True)
        return {each.provider: each.answer for each in said}

    async def _ask(
        self,
        calls: Sequence[Call],
        read: Callable[[Results], Answer],
        enough: Callable[[Sequence[Said[Answer]], Sequence[str]], bool],
        *,
        patient: bool = False,
    ) -> list[Said[Answer]]:
        tasks = {asyncio.create_task(source.ask(calls, read)): source for source in self._sources}
        said: list[Said[Answer]] = []
        pending, began_s, left_s = set(tasks), clock.uptime_s(), None
        try:
            while pending:
                done, pending = await asyncio.wait(pending, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
                said += [Said(tasks[task].name, tasks[task].operator, task.result()) for task in done]
                if not done or (enough(said, [tasks[task].operator for task in pending]) and not patient):
                    break
                if patient and left_s is None and enough(said, [tasks[task].operator for task in pending]):
                    left_s = max(GRACE_S, clock.uptime_s() - began_s)
        finally:
            await cancel(*pending)
        return said


def _answered(said: Sequence[Said[Any]], need: int, waiting: Iterable[str]) -> bool:
    """A quorum has answered, or cannot any more."""
    operators = {each.operator for each in said if not isinstance(each.answer, Failure)}
    return len(operators) >= need or len(operators | set(waiting)) < need


def _columns_reached(said: Sequence[Said[tuple[int, ...]]], need: int) -> tuple[int, ...] | None:
    rows = [(each, each.answer) for each in said if not isinstance(each.answer, Failure)]
    found = []
    for place in range(max((len(numbers) for _, numbers in rows), default=0)):
        column = [Said(each.provider, each.operator, numbers[place]) for each, numbers in rows]
        if (number := reached(column, need)) is None:
            return None
        found.append(number)
    return tuple(found) or None


def good(result: msgspec.Raw | Refused) -> msgspec.Raw:
    """A result, or the refusal as what it is: an answer that says no."""
    if isinstance(result, Refused):
        raise Failed("error", str(result))
    return result
