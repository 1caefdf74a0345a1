"""The bus, encrypted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from jurymast.credentials import tls_context
from jurymast.messages.channel import OPERATOR
from jurymast.nats_conf import Tls
from jurymast.permissions import EXTERNAL
from tests.echo.messages import ANSWERED, ASKED, ASKER, Answered, Asked
from tests.echo.streams import ECHO_TABLE
from tests.mesh.locked import ACCESS, bus_of, connected, ended, last_of
from tests.mesh.supervised import jurymast
from tests.servers import NatsServer, Service, all_sent, eventually

pytestmark = pytest.mark.filterwarnings("ignore:parameter 'timeout' of type 'float'.*:DeprecationWarning")
"""nats-py's way of asking aiohttp for a websocket."""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory.mktemp("tls"))


def make_certificates(directory: Path) -> Path:
    """A CA of our own, a certificate from it for 127.0.0.1, and another CA."""
    import subprocess  # noqa: PLC0415

    def openssl(*arguments: str) -> None:
        subprocess.run(("openssl", *arguments), cwd=directory, check=True, capture_output=True)

    for ca in ("ca", "other"):
        openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={ca}",
            "-keyout", f"{ca}.key", "-out", f"{ca}.pem",
        )  # fmt: skip
    (directory / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl(
        "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=nats", "-keyout", "nats.key",
        "-out", "nats.csr",
    )  # fmt: skip
    openssl(
        "x509", "-req", "-in", "nats.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
        "-extfile", "names", "-out", "nats.pem",
    )  # fmt: skip
    return directory


@pytest.fixture
async def encrypted(tmp_path: Path, certificates: Path) -> AsyncIterator[NatsServer]:
    tls = Tls(cert=str(certificates / "nats.pem"), key=str(certificates / "nats.key"))
    server = NatsServer(tmp_path / "nats", access=ACCESS, tls=tls, ca=str(certificates / "ca.pem"))
    try:
        await server.start()
        await server.provision(ECHO_TABLE)
        yield server
    finally:
        server.kill()


async def test_everything_works_over_tls(encrypted: NatsServer, start: Callable[..., Service]) -> None:
    await start(encrypted).ready()
    async with bus_of(encrypted, ASKER) as asker:
        await asker.publish(ASKED, Asked(id="a", text="hello"), id="a")
        await eventually(lambda: last_of(asker, "ECHO", "echo.answered.a"), what="the answer")
    assert encrypted.keys is not None
    login = {
        "JURYMAST_NATS_URL": encrypted.url,
        "JURYMAST_NATS_CA": encrypted.ca,
        "JURYMAST_NATS_SEED_FILE": str(encrypted.keys.file(OPERATOR)),
    }
    assert (await jurymast("dead", "list", **login)).out == "0 dead letters\n"
    without = await jurymast("dead", "list", **{**login, "JURYMAST_NATS_CA": ""})
    assert without.err.startswith("jurymast: the certificate of NATS is not trusted (")


async def test_a_websocket_is_encrypted_too(encrypted: NatsServer) -> None:
    login = encrypted.login(EXTERNAL) | {"tls": tls_context("", encrypted.ca)}
    login.pop("tls_handshake_first")
    async with connected(encrypted.websocket_url, **login) as nc, bus_of(encrypted, "echo") as echo:
        subscription = await nc.subscribe("echo.answered.*")
        await all_sent(nc)
        await echo.publish(ANSWERED, Answered(id="a", text="one", answer_number=1), id="a")
        assert (await subscription.next_msg(timeout=5)).subject == "echo.answered.a"


async def test_a_client_that_does_not_trust_the_server_leaves(
    encrypted: NatsServer, start: Callable[..., Service], certificates: Path
) -> None:
    wrong = {
        "JURYMAST_NATS_CA": str(certificates / "other.pem"),
        "JURYMAST_NATS_URL": encrypted.url,
    }
    plain = {"JURYMAST_NATS_CA": "", "JURYMAST_NATS_URL": encrypted.url.replace("tls://", "nats://")}
    started = [start(encrypted, **settings) for settings in (wrong, {"JURYMAST_NATS_CA": ""}, plain)]
    for service in started:
        said = await ended(service, 2)
        assert said.startswith("the certificate of NATS is not trusted (")
        assert said.endswith("): set JURYMAST_NATS_CA to the file of its CA")


async def test_a_client_that_wants_tls_does_not_talk_without(locked: NatsServer, start: Callable[..., Service]) -> None:
    said = await ended(start(locked, JURYMAST_NATS_URL=locked.url.replace("nats://", "tls://")), 2)
    assert said.startswith("NATS does not speak TLS there")
