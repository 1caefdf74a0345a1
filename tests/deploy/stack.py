"""One deployment under test: compose's project, and what its containers are and say."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, TypeVar

from tests.deploy.engine import Engine

UP_S, DOWN_S, BUILD_S = 120, 90, 300
POLL_S = 0.2
HEALTH_PORT = 8080
CA_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
LABEL = "com.docker.compose.project"
_GET = """\
import sys, urllib.request, urllib.error
try:
    answer = urllib.request.urlopen(sys.argv[1], timeout=5)
except urllib.error.HTTPError as error:
    answer = error
print(answer.status, answer.read().decode())
"""

T = TypeVar("T")


def eventually(check: Callable[[], T], within_s: float, what: str) -> T:
    """The first true answer of `check`; fails when there is none in time."""
    until = time.monotonic() + within_s
    while not (answer := check()):
        assert time.monotonic() < until, f"{what} not within {within_s:g} s, last answer: {answer!r}"
        time.sleep(POLL_S)
    return answer


@dataclass(frozen=True)
class Stack:
    engine: Engine
    files: tuple[Path, ...]
    environment: dict[str, str]
    name: str = field(default_factory=lambda: f"jurymast-test-{secrets.token_hex(3)}")

    def variables(self) -> dict[str, str]:
        """With which plain `docker compose` means this deployment."""
        files = os.pathsep.join(map(str, self.files))
        return {
            **self.environment,
            "COMPOSE_FILE": files,
            "COMPOSE_PROJECT_NAME": self.name,
            "COMPOSE_PATH_SEPARATOR": os.pathsep,
        }

    def compose(self, *arguments: str, within_s: float = 60) -> str:
        return self.engine.said("compose", *arguments, within_s=within_s, **self.variables())

    def tried(self, *arguments: str, within_s: float = 60) -> CompletedProcess[str]:
        """What may fail."""
        return self.engine.docker("compose", *arguments, within_s=within_s, **self.variables())

    def config(self) -> dict[str, Any]:
        """As compose understands it: everything filled in, every default spelled out."""
        model: dict[str, Any] = json.loads(self.compose("--profile", "*", "config", "--format", "json"))
        return model

    def up(self, *arguments: str) -> float:
        """Seconds until everything is healthy."""
        begun = time.monotonic()
        done = self.tried("up", "--wait", *arguments, within_s=UP_S)
        assert done.returncode == 0, f"{done.stderr[-2000:]}\n{self.compose('logs', '--tail', '20')[-6000:]}"
        return time.monotonic() - begun

    def down(self) -> None:
        self.compose("--profile", "*", "down", "--volumes", "--remove-orphans", within_s=DOWN_S)

    def left(self) -> str:
        """Whatever of this project the engine still has."""
        mine = ("--filter", f"label={LABEL}={self.name}", "--quiet")
        listed = (("ps", "--all"), ("volume", "ls"), ("network", "ls"))
        return "\n".join(text for command in listed if (text := self.engine.said(*command, *mine)))

    # -- containers ----------------------------------------------------------------------------------------------------

    def containers(self, service: str) -> list[dict[str, Any]]:
        ids = self.compose("ps", "--all", "--quiet", service).split()
        inspected: list[dict[str, Any]] = json.loads(self.engine.said("inspect", *ids)) if ids else []
        return inspected

    def container(self, service: str) -> dict[str, Any]:
        (only,) = self.containers(service)
        return only

    def health(self, service: str) -> list[str]:
        return [container["State"].get("Health", {}).get("Status", "none") for container in self.containers(service)]

    def python(self, container: str, code: str, *arguments: str) -> str:
        """What a few lines of Python write inside a container."""
        return self.engine.said("exec", container, "python", "-c", code, *arguments)

    def get(self, container: str, path: str) -> tuple[int, str]:
        """A health endpoint, asked from inside: it is published to nobody."""
        status, _, body = self.python(container, _GET, f"http://127.0.0.1:{HEALTH_PORT}{path}").partition(" ")
        return int(status), body


def building(stack: Stack, directory: Path) -> Path:
    """A compose file that lets images be built with the host's network: our own engine gives containers no way out."""
    services = {
        name: {"build": {"network": "host"}} for name, service in stack.config()["services"].items() if "build" in service
    }
    path = directory / "build.json"
    path.write_text(json.dumps({"services": services}))
    return path


def certificates() -> str:
    """What this machine trusts: a build inside a container needs it where an index is reached through a machine of one's own."""
    named = (os.environ.get(name, "") for name in ("PIP_CERT", "SSL_CERT_FILE"))
    return next((path for path in (*named, *CA_BUNDLES) if path and Path(path).is_file()), "/dev/null")
