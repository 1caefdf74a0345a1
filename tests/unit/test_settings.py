from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurymast.errors import Misconfigured
from jurymast.settings import Port, Secret, Settings, load, nats_servers, redacted


class Guard(Settings, frozen=True, kw_only=True):
    key: Secret
    spare_key: Secret | None = None
    quorum: Annotated[int, msgspec.Meta(ge=1, le=9)] = 2
    chain: Literal["solana", "arbitrum"] = "solana"
    archive: bool = False
    console_port: Port = 0
    database: str = "sqlite://"


def test_what_is_not_set_keeps_its_default() -> None:
    settings = load(Guard, {"JURYMAST_KEY": "s3cret"})
    assert settings == Guard(key=Secret("s3cret"))


def test_every_kind_of_value() -> None:
    environ = {
        "JURYMAST_KEY": "s3cret",
        "JURYMAST_SPARE_KEY": "0ther",
        "JURYMAST_QUORUM": "5",
        "JURYMAST_CHAIN": "arbitrum",
        "JURYMAST_ARCHIVE": "true",
        "JURYMAST_CONSOLE_PORT": "65535",
        "JURYMAST_DRAIN_S": "2.5",
        "JURYMAST_HTTP_PORT": "0",
    }
    expected = Guard(
        key=Secret("s3cret"),
        spare_key=Secret("0ther"),
        quorum=5,
        chain="arbitrum",
        archive=True,
        console_port=65535,
        drain_s=2.5,
    )
    assert load(Guard, environ) == expected


def test_a_missing_variable_is_named_with_both_ways_to_set_it() -> None:
    with pytest.raises(Misconfigured, match=r"^JURYMAST_KEY is not set \(or JURYMAST_KEY_FILE, "):
        load(Guard, {"KEY": "s3cret", "JURYMAST_KEYS": "s3cret"})


@pytest.mark.parametrize(
    ("variable", "text", "why"),
    [
        ("QUORUM", "many", "Expected `int`, got `str`"),
        ("QUORUM", "", "Expected `int`, got `str`"),
        ("QUORUM", "2.5", "Expected `int`, got `str`"),
        ("QUORUM", "10", "Expected `int` <= 9"),
        ("QUORUM", "0", "Expected `int` >= 1"),
        ("CHAIN", "Solana", "Invalid enum value 'Solana'"),
        ("ARCHIVE", "maybe", "Expected `bool`"),
        ("HTTP_PORT", "65536", "Expected `int` <= 65535"),
        ("HTTP_PORT", "-1", "Expected `int` >= 0"),
        ("HTTP_PORT", "http", "Expected `int`"),
        ("CONSOLE_PORT", "99999", "Expected `int` <= 65535"),
        ("DRAIN_S", "0", "Expected `float` > 0"),
        ("DRAIN_S", "301", "Expected `float` <= 300"),
        ("DRAIN_S", "nan", "Expected `float` > 0"),
        ("DRAIN_S", "inf", "Expected `float` <= 300"),
    ],
)
def test_a_value_that_will_not_do_is_named_with_the_reason(variable: str, text: str, why: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        load(Guard, {"JURYMAST_KEY": "s3cret", f"JURYMAST_{variable}": text})
    assert str(refused.value).startswith(f"JURYMAST_{variable}: {text!r} will not do: {why}")


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(Misconfigured) as refused:
        load(Guard, {"JURYMAST_QUORUM": "x", "JURYMAST_HTTP_PORT": "99999", "JURYMAST_NATS_URL_FILE": "/nonexistent"})
    problems = str(refused.value).split("; ")
    assert [problem.split(":")[0].split(" ")[0] for problem in problems] == [
        "JURYMAST_NATS_URL",
        "JURYMAST_HTTP_PORT",
        "JURYMAST_KEY",
        "JURYMAST_QUORUM",
    ]


# -- files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["s3cret", "s3cret\n", "  s3cret \r\n\n"])
def test_a_secret_comes_from_a_file_without_the_newline_that_editors_add(content: str, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(content.encode())
    settings = load(Guard, {"JURYMAST_KEY_FILE": str(path)})
    assert settings.key == "s3cret"
    assert type(settings.key) is Secret


def test_any_variable_may_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "quorum"
    path.write_text("7\n")
    assert load(Guard, {"JURYMAST_KEY": "k", "JURYMAST_QUORUM_FILE": str(path)}).quorum == 7


def test_both_a_value_and_a_file_leave_open_which_counts(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("one")
    with pytest.raises(Misconfigured, match=r"JURYMAST_KEY: both JURYMAST_KEY and JURYMAST_KEY_FILE are set: keep one"):
        load(Guard, {"JURYMAST_KEY": "two", "JURYMAST_KEY_FILE": str(path)})


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "missing"
    with pytest.raises(Misconfigured, match=f"cannot read JURYMAST_KEY_FILE {path}: No such file or directory"):
        load(Guard, {"JURYMAST_KEY_FILE": str(path)})


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)  # Tests may run as root, who may read everything.
    with pytest.raises(Misconfigured, match=f"cannot read JURYMAST_KEY_FILE {tmp_path}: Permission denied"):
        load(Guard, {"JURYMAST_KEY_FILE": str(tmp_path)})


def test_a_file_that_is_a_directory(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=f"cannot read JURYMAST_KEY_FILE {tmp_path}: Is a directory"):
        load(Guard, {"JURYMAST_KEY_FILE": str(tmp_path)})


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"\xff\xfes3cret")
    with pytest.raises(Misconfigured) as refused:
        load(Guard, {"JURYMAST_KEY_FILE": str(path)})
    assert str(refused.value) == f"JURYMAST_KEY: JURYMAST_KEY_FILE: {path} is not a text file"


# -- what is shown -----------------------------------------------------------------------------------------------------

PASSWORD = (
    st.text("abcXYZ019:/,;?#[]!$&*+=~%._-@ \t\né", max_size=20)
    .map(lambda text: f"s3cret{text}s3cret")
    .filter(lambda text: "://" not in text)
)


def test_secrets_are_in_no_dump() -> None:
    settings = load(Guard, {"JURYMAST_KEY": "s3cret", "JURYMAST_SPARE_KEY": "s3cret too"})
    dump = redacted(settings)
    assert dump["key"] == dump["spare_key"] == "***"
    assert dump["quorum"] == 2
    assert dump.keys() == set(Guard.__struct_fields__)
    for shown in (repr(settings), str(settings), f"{settings}", repr(dump), msgspec.json.encode(dump).decode()):
        assert "s3cret" not in shown


def test_a_secret_is_text_for_whom_it_is_meant() -> None:
    key = load(Guard, {"JURYMAST_KEY": "s3cret"}).key
    assert key == "s3cret"
    assert f"{[key]} {(key,)!r} {key!r}" == "[Secret(***)] (Secret(***),) Secret(***)"


@given(PASSWORD)
def test_no_secret_is_in_what_a_wrong_setting_says(password: str) -> None:
    environ = {"JURYMAST_KEY": password, "JURYMAST_SPARE_KEY": password, "JURYMAST_HTTP_PORT": f"redis://user:{password}@host"}
    with pytest.raises(Misconfigured) as refused:
        load(Guard, environ)
    assert "s3cret" not in str(refused.value)
    assert "JURYMAST_HTTP_PORT" in str(refused.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222"),
        ("nats://ada:s3cret@n1:4222", "nats://n1:4222"),
        ("nats://s3cret@n1", "nats://n1"),
        ("tls://ada:s3cret@n1,tls://ada:s3cret@n2", "tls://n1,tls://n2"),
        ("nats://n1,nats://ada:s3cret@n2:4222,nats://n3", "nats://n2:4222,nats://n3"),
        ("nats://ada:12345,s3cret@n2:4222", "nats://n2:4222"),
        ("postgresql+asyncpg://ada:s3cret@db/jurymast", "postgresql+asyncpg://db/jurymast"),
        ("redis://:s3cret@cache:6379/0", "redis://cache:6379/0"),
        ("ada:s3cret@n1:4222", "n1:4222"),
        ("sqlite+aiosqlite:///var/lib/jurymast.db", "sqlite+aiosqlite:///var/lib/jurymast.db"),
        ("n1:4222,n2:4222", "n1:4222,n2:4222"),
        ("s3cret@n1,n2", "n1,n2"),
        ("", ""),
    ],
)
def test_urls_lose_their_credentials(url: str, shown: str) -> None:
    assert redacted(Settings(nats_url=url))["nats_url"] == shown


