"""What must be true of a Dockerfile that is shipped, each rule with the sentence that says so."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple


class Instruction(NamedTuple):
    name: str
    text: str


def parse(source: str) -> list[Instruction]:
    """Instructions in order, continued lines joined, comments gone."""
    lines = "\n".join(line for line in source.splitlines() if not line.lstrip().startswith("#"))
    joined = (line.strip() for line in lines.replace("\\\n", " ").splitlines())
    return [Instruction(name.upper(), text.strip()) for name, _, text in (line.partition(" ") for line in joined if line)]


def _all(name: str, instructions: list[Instruction]) -> list[str]:
    return [instruction.text for instruction in instructions if instruction.name == name]


def _final(instructions: list[Instruction]) -> list[Instruction]:
    last = max((number for number, instruction in enumerate(instructions) if instruction.name == "FROM"), default=0)
    return instructions[last:]


def _tagged(instructions: list[Instruction]) -> bool:
    """Also behind the arguments with which an operator chooses another image."""
    defaults = {name: value for name, _, value in (text.partition("=") for text in _all("ARG", instructions))}
    stages = {match[1] for text in _all("FROM", instructions) if (match := re.search(r" AS (\S+)$", text, re.IGNORECASE))}
    images = [
        re.sub(r"\$\{?(\w+)\}?", lambda match: defaults.get(match[1], ""), text.split()[0]) for text in _all("FROM", instructions)
    ]
    return all(re.search(r":(?!latest)[\w.-]+$|@sha256:", image) for image in images if image not in stages)


def _commands(instructions: list[Instruction], pattern: str) -> list[str]:
    """Of all that is run, the commands that match."""
    return [part for text in _all("RUN", instructions) for part in re.split(r"&&|;|\|\|", text) if re.search(pattern, part)]


def _last(name: str, pattern: str) -> Callable[[list[Instruction]], bool]:
    def rule(instructions: list[Instruction]) -> bool:
        texts = _all(name, _final(instructions))
        return bool(texts) and re.search(pattern, texts[-1]) is not None

    return rule


RULES: dict[str, Callable[[list[Instruction]], bool]] = {
    "every image has a tag": _tagged,
    "COPY, not ADD": lambda instructions: not _all("ADD", instructions),
    "apt-get installs nothing that was not asked for": lambda instructions: all(
        "--no-install-recommends" in command for command in _commands(instructions, r"apt-get install")
    ),
    "package lists are not kept": lambda instructions: all(
        "rm -rf /var/lib/apt/lists" in text for text in _all("RUN", instructions) if "apt-get update" in text
    ),
    "pip checks hashes, or asks nobody": lambda instructions: all(
        "--require-hashes" in command or "--no-index" in command for command in _commands(instructions, r"\bpip\b.* install\b")
    ),
    "no secret is an argument or a variable": lambda instructions: (
        not any(
            re.search(r"\w*(PASSWORD|TOKEN|SECRET|CREDENTIAL|SEED)\w*", text, re.IGNORECASE)
            for text in (*_all("ARG", instructions), *_all("ENV", instructions))
        )
    ),
    "it ends as a user with a number, and not root": _last("USER", r"^[1-9]\d*:[1-9]\d*$"),
    "it says how it is": _last("HEALTHCHECK", r"CMD \["),
    "signals reach the process": _last("ENTRYPOINT", r"^\["),
}


def broken(source: str) -> list[str]:
    """The rules that this Dockerfile breaks."""
    instructions = parse(source)
    return [sentence for sentence, kept in RULES.items() if not kept(instructions)]
