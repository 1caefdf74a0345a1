"""A state with the proof of it: a block's header, the way to the contract, the way to each word of its storage. Pure.

Whoever knows the hash of the block, from a quorum of his own, needs to believe nobody: not who read it, nor who kept it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from jurymast.chains.evm import header, layout, trie
from jurymast.chains.trail import Block
from jurymast.chains.words import BadEvidence, State, Wanted
from jurymast.errors import Rejected


class Evidence(msgspec.Struct, frozen=True, array_like=True, tag="evm/1"):
    header: bytes
    account: tuple[bytes, ...]
    """Nodes of the state's trie."""
    words: Mapping[bytes, tuple[bytes, ...]]
    """Nodes of the storage's trie, by slot."""


class _Word(msgspec.Struct):
    key: header.Data
    proof: tuple[header.Data, ...]


class _Answer(msgspec.Struct, rename="camel"):
    account_proof: tuple[header.Data, ...]
    storage_proof: tuple[_Word, ...]


class NoGrid(Rejected):
    """There is no contract at the address, in this block."""


_answer = msgspec.json.Decoder(_Answer)
_evidence = msgspec.msgpack.Decoder(Evidence)


def read(head: header.Header, results: Sequence[msgspec.Raw]) -> Evidence:
    """From the answers to `eth_getProof`, unchecked."""
    answers = [_answer.decode(result) for result in results]
    proofs = (word for answer in answers for word in answer.storage_proof)
    words = {_bytes(word.key).rjust(layout.WORD, b"\0"): tuple(map(_bytes, word.proof)) for word in proofs}
    return Evidence(head.encoded, tuple(map(_bytes, answers[0].account_proof)), words)


def encode(evidence: Evidence) -> bytes:
    return msgspec.msgpack.encode(evidence)


def decode(data: bytes) -> Evidence:
    try:
        return _evidence.decode(data)
    except msgspec.DecodeError as error:
        raise BadEvidence(f"no evidence: {error}") from None


def verify(evidence: Evidence, chain: int, grid: bytes, wanted: Wanted, block: bytes) -> State:
    try:
        head = header.decode(evidence.header)
        if head.hash != block:
            raise BadEvidence(f"it is of block 0x{head.hash.hex()}, not 0x{block.hex()}")
        storage = trie.account(head.state_root, grid, evidence.account)
        if storage.code == trie.NO_CODE:
            raise NoGrid(f"there is no contract at 0x{grid.hex()} in block {head.height}")
        return layout.state(chain, block_of(head), wanted, lambda slot: _word(storage.storage, slot, evidence))
    except (header.BadHeader, trie.BadProof) as error:
        raise BadEvidence(str(error)) from None


def block_of(head: header.Header) -> Block:
    return Block(head.height, head.hash, head.parent, head.clock)


def _word(root: bytes, slot: bytes, evidence: Evidence) -> bytes:
    return trie.word(root, slot, evidence.words.get(slot, ()))


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])
