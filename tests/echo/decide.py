"""What to do with a question. Pure."""

from __future__ import annotations

from jurymast.errors import Fatal, Rejected, Transient
from tests.echo.messages import Answered, Asked


def decide(asked: Asked, *, attempt: int, answered: int, refuses: bool) -> Answered:
    if attempt <= asked.times:
        match asked.act:
            case "busy":
                raise Transient("busy")
            case "refuse" if refuses:
                raise Rejected("no answer to that")
            case "halt":
                raise Fatal("halted on request")
            case "bug":
                raise ZeroDivisionError("a bug in the handler")
            case _:
                pass
    return Answered(id=asked.id, text=asked.text, answer_number=answered + 1)
