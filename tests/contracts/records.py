"""What the grid keeps of each thing, and the word or two of storage that it is."""

from __future__ import annotations

from dataclasses import dataclass, field

WINDOW = 192


@dataclass
class Nonces:
    floor: int = 0
    used: set[int] = field(default_factory=set)
    """Above the floor."""

    def use(self, nonce: int) -> None:
        if nonce >= self.floor:
            self.used.add(nonce)
            self.raise_to(self.floor)

    def raise_to(self, floor: int) -> None:
        while floor in self.used:
            floor += 1
        self.floor, self.used = floor, {nonce for nonce in self.used if nonce > floor}

    @property
    def word(self) -> int:
        return self.floor << WINDOW | sum(1 << nonce - self.floor for nonce in self.used)

    @classmethod
    def of(cls, word: int) -> Nonces:
        floor, bits = divmod(word, 1 << WINDOW)
        return cls(floor, {floor + bit for bit in range(WINDOW) if bits >> bit & 1})


@dataclass
class Account:
    authority: int = 0
    epoch: int = 0
    entered: bool = False
    new: bool = False
    nonces: Nonces = field(default_factory=Nonces)

    @property
    def word(self) -> int:
        return self.authority | self.epoch << 160 | self.entered << 224 | self.new << 225


@dataclass
class Balance:
    epoch: int = 0
    amount: int = 0
    held: int = 0
    entered: bool = False

    @property
    def word(self) -> int:
        return self.amount % (1 << 72) | self.held << 72 | self.epoch << 136 | self.entered << 200


@dataclass
class Asset:
    epoch: int = 0
    vault: int = 0
    liabilities: int = 0
    entered: int = 0


@dataclass
class Match:
    epoch: int = 0
    step: int = 0
    count: int = 0
    players: dict[int, bytes] = field(default_factory=dict)

    @property
    def playing(self) -> tuple[bytes, ...]:
        return tuple(self.players[number] for number in range(self.count))