LOGIN = st.builds(
    "{}{}{}@n2:4222".format,
    st.sampled_from(["nats://", "postgresql+asyncpg://", ""]),
    st.sampled_from(["ada:", ":", ""]),
    PASSWORD,
)
PLACES = st.sampled_from(["{}", "nats://n1:4222,{}", "{},nats://n1:4222", "n1,{},n3"])


@given(LOGIN, PLACES)
def test_no_password_survives_whatever_is_in_it(login: str, place: str) -> None:
    settings = Settings(nats_url=place.format(login))
    assert "s3cret" not in redacted(settings)["nats_url"] + repr(settings)


# -- the servers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "urls",
    [
        "n1",
        "n1:4222,n2",
        "nats://n1:4222/",
        "tls://nats.example.org:65535,tls://10.0.0.1",
        "nats://[::1]:4222",
        "nats://ada:p@ss%w0rd!@n1:4222,nats://token@n2",
    ],
)
def test_one_url_or_several(urls: str) -> None:
    assert load(Settings, {"JURYMAST_NATS_URL": urls}).nats_url == urls
    assert nats_servers(urls) == urls.split(",")


@pytest.mark.parametrize(
    "urls",
    [
        "",
        "n1,",
        "n1, n2",
        "nats://",
        "http://n1",
        "nats://n1:65536",
        "nats://n1:port",
        "nats://ada:s3cret",
        "ada:s3cret@n1",
        "nats://n1,nats://ada:s3cret@n2",
        *(f"nats://ada:12{c}s3cret@n1" for c in ",/?# \t"),
    ],
)
def test_urls_that_could_be_read_in_two_ways_are_refused_and_not_shown(urls: str) -> None:
    with pytest.raises(Misconfigured, match="JURYMAST_NATS_URL: not the URL of a NATS server") as refused:
        load(Settings, {"JURYMAST_NATS_URL": urls})
    assert "s3cret" not in str(refused.value)


@given(LOGIN.map(lambda login: f"{login},"), PLACES)
def test_whatever_is_refused_is_not_shown(login: str, place: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        load(Settings, {"JURYMAST_NATS_URL": place.format(login)})
    assert "s3cret" not in str(refused.value)
