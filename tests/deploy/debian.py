"""Packages of the Debian release that runs here, or of a newer one, unpacked into a directory: nothing is installed.

apt works on lists and caches of its own in that directory, so the machine's are neither read nor changed.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

NEWER = "trixie"
"""The first release with version 2 of compose, which is one static program per plugin and runs on older ones too."""
APT_S, UNPACK_S = 180, 120
TRIES = 2
INSTALLED = "/var/lib/dpkg/status"
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Unavailable(Exception):
    """What the tests need cannot be had on this machine; the text says why."""


class Packages:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._release = platform.freedesktop_os_release() if Path("/etc/os-release").exists() else {}
        if self._release.get("ID") != "debian" or shutil.which("apt-get") is None:
            raise Unavailable("its packages are only fetched on Debian")

    def unpack(self, *names: str, into: Path, newer: bool = False, bare: bool = False) -> None:
        """The named packages and what they need that is not installed here; with `bare`, all that they need.

        Done once: a directory that holds them already is left as it is.
        """
        wanted = " ".join(names)
        done = into.with_suffix(".unpacked")
        if done.exists() and done.read_text() == wanted:
            return
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir(parents=True)
        for package in self._download(names, into.name, newer=newer, bare=bare):
            _run(["dpkg-deb", "--extract", str(package), str(into)], UNPACK_S, f"unpack {package.name}")
        shutil.rmtree(self._directory / "apt" / into.name)
        done.write_text(wanted)

    def _download(self, names: tuple[str, ...], purpose: str, *, newer: bool, bare: bool) -> list[Path]:
        own = self._directory / "apt" / purpose
        shutil.rmtree(own, ignore_errors=True)
        for folder in ("lists/partial", "cache/archives/partial"):
            (own / folder).mkdir(parents=True)
        (own / "status").write_bytes(b"" if bare else Path(INSTALLED).read_bytes())
        (own / "sources.list").write_text(self._source(NEWER if newer else self._release["VERSION_CODENAME"]))
        options = {
            "Dir::Etc::sourcelist": own / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State::lists": own / "lists",
            "Dir::State::status": own / "status",
            "Dir::Cache": own / "cache",
            "Acquire::Languages": "none",
            "Acquire::Retries": TRIES - 1,
            "Acquire::http::Timeout": 20,
            "APT::Sandbox::User": "root",
            "Debug::NoLocking": 1,
        }
        apt = ["apt-get", "--quiet=2", "--yes", *(part for key, value in options.items() for part in ("-o", f"{key}={value}"))]
        _run([*apt, "update"], APT_S, "fetch the package lists")
        _run([*apt, "install", "--no-install-recommends", "--download-only", *names], APT_S, f"fetch {' '.join(names)}")
        return sorted((own / "cache" / "archives").glob("*.deb"))

    def _source(self, release: str) -> str:
        """Where this machine gets its own release from, whoever else it gets packages from as well."""
        form = "$(CODENAME) $(COMPONENT) $(REPO_URI)"
        command = ["apt-get", "indextargets", "--format", form, "Created-By: Packages"]
        for line in _run(command, 30, "ask apt for its sources").splitlines():
            codename, component, uri = line.split()
            if (codename, component) == (self._release["VERSION_CODENAME"], "main"):
                return f"deb [signed-by={KEYS}] {uri} {release} main\n"
        raise Unavailable(f"apt has no source of {self._release['VERSION_CODENAME']} main")


def _run(command: list[str], within_s: float, what: str) -> str:
    try:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=within_s, check=False, env=environment)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"could not {what} within {within_s:g} s") from None
    if done.returncode != 0:
        reason = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
        raise Unavailable(f"could not {what}: {reason[-1]}")
    return done.stdout
