"""Writes docs/asyncapi.yaml: `python -m tests.wire.published`."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from jurymast.asyncapi import document
from jurymast.messages.catalog import channels, queries
from jurymast.streams import TABLE

PUBLISHED = Path(__file__).parents[2] / "docs" / "asyncapi.yaml"
COMMAND = "python -m tests.wire.published"


class _Dumper(yaml.SafeDumper):
    """Anchors save space and cost readers: everything is spelled out where it stands."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def rendered() -> str:
    described = document(channels(), queries(), TABLE, version=version("jurymast"))
    text = yaml.dump(described, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
    return f"# Generated from the code by `{COMMAND}`; a test keeps it current.\n{text}"


if __name__ == "__main__":
    PUBLISHED.write_text(rendered(), encoding="utf-8")
