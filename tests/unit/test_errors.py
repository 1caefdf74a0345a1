from __future__ import annotations

import inspect
import re

import pytest

from jurymast import errors
from jurymast.errors import JurymastError, Transient, explain


def _drawn() -> dict[str, str]:
    """Name and parent of every error in the tree that the docstring draws."""
    parents, path = {}, ["Exception"]
    for line in (errors.__doc__ or "").splitlines():
        if drawn := re.match(r"(?P<branch>[│├└─ ]*)(?P<name>[A-Z]\w+)( {2,}|$)", line):
            depth = len(drawn["branch"]) // 4
            parents[drawn["name"]] = path[depth]
            path[depth + 1 :] = [drawn["name"]]
    return parents


def test_the_tree_that_people_read_is_the_tree() -> None:
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, JurymastError)]
    assert _drawn() == {kind.__name__: kind.__mro__[1].__name__ for kind in kinds}


def test_a_transient_error_may_name_its_own_delay() -> None:
    assert Transient("busy").retry_after_s is None
    assert Transient("busy", retry_after_s=2.5).retry_after_s == 2.5
    assert str(Transient("busy", retry_after_s=2.5)) == "busy"


@pytest.mark.parametrize(("error", "said"), [(ValueError("too many"), "too many"), (TimeoutError(), "TimeoutError")])
def test_an_error_without_text_is_explained_by_its_type(error: Exception, said: str) -> None:
    assert explain(error) == said
