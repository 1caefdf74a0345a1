"""What guards sign of batches, as anybody makes and checks it. Pure.

The body of a batch is the struct hash of its permit: chain, epoch, number, expiry, actions, prices and lists. What is signed
follows from it and from the application.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from jurymast.book.events import BatchPlanned
from jurymast.book.signed import Permit, Signed, hash_of_absent, hash_of_actions, hash_of_amounts, hash_of_nonces
from jurymast.crypto import eip712
from jurymast.crypto.address import parse_address
from jurymast.crypto.eip712 import Domain
from jurymast.crypto.keccak import keccak256
from jurymast.crypto.secp256k1 import recover
from jurymast.errors import Rejected
from jurymast.messages.permits import PermitRefused, PermitSigned

NUMBER_BYTES = 8


class Refusal(Signed, frozen=True, kw_only=True):
    """One guard never signs the permit with this body. Enough such promises release what was claimed for it."""

    TYPE = eip712.Struct("Refusal(uint8 chain,uint64 epoch,uint64 batch,bytes32 body)")
    chain: int
    epoch: int
    batch: int
    body: bytes


class Drafted(NamedTuple):
    permit: Permit
    body: bytes
    digest: bytes
    """What guards sign."""
    owners: tuple[bytes, ...]
    """What owners have signed, action by action."""


class Forged(Rejected):
    """Not signed by whom it names."""

    def __init__(self, guard: str) -> None:
        super().__init__(f"it is not signed by {guard}")
        self.guard = guard


def numbered(planned: BatchPlanned) -> BatchPlanned:
    """With the number that follows from all the rest of it. Two bodies never share one, not even if the bus forgets the first: a
    chain's record of a number says which batch executed."""
    actions = hash_of_actions(action.signed.content() for action in planned.actions)
    body = _permit(msgspec.structs.replace(planned, batch=0), actions).content()
    return msgspec.structs.replace(planned, batch=int.from_bytes(body[:NUMBER_BYTES], "big"))


def drafted(planned: BatchPlanned, domain: Domain) -> Drafted:
    """Everything that is hashed and signed about a batch."""
    owners = tuple(action.signed.digest(domain) for action in planned.actions)
    permit = _permit(planned, hash_of_actions(owners))
    body = permit.content()
    return Drafted(permit, body, digest(body, domain), owners)


def _permit(planned: BatchPlanned, actions: bytes) -> Permit:
    return Permit(
        chain=planned.chain,
        epoch=planned.epoch,
        batch=planned.batch,
        expiry=planned.expiry,
        actions=actions,
        prices=hash_of_amounts(planned.prices),
        absent=hash_of_absent(planned.absent),
        dead=hash_of_nonces(planned.dead),
    )


def digest(body: bytes, domain: Domain) -> bytes:
    return keccak256(b"\x19\x01", domain.separator, body)


def refusal(chain: int, epoch: int, batch: int, body: bytes) -> Refusal:
    return Refusal(chain=chain, epoch=epoch, batch=batch, body=body)


def check(said: PermitSigned | PermitRefused, domain: Domain) -> bytes:
    """The address of the guard that said it; `Forged` if that is another one, `BadSignature` if it is nobody."""
    if isinstance(said, PermitSigned):
        signed = digest(said.body, domain)
    else:
        signed = refusal(said.chain, said.epoch, said.batch, bytes.fromhex(said.body)).digest(domain)
    guard = parse_address(said.guard)
    if recover(signed, said.signature) != guard:
        raise Forged(said.guard)
    return guard
