"""The images of the deployment: those that docker-compose.yml names where they can be pulled, else stand-ins made here."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from tests.deploy.debian import Packages, Unavailable
from tests.deploy.engine import CACHE, Engine
from tests.servers import ROOT

NAMES = ("PYTHON_IMAGE", "NATS_IMAGE", "REDIS_IMAGE")
SYSTEM = ("base-files", "busybox-static", "ca-certificates", "python3-pip", "redis-server", "tini")
PULL_S, BUILD_S = 180, 240
STANDINS = Path(__file__).parent / "standins"


def base_images(engine: Engine) -> dict[str, str]:
    """Which images to use, as variables for compose."""
    chosen = {name: os.environ.get(name) or _default(name) for name in NAMES}
    if all(_present(engine, image) for image in chosen.values()):
        return chosen
    # Where we had to start an engine ourselves, nobody has set up a registry for it either.
    if not engine.ours and all(_pulled(engine, image) for image in chosen.values()):
        return chosen
    return _standins(engine)


def _default(name: str) -> str:
    match = re.search(rf"\$\{{{name}:-([^}}]+)\}}", (ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    assert match is not None, f"docker-compose.yml does not say which image {name} is"
    return match[1]


def _present(engine: Engine, image: str) -> bool:
    return engine.docker("image", "inspect", "--format", "{{.Id}}", image).returncode == 0


def _pulled(engine: Engine, image: str) -> bool:
    return engine.docker("pull", "--quiet", image, within_s=PULL_S).returncode == 0


def _standins(engine: Engine) -> dict[str, str]:
    try:
        packages = Packages(CACHE)
    except Unavailable as error:
        raise Unavailable(f"the images cannot be pulled, and to make stand-ins for them {error}") from None
    context = CACHE / "standins"
    packages.unpack(*SYSTEM, into=context / "system", bare=True)
    shutil.copy(Path(sys.executable).with_name("nats-server"), context)
    images = {name: f"jurymast-standin/{name.removesuffix('_IMAGE').lower()}" for name in NAMES}
    environment = {**images, "STANDINS": str(context), "STANDINS_DOCKERFILE": str(STANDINS / "Dockerfile")}
    engine.said("compose", "--file", str(STANDINS / "compose.yml"), "build", "--quiet", within_s=BUILD_S, **environment)
    return images
