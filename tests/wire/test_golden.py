"""Messages as bytes: what is in a stream today can be read by every later version, and by any MessagePack library."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.wire.golden import COMMAND, DIRECTORY, Golden, current, parse, write_missing
from tests.wire.samples import SAMPLES, wire_channels

CHANNELS = wire_channels()
FILES = sorted(path.name for path in DIRECTORY.glob("*.hex"))


@pytest.mark.parametrize("name", sorted(CHANNELS))
def test_every_version_of_every_message_has_its_golden_bytes(name: str) -> None:
    assert name in SAMPLES, f"{name} has no sample: add one to tests/wire/samples.py, then run `{COMMAND}`"
    wanted = [f"{name}.v{version}.hex" for version in range(1, CHANNELS[name].version + 1)]
    missing = [file for file in wanted if file not in FILES]
    assert not missing, (
        f"no {', '.join(missing)} in tests/wire/golden: for the current version run `{COMMAND}` and commit what it writes; "
        f"an earlier version's file is never removed"
    )


@pytest.mark.parametrize("golden", list(current()), ids=lambda golden: golden.schema)
def test_todays_sample_encodes_to_exactly_the_golden_bytes(golden: Golden) -> None:
    committed = (DIRECTORY / golden.file_name).read_text(encoding="ascii")
    assert golden.text() == committed, "the bytes changed: raise the channel's version, or the readers in the field break"


@pytest.mark.parametrize("file", FILES)
def test_todays_reader_decodes_whatever_was_ever_written(file: str) -> None:
    golden = parse((DIRECTORY / file).read_text(encoding="ascii"))
    assert golden.file_name == file
    assert golden.name in CHANNELS, f"{golden.name} left the catalog, but such messages may still be in streams"
    message = CHANNELS[golden.name].decode(golden.payload, schema=golden.schema, subject=golden.subject)
    if golden.schema == CHANNELS[golden.name].schema:
        assert message == SAMPLES[golden.name]


@pytest.mark.parametrize("file", FILES)
def test_an_outsider_reads_the_same_with_plain_msgpack(file: str) -> None:
    golden = parse((DIRECTORY / file).read_text(encoding="ascii"))
    plain = golden.plain()
    ours = CHANNELS[golden.name].decode(golden.payload, schema=golden.schema, subject=golden.subject)
    assert isinstance(plain, dict)
    assert plain  # A map of spelled-out names, not an array.
    assert _agree(plain, msgspec.to_builtins(ours, builtin_types=(bytes,)))


def _agree(plain: Any, ours: Any) -> bool:
    """Same names, values and types; ours may have fields that came later."""
    match plain:
        case dict():
            return isinstance(ours, dict) and all(key in ours and _agree(value, ours[key]) for key, value in plain.items())
        case list():
            return len(plain) == len(ours) and all(map(_agree, plain, ours))
        case _:
            return type(plain) is type(ours) and bool(plain == ours)


def test_agreement_is_about_types_too() -> None:
    assert _agree({"a": [b"x", 1]}, {"a": (b"x", 1), "later": 2})
    for other in ({"a": [b"x", 1.0]}, {"a": ["x", 1]}, {"a": [b"x", True]}, {"a": [b"x"]}, {"b": [b"x", 1]}):
        assert not _agree({"a": [b"x", 1]}, other)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_samples_tell_all_fields_apart(name: str) -> None:
    for struct in _structs(SAMPLES[name]):
        values = [repr(getattr(struct, field)) for field in struct.__struct_fields__]
        assert len(set(values)) == len(values), f"two fields of {type(struct).__name__} have the same value"
        for field in msgspec.structs.fields(struct):
            assert getattr(struct, field.name) != field.default, f"{type(struct).__name__}.{field.name} is at its default"


def _structs(value: Any) -> Iterator[msgspec.Struct]:
    if isinstance(value, msgspec.Struct):
        yield value
        for field in value.__struct_fields__:
            yield from _structs(getattr(value, field))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _structs(item)


def test_missing_files_are_written_and_present_ones_never_changed(tmp_path: Path) -> None:
    goldens = {golden.file_name: golden.text() for golden in current()}
    kept, *missing = sorted(goldens)
    (tmp_path / kept).write_text("older bytes")
    assert sorted(path.name for path in write_missing(tmp_path)) == missing
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == goldens | {kept: "older bytes"}
    assert write_missing(tmp_path) == []


@pytest.mark.parametrize("text", ["", "81 a1", "subject: a\n\n81 a1\n", "subject: a\nJurymast-Schema: a/1\n\n"])
def test_a_file_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a golden file"):
        parse(text)
