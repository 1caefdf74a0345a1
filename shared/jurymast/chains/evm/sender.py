"""Brings the transactions of one account into blocks: chooses nonces and prices, stores, sends, looks, and does it again.

What to do is decided in `nonces` and `fees`. Here it is done, in an order that makes a crash between any two lines harmless:
bytes are stored before anybody sees them, and a nonce is forgotten only when a final block has used it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from jurymast.chains.calls import Call, Failure, Refused
from jurymast.chains.evm import fees, header, heads, nonces, receipts, transaction
from jurymast.chains.evm.answers import Meaning, meaning
from jurymast.chains.evm.evidence import block_of
from jurymast.chains.evm.fees import Capped, Policy
from jurymast.chains.evm.nonces import Attempt, Counts, Held, Look, Offer, Raise, Slot
from jurymast.chains.evm.providers import Providers, Results, good
from jurymast.chains.evm.store import Store, open_store
from jurymast.chains.evm.transaction import Fees, Transaction
from jurymast.chains.words import Included, Payload, Progress, Unaffordable, Waiting
from jurymast.crypto.secp256k1 import SigningKey

FILLER = "filler "
"""Begins the purpose of what only uses up a nonce that would hold up others."""
GAS_MARGIN_PERCENT = 30
COMPLAINTS = frozenset({Meaning.CHEAP, Meaning.POOR, Meaning.REVERTS, Meaning.INVALID, Meaning.OUTBID, Meaning.UNKNOWN})
"""What an operator should hear of, if all providers say such things."""


class EvmSender:
    def __init__(self, providers: Providers, key: SigningKey, store: Store, policy: Policy) -> None:
        self._providers = providers
        self._key = key
        self._store = store
        self._policy = policy
        self._lock = asyncio.Lock()  # Between choosing a nonce and storing it.

    async def submit(self, purpose: str, payload: Payload) -> Progress:
        """Stored, then sent; the same purpose later only says how it is."""
        async with self._lock:
            if known := await self._known(purpose):
                return known
            payload = payload if payload.cost else payload._replace(cost=await self._estimate(payload))
            slot = await self._place(purpose, payload, [each.slot for each in await self._store.slots()])
        [complaint] = await self._send([slot])
        return Waiting(purpose, complaint)

    async def tend(self) -> Sequence[Progress]:
        async with self._lock:
            stored = await self._store.slots()
            if not stored:
                return await self._store.fates()
            counts, head = await self._counts()
            payloads = {each.slot.nonce: each.payload for each in stored}
            slots = [each.slot for each in stored]
            steps = nonces.steps(slots, counts, head.base_fee, head.clock, self._policy)
            found = await self._look([step for step in steps if isinstance(step, Look)], payloads)
            waiting = [await self._offered(step, payloads, head) for step in steps if not isinstance(step, Look)]
            waiting += await self._fill(slots, counts, head)
        held = {step.slot.purpose: _too_dear(step.capped) for step in steps if isinstance(step, Held)}
        sent = zip(waiting, await self._send(waiting), strict=True)
        found += [Waiting(slot.purpose, held.get(slot.purpose) or complaint) for slot, complaint in sent]
        told = {each.purpose for each in found}
        found += [each for each in await self._store.fates() if each.purpose not in told]
        return [each for each in found if not each.purpose.startswith(FILLER)]

    async def settle(self, purpose: str) -> None:
        await self._store.told(purpose)

    # -- one step ------------------------------------------------------------------------------------------------------

    async def _known(self, purpose: str) -> Progress | None:
        for fate in await self._store.fates(purpose):
            return fate
        return next((Waiting(purpose) for each in await self._store.slots() if each.slot.purpose == purpose), None)

    async def _place(self, purpose: str, payload: Payload, slots: Sequence[Slot], nonce: int | None = None) -> Slot:
        counts, head = await self._counts()
        price = fees.first(head.base_fee, self._policy)
        if isinstance(price, Capped):
            raise Unaffordable(*price)
        nonce = nonces.next_nonce(slots, counts) if nonce is None else nonce
        slot = Slot(nonce, purpose, (self._signed(nonce, payload, price, head.clock),))
        await self._store.put(slot, payload)
        return slot

    def _signed(self, nonce: int, payload: Payload, price: Fees, clock: int) -> Attempt:
        chain_id = self._providers.network.chain_id
        plain = Transaction(chain_id, nonce, price, payload.cost, payload.to, payload.value, payload.data)
        signed = transaction.sign(plain, self._key)
        return Attempt(signed.hash, signed.raw, price, clock)

    async def _offered(self, step: Offer | Raise | Held, payloads: dict[int, Payload], head: header.Header) -> Slot:
        """The slot as it is to be sent."""
        if not isinstance(step, Raise):
            return step.slot
        attempt = self._signed(step.slot.nonce, payloads[step.slot.nonce], step.fees, head.clock)
        await self._store.add(step.slot, attempt)
        return step.slot._replace(attempts=(*step.slot.attempts, attempt))

    async def _fill(self, slots: Sequence[Slot], counts: Counts, head: header.Header) -> list[Slot]:
        """Whatever used a nonce below ours is gone: something that does nothing takes its place."""
        nothing = Payload(self._key.address, b"")
        filled: list[Slot] = []
        for nonce in nonces.gaps(slots, counts):
            payload = nothing._replace(cost=await self._estimate(nothing))
            filled.append(await self._place(f"{FILLER}{nonce} at {head.height}", payload, slots, nonce))
        return filled

    async def _look(self, looks: Sequence[Look], payloads: dict[int, Payload]) -> list[Progress]:
        """Which attempt has used each nonce, and in which block."""
        if not looks:
            return []
        slots = [look.slot for look in looks]
        calls = [*receipts.calls(slots), self._count("finalized")]
        used = max((look.slot.nonce + 1 for look in looks if look.final), default=0)

        def read(results: Results) -> tuple[receipts.Receipt | None, ...]:
            return receipts.read(slots, [good(result) for result in results], used)

        found = await self._providers.agreed("which transactions are in blocks", calls, read)
        progress: list[Progress] = []
        for look, receipt in zip(looks, found, strict=True):
            if receipt is None and look.final:
                progress.append(await self._displaced(look.slot, payloads[look.slot.nonce], slots))
            elif receipt is None:
                progress.append(Waiting(look.slot.purpose))
            else:
                progress.append(await self._included(look, receipt))
        return progress

    async def _included(self, look: Look, receipt: receipts.Receipt) -> Included:
        [block] = await heads.at(self._providers, [receipt.height])
        final = look.final and block.hash == receipt.block
        included = Included(look.slot.purpose, receipt.transaction, block_of(block), receipt.succeeded, final)
        if final and look.slot.purpose.startswith(FILLER):
            await self._store.drop(look.slot)  # Nobody asked for it.
        elif final:
            await self._store.finish(look.slot, included)
        return included

    async def _displaced(self, slot: Slot, payload: Payload, slots: Sequence[Slot]) -> Waiting:
        """A final block has used its nonce for something else, so none of its attempts can ever be in one: it begins anew."""
        await self._store.drop(slot)
        others = [each.slot for each in await self._store.slots()]
        if not slot.purpose.startswith(FILLER):
            await self._send([await self._place(slot.purpose, payload, others)])
        return Waiting(slot.purpose, f"nonce {slot.nonce} was used by a transaction that is not ours: who else has the key?")

    # -- questions -----------------------------------------------------------------------------------------------------

    async def _counts(self) -> tuple[Counts, header.Header]:
        calls = [*map(self._count, ("finalized", "latest", "pending")), Call("eth_blockNumber")]
        final, latest, pending, height = await self._providers.reached("how many nonces are used", calls, _numbers)
        [head] = await heads.at(self._providers, [height])
        return Counts(min(final, latest), latest, max(latest, pending)), head

    def _count(self, tag: str) -> Call:
        return Call("eth_getTransactionCount", (f"0x{self._key.address.hex()}", tag))

    async def _estimate(self, payload: Payload) -> int:
        call = {
            "from": f"0x{self._key.address.hex()}",
            "to": f"0x{payload.to.hex()}",
            "data": f"0x{payload.data.hex()}",
            "value": hex(payload.value),
        }
        [gas] = await self._providers.reached("what it costs", [Call("eth_estimateGas", (call,))], _numbers)
        return gas * (100 + GAS_MARGIN_PERCENT) // 100

    async def _send(self, slots: Sequence[Slot]) -> list[str]:
        """To every provider. What is wrong with each, if all that answer find something wrong."""
        if not slots:
            return []
        calls = [Call("eth_sendRawTransaction", (f"0x{slot.attempts[-1].raw.hex()}",)) for slot in slots]
        answers = [answer for answer in (await self._providers.tell(calls)).values() if not isinstance(answer, Failure)]
        return [_complaint([answer[place] for answer in answers]) for place in range(len(slots))]


@asynccontextmanager
async def open_sender(providers: Providers, key: SigningKey, path: Path, policy: Policy) -> AsyncIterator[EvmSender]:
    """Of the account of this key, with its transactions in the file at `path`."""
    async with open_store(path) as store:
        await store.belongs_to(key.address, providers.network.chain_id)
        yield EvmSender(providers, key, store, policy)


def _complaint(answers: Results) -> str:
    refusals = [answer for answer in answers if isinstance(answer, Refused)]
    if not answers:
        return "no provider answers"
    if len(refusals) < len(answers) or any(meaning(refusal) not in COMPLAINTS for refusal in refusals):
        return ""
    return "; ".join(sorted({f"{meaning(refusal)}: {refusal.message[:100]}" for refusal in refusals}))


def _too_dear(capped: Capped) -> str:
    return f"to be taken now it would have to offer {capped.wanted} for a unit of gas, and may offer {capped.most}"


def _numbers(results: Results) -> tuple[int, ...]:
    return tuple(header.quantity(good(result)) for result in results)
