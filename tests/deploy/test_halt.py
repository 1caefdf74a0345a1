"""The deployment with three observers and a real node, whose blocks stop and come back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from jurymast.certificate import certificate_id, from_json, halt_of
from jurymast.messages.health import Certificate, Kind
from tests.anvil import anvil_binary
from tests.deploy.stack import Stack, eventually
from tests.watching import ADDRESSES

OBSERVERS = ("health-monitor", "observer-1", "observer-2")
CONTAINED = ("image", "user", "read_only", "tmpfs", "cap_drop", "security_opt", "logging", "deploy", "restart")
NODE = ("/anvil", "--host", "::", "--block-time", "0.25", "--slots-in-an-epoch", "2", "--silent")
WITHIN_S = 45
CHAINS = f"""\
application = "0x{"a5" * 32}"

[chains.main]
family = "evm"
id = 31337
observers = {json.dumps(ADDRESSES[:3])}
threshold = 2
quorum = 2
# It is started with four blocks a second, and told later to make one: a quarter of the normal speed.
slot_ms = 250
speed_percent = 20
finality_blocks = 40
lag_blocks = 10
window_s = 8
interval_s = 1
timeout_s = 1
max_skew_s = 2
"""
PROVIDER = """
[chains.main.providers.{name}]
operator = "{name}"
url = "http://{name}:8545"
"""
_LISTENS = "import socket; socket.create_connection(('127.0.0.1', 8545))"
_CALL = """\
import sys, urllib.request
asked = urllib.request.Request("http://127.0.0.1:8545", sys.argv[1].encode(), {"Content-Type": "application/json"})
print(urllib.request.urlopen(asked, timeout=5).read().decode())
"""


def operators(observer: int) -> list[str]:
    """Names under which the one node can be reached: to those who ask, servers of different people."""
    return [f"operator-{observer}-{number}" for number in range(2)]


class Watched:
    """A deployment that watches a chain, as its operator sees it."""

    def __init__(self, built: Stack, directory: Path) -> None:
        self.files = directory
        directory.chmod(0o755)  # Anybody in a container may read them.
        (secrets := directory / "secrets").mkdir()
        for number in range(len(OBSERVERS)):
            key = secrets / ("observer.key" if number == 0 else f"observer-{number}.key")
            key.touch(0o600)
            key.write_text(f"{number + 1:064x}")  # That of ADDRESSES; what is there when keys are made is kept.
            providers = [PROVIDER.format(name=name) for name in operators(number)]
            (directory / f"chains-{number}.toml").write_text(CHAINS + "".join(providers))
        variables = {"JURYMAST_SECRETS": str(secrets), "JURYMAST_CHAINS": str(directory / "chains-0.toml")}
        base = replace(built, name=f"{built.name}-halt", environment={**built.environment, **variables})
        self.stack = replace(base, files=(*base.files, self._override(base.config()["services"]["health-monitor"])))

    def _override(self, monitor: dict[str, Any]) -> Path:
        """Two more like the first observer, with seed, key and providers of their own; and the node."""
        services: dict[str, Any] = {}
        secrets: dict[str, Any] = {}
        for number, name in list(enumerate(OBSERVERS))[1:]:
            own = {
                "chains": f"chains-{number}.toml",
                "observer.key": f"secrets/observer-{number}.key",
                "health-monitor.seed": f"secrets/health-monitor-{ADDRESSES[number]}.seed",
            }
            given = [secret | {"source": f"{name}-{secret['source']}"} for secret in monitor["secrets"]]
            services[name] = {key: value for key, value in monitor.items() if key != "build"} | {"secrets": given}
            secrets |= {f"{name}-{source}": {"file": str(self.files / file)} for source, file in own.items()}
        services["node"] = {key: monitor[key] for key in CONTAINED} | {
            "entrypoint": NODE,
            "healthcheck": {"test": ["CMD", "python", "-c", _LISTENS], "interval": "1s"},
            "volumes": [f"{anvil_binary()}:/anvil:ro"],
            "networks": {"outside": {"aliases": [name for number in range(len(OBSERVERS)) for name in operators(number)]}},
        }
        path = self.files / "observers.json"
        path.write_text(json.dumps({"services": services, "secrets": secrets}))
        return path

    def call(self, method: str, *params: Any) -> Any:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return json.loads(self.stack.python(self.stack.container("node")["Id"], _CALL, json.dumps(request)))["result"]

    def operator(self, *arguments: str) -> CompletedProcess[str]:
        command = ("run", "--rm", "--volume", f"{self.files}:/files:ro", "operator", *arguments)
        return self.stack.tried(*command)

    def verdicts(self) -> dict[str, str]:
        said = self.operator("health", "--json").stdout
        return {one["observer"]: one["chains"][0]["verdict"] for one in json.loads(said or "[]")}

    def become(self, verdict: str, *observers: str) -> None:
        expected = dict.fromkeys(observers, verdict)
        eventually(lambda: self.verdicts() == expected, WITHIN_S, f"{verdict} everywhere")

    def certified(self, kind: Kind) -> Certificate:
        """The last certificate, once it is one of this kind; also kept as a file."""

        def check() -> Certificate | None:
            done = self.operator("certificate", "main")
            last = from_json(done.stdout.encode()) if done.returncode == 0 else None
            return last if last and last.kind == kind else None

        certificate = eventually(check, WITHIN_S, f"a certified {kind}")
        assert certificate is not None
        (self.files / f"{kind}.json").write_text(self.operator("certificate", "main").stdout)
        return certificate


@pytest.fixture
def watched(built: Stack, tmp_path: Path) -> Iterator[Watched]:
    deployment = Watched(built, tmp_path)
    deployment.stack.compose("run", "--rm", "keys", "--observer", ADDRESSES[1], "--observer", ADDRESSES[2])
    try:
        deployment.stack.up()
        yield deployment
    finally:
        deployment.stack.down()
    assert deployment.stack.left() == ""


def test_a_halt_is_certified_although_an_observer_dies_and_its_recovery_names_it(watched: Watched) -> None:
    assert {name: watched.stack.health(name) for name in OBSERVERS} == {name: ["healthy"] for name in OBSERVERS}
    watched.become("healthy", *ADDRESSES[:3])
    assert "there is no certificate of main" in watched.operator("certificate", "main").stderr

    watched.call("evm_setIntervalMining", 0)
    watched.stack.compose("kill", OBSERVERS[0])
    halt = watched.certified("halt")
    assert {observation.observer for observation in halt.observations} == set(ADDRESSES[1:3])
    assert halt_of(halt).highest_head == int(watched.call("eth_blockNumber"), 16)
    watched.become("halted", *ADDRESSES[1:3])

    watched.call("evm_setIntervalMining", 1)
    recovery = watched.certified("recovery")
    assert {observation.halt_id for observation in recovery.observations} == {certificate_id(halt)}
    watched.become("healthy", *ADDRESSES[1:3])

    trusted = ("--policy", "/files/chains-0.toml")
    for command in (("/files/halt.json",), ("/files/recovery.json", "--halt", "/files/halt.json")):
        verified = watched.operator("verify", "certificate", *command, *trusted)
        assert (verified.returncode, verified.stdout.splitlines()[-1]) == (0, "the certificate holds"), verified
