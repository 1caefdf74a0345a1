"""The log's messages: what cannot be said, where each stands, and who may say it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from jurymast.cli.commands.keys import deployment
from jurymast.errors import Undecodable
from jurymast.messages.channel import AnyChannel
from jurymast.messages.claims import EPOCH, EPOCHS, INTENT, NONCE_GUARD, OUTCOME, SWITCHER, Claimed
from jurymast.messages.guard import JOURNAL
from jurymast.streams import TABLE
from jurymast.subjects import covers
from tests.wire.samples import SAMPLES

CLAIMS = TABLE.stream_for(INTENT)


def with_fields(channel: AnyChannel, **fields: Any) -> bytes:
    """The sample's bytes, but for these fields: as somebody else might write them."""
    return msgspec.msgpack.encode({**msgspec.to_builtins(SAMPLES[channel.name], builtin_types=(bytes,)), **fields})


@pytest.mark.parametrize(
    ("channel", "fields", "why"),
    [
        (EPOCH, {"cut": None}, "a record that is cut needs cut"),
        (EPOCH, {"state": "open"}, "a record that is open has no cut"),
        (EPOCH, {"state": "closed"}, "Invalid enum value 'closed'"),
        (EPOCH, {"chain": 256}, "<= 255"),
        (EPOCH, {"epoch": -1}, ">= 0"),
        (INTENT, {"account": "0A" * 32}, "regex"),
        (INTENT, {"account": "0a" * 20}, "regex"),
        (INTENT, {"nonce": -1}, ">= 0"),
        (INTENT, {"body": b"x" * 31}, "length >= 32"),
        (OUTCOME, {"fate": "lost"}, "Invalid enum value 'lost'"),
        (OUTCOME, {"proof": None}, "object"),
        (JOURNAL, {"digest": b""}, "length >= 16"),
    ],
)
def test_what_cannot_be_is_not_read(channel: AnyChannel, fields: dict[str, Any], why: str) -> None:
    subject = channel.subject(SAMPLES[channel.name])
    with pytest.raises(Undecodable, match=why):
        channel.decode(with_fields(channel, **fields), schema=channel.schema, subject=subject)


def test_an_attempt_of_an_identity_is_one_subject_whatever_it_is_claimed_for() -> None:
    claim = SAMPLES[INTENT.name]
    assert isinstance(claim, Claimed)
    other = msgspec.structs.replace(claim, chain=9, epoch=9, batch=9, expiry=9, body=bytes(32))
    assert INTENT.subject(other) == INTENT.subject(claim) == f"claims.intent.{'0a' * 32}.18446744073709551615.2"


def test_the_stream_is_what_makes_it_a_lock() -> None:
    config = CLAIMS.config(3)
    assert CLAIMS.create_only
    assert {key: config[key] for key in ("storage", "num_replicas", "max_msgs_per_subject", "discard", "max_age")} == {
        "storage": "file",
        "num_replicas": 3,
        "max_msgs_per_subject": 1,
        "discard": "new",
        "max_age": 0,
    }
    assert config["discard_new_per_subject"]
    assert config["allow_atomic"]
    assert config["deny_delete"]
    assert CLAIMS.followers == (NONCE_GUARD,)  # Who get what they missed by direct gets. Whoever decides asks the leader.
    assert not config["allow_rollup_hdrs"]
    assert config["duplicate_window"] == 100_000_000  # The least that a server takes.


def test_every_write_stands_behind_epoch_records_and_behind_nothing_else() -> None:
    assert covers(EPOCHS, EPOCH.wildcard)
    assert not covers(EPOCHS, INTENT.wildcard)
    assert not covers(EPOCHS, OUTCOME.wildcard)


@pytest.mark.parametrize(
    ("channel", "owner"), [(EPOCH, SWITCHER), (INTENT, NONCE_GUARD), (OUTCOME, NONCE_GUARD), (JOURNAL, NONCE_GUARD)]
)
def test_epochs_move_by_the_switcher_alone_and_claims_are_the_guards_alone(channel: AnyChannel, owner: str) -> None:
    access = replace(deployment(), members={NONCE_GUARD: ("me",)})
    subject = channel.wildcard_with(guard="me")
    writers = [role for role in access.roles if any(covers(p, subject) for p in access.permissions(role).publish)]
    assert writers == [owner]


@pytest.mark.parametrize("role", [SWITCHER, NONCE_GUARD])
def test_both_read_the_log_from_its_leader_and_delete_nothing(role: str) -> None:
    publish = deployment().permissions(role).publish
    assert "$JS.API.STREAM.MSG.GET.CLAIMS" in publish
    assert not [subject for subject in publish if "DELETE" in subject or "PURGE" in subject]
    assert ("$JS.API.DIRECT.GET.CLAIMS" in publish) == (role == NONCE_GUARD)
    assert not [subject for subject in publish if "DIRECT.GET.CLAIMS." in subject], "the last of a subject comes from the leader"
