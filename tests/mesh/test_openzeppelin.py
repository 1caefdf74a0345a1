"""The vectors that our trees are held to are what the published package says today."""

from __future__ import annotations

import json

from tests.openzeppelin import VECTORS, built


def test_the_vectors_are_the_packages() -> None:
    assert built() == json.loads(VECTORS.read_text(encoding="ascii"))
