"""Settings: one frozen object per service, read once from the environment, wrong in one clear error or right.

Field `nats_url` is read from `JURYMAST_NATS_URL`, or from the file that `JURYMAST_NATS_URL_FILE` names (for secrets).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from jurymast.errors import Misconfigured

PREFIX = "JURYMAST_"

LAST_PORT = 65_535

_SERVER = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?/?"
_BARE_SERVER = re.compile(f"(?:(?:nats|tls)://)?{_SERVER}")
_LOGIN_SERVER = re.compile(f"(?P<scheme>(?:nats|tls)://)[^\\s,/?#]+@(?P<server>{_SERVER})")
_UP_TO_THE_HOST = re.compile(r"^([a-z][a-z0-9+.-]*://)?.*@", re.DOTALL)

Port = Annotated[int, msgspec.Meta(ge=0, le=LAST_PORT)]


class Secret(str):
    """A string that does not show itself by accident."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(***)"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every service's settings: what the frame itself needs."""

    nats_url: str = "nats://127.0.0.1:4222"
    """Comma-separated for a cluster; tls:// for a server with a certificate."""
    nats_seed: Secret = Secret("")
    """The nkey seed of this service, where the server asks for one."""
    nats_ca: str = ""
    """File with the certificate of the CA that NATS's certificate is from; the system's own when empty."""
    http_host: str = "127.0.0.1"
    http_port: Port = 0
    """For the health endpoints; 0 takes a free one."""
    log_level: str = "info"
    drain_s: Annotated[float, msgspec.Meta(gt=0, le=300)] = 10.0
    """How long running handlers may take to finish after SIGTERM."""
    otlp_endpoint: str = ""
    """OpenTelemetry collector (HTTP); traces are only exported when it is set."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({redacted(self)})"


S = TypeVar("S", bound=Settings)


def load(cls: type[S], environ: Mapping[str, str]) -> S:
    """The settings, or `Misconfigured` naming every variable that is wrong."""
    values: dict[str, Any] = {}
    problems: list[str] = []
    for field in msgspec.structs.fields(cls):
        variable = PREFIX + field.name.upper()
        try:
            if (text := _text(variable, environ)) is not None:
                values[field.name] = _convert(text, field.type)
                if field.name == "nats_url":
                    nats_servers(text)
            elif field.required:
                problems.append(f"{variable} is not set (or {variable}_FILE, for a file that holds it)")
        except (OSError, ValueError) as error:
            problems.append(f"{variable}: {error}")
    if problems:
        raise Misconfigured("; ".join(problems))
    return cls(**values)


def redacted(settings: Settings) -> dict[str, Any]:
    """For logs and health pages: everything but the secrets, credentials inside URLs included."""
    return {
        name: "***" if isinstance(value, Secret) else without_credentials(value)
        for name, value in ((field, getattr(settings, field)) for field in settings.__struct_fields__)
    }


def _text(variable: str, environ: Mapping[str, str]) -> str | None:
    path = environ.get(f"{variable}_FILE")
    if path is None:
        return environ.get(variable)
    if variable in environ:
        raise ValueError(f"both {variable} and {variable}_FILE are set: keep one")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise ValueError(f"{variable}_FILE: {path} is not a text file") from None
    except OSError as error:
        raise OSError(f"cannot read {variable}_FILE {path}: {error.strerror}") from None


def _convert(text: str, kind: Any) -> Any:
    try:
        return msgspec.convert(text, kind, strict=False, dec_hook=lambda _, secret: Secret(secret))
    except msgspec.ValidationError as error:
        raise ValueError(f"{without_credentials(text)!r} will not do: {error}") from None


def nats_servers(urls: str) -> list[str]:
    """One by one, or `ValueError`, which shows none of them.

    Either all carry a login or none does: then no part of a password passes for a server.
    """
    servers = urls.split(",")
    for kind in (_BARE_SERVER, _LOGIN_SERVER):
        if all((server := kind.fullmatch(text)) and int(server["port"] or 0) <= LAST_PORT for text in servers):
            return servers
    raise ValueError(
        "not the URL of a NATS server, [nats://]host[:port] or nats://user:password@host[:port], "
        "nor several with commas between, all or none with a login; a password has no space and none of , / ? #"
    )


def without_credentials(value: Any) -> Any:
    """Where it is not sure which part is the password, rather too little is left."""
    if not isinstance(value, str):
        return value
    servers = [_LOGIN_SERVER.fullmatch(text) for text in value.split(",")]
    if all(servers):
        return ",".join(server["scheme"] + server["server"] for server in servers if server)
    return _UP_TO_THE_HOST.sub(r"\1", value)
