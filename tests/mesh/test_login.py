"""A user and password in the URL, right and wrong, for services and for commands."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.echo.streams import ECHO_TABLE
from tests.mesh.test_provision import jurymast
from tests.servers import NatsServer, Service

KNOWN = "p@ss:w%0rd"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """One that lets in Ada alone."""
    nats_server = NatsServer(tmp_path / "nats")
    conf = tmp_path / "nats" / "nats.conf"
    conf.write_text(f'{conf.read_text()}authorization {{ users: [{{user: ada, password: "{KNOWN}"}}] }}\n')
    nats_server.url = f"nats://ada:{KNOWN}@127.0.0.1:{nats_server.port}"
    try:
        await nats_server.start()
        await nats_server.provision(ECHO_TABLE)
        yield nats_server
    finally:
        nats_server.kill()


async def test_who_knows_the_password_comes_in_and_does_not_tell_it(
    server: NatsServer, start_echo: Callable[..., Service]
) -> None:
    echo = await start_echo().ready()
    code, output = await jurymast("dead", "list", url=server.url)
    assert (code, output) == (0, "0 dead letters\n")
    server.kill()
    code, output = await jurymast("dead", "list", url=f"{server.url},{server.url}")
    address = f"nats://127.0.0.1:{server.port}"
    assert code == 1
    assert output.startswith(f"jurymast: no NATS server answers at {address},{address}: ")
    assert KNOWN not in output + echo.process.log.read_text() + (await echo.get("/healthz"))[1]


@pytest.mark.parametrize(
    ("login", "why"),
    [
        ("ada:s3cret@", "NATS asks for a key, and there is none: "),
        ("s3cret@", "NATS asks for a key, and there is none: "),
        ("", "NATS asks for a key, and there is none: "),
        ("ada:12,s3cret@", "not the URL of a NATS server"),
        ("ada:12/s3cret@", "not the URL of a NATS server"),
        ("ada:12#s3cret@", "not the URL of a NATS server"),
    ],
)
async def test_a_login_that_will_not_do_is_one_line(
    server: NatsServer, start_echo: Callable[..., Service], login: str, why: str
) -> None:
    url = f"nats://{login}127.0.0.1:{server.port}"
    code, output = await jurymast("streams", "diff", url=url)
    assert code == 1
    assert output.removeprefix("jurymast: ").removeprefix("--nats: ").startswith(why)
    assert output.count("\n") == 1
    echo = start_echo(JURYMAST_NATS_URL=url)
    assert await echo.process.wait() == 2
    last = echo.process.lines()[-1]["message"]
    assert last.removeprefix("JURYMAST_NATS_URL: ").startswith(why)
    text = echo.process.log.read_text()
    assert "Traceback" not in text
    assert "s3cret" not in output + text
