"""The configuration of a NATS server in which every role may do what it is for, and nothing else. Pure text; no secrets in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jurymast.errors import Misconfigured
from jurymast.messages.channel import OPERATOR
from jurymast.permissions import EXTERNAL, PROVISIONER, Access, service_of, stored

MESH = "MESH"
"""The account that holds JetStream. The others are called like their role."""

ANSWER_WITHIN = "30s"
"""The server forgets where answers go after this long. Without it, it keeps a note of every pull for five minutes."""

Node = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Tls:
    """Paths as the server sees them."""

    cert: str
    key: str
    ca: str = ""


@dataclass(frozen=True, kw_only=True)
class Server:
    listen: str
    monitor: str
    """Plain HTTP without any login: keep it where only probes reach it."""
    websocket: str
    store: str
    tls: Tls | None = None


def nats_conf(server: Server, access: Access, public_keys: Mapping[str, str]) -> str:
    """`public_keys` has one for every role."""
    if missing := [role for role in access.roles if role not in public_keys]:
        raise Misconfigured(f"no key for {', '.join(missing)}")
    tls = _tls(server.tls) if server.tls else {}
    first = {**tls, "handshake_first": "auto"}  # Our clients begin with TLS, so that nobody in between can talk them out of it.
    websocket = {"listen": server.websocket, "compression": True, **({"tls": tls} if tls else {"no_tls": True})}
    return f"""\
# Generated from the messages, their owners and the stream table: change those, not this.
server_name: jurymast
listen: {_text(server.listen)}
http: {_text(server.monitor)}
max_payload: 1MB
logtime_utc: true
jetstream {{
  store_dir: {_text(server.store)}
  # Every acknowledged message is on disk. The default of two minutes loses acknowledged messages with the power.
  sync_interval: always
}}
{f"tls {_block(first)}" if tls else "# No TLS."}
websocket {_block(websocket)}
system_account: SYS
accounts {_block(accounts(access, public_keys))}
"""


def accounts(access: Access, public_keys: Mapping[str, str]) -> Node:
    """Nobody logs in to SYS. The operator is in the account of the streams; all others are in one of their own, from which single
    subjects lead to it and back."""
    services = {login: _service(access, login, public_keys) for login in access.logins}
    provisioner = _account(access, PROVISIONER, public_keys) | {
        "imports": [_import(MESH, subject) for subject in access.permissions(PROVISIONER).publish]
    }
    external = _account(access, EXTERNAL, public_keys, "WEBSOCKET") | {
        "imports": [
            {"stream": {"account": MESH, "subject": stored(channel.wildcard)}, "to": channel.wildcard}
            for channel in access.public
        ]
    }
    mesh = _account(access, OPERATOR, public_keys) | {
        "jetstream": "enabled",
        "exports": [*_mesh_exports(access), *_stored_exports(access)],
        "imports": list(_questions(access, OPERATOR)),
    }
    return {"SYS": {}, MESH: mesh, **services, PROVISIONER: provisioner, EXTERNAL: external}


def _service(access: Access, login: str, public_keys: Mapping[str, str]) -> Node:
    requests = [_import(MESH, subject) for subject in sorted(set(access.requested(login)))]
    return _account(access, login, public_keys) | {
        "exports": list(_answers(access, login)),
        "imports": [*requests, *_questions(access, login), *map(_hear, access.heard(login))],
    }


def _account(access: Access, role: str, public_keys: Mapping[str, str], *more_connections: str) -> Node:
    allowed = access.permissions(role)
    permissions = {
        "publish": {"allow": list(allowed.publish)} if allowed.publish else {"deny": [">"]},
        "subscribe": {"allow": list(allowed.subscribe)} if allowed.subscribe else {"deny": [">"]},
    }
    connections = ["STANDARD", *more_connections]
    return {"users": [{"nkey": public_keys[role], "permissions": permissions, "allowed_connection_types": connections}]}


def _mesh_exports(access: Access) -> Iterator[Node]:
    """What each account may ask of the streams."""
    importers: dict[str, list[str]] = {subject: [PROVISIONER] for subject in access.permissions(PROVISIONER).publish}
    for login in access.logins:
        for subject in access.requested(login):
            importers.setdefault(subject, []).append(login)
    pulled = {subject for login in access.logins for subject in access.pulled(login)}
    for subject, names in sorted(importers.items()):
        yield _export(subject, sorted(set(names)), many=subject in pulled)


def _stored_exports(access: Access) -> Iterator[Node]:
    """What is stored, to whoever may hear it."""
    hearers = {stored(channel.wildcard): [EXTERNAL] for channel in access.public}
    for login in access.logins:
        for subject in access.heard(login):
            hearers.setdefault(subject, []).append(login)
    for subject, logins in sorted(hearers.items()):
        yield {"stream": subject, "accounts": logins}


def _answers(access: Access, login: str) -> Iterator[Node]:
    """The questions that others may ask this service. Each of its replicas may answer."""
    for query in access.queries:
        logins = [[MESH] if asker == OPERATOR else access.logins_of(asker) for asker in query.askers]
        askers = [asker for each in logins for asker in each if asker != login]
        if askers and query.name in access.answered(login):
            yield _export(query.name, askers, many=True)


def _questions(access: Access, role: str) -> Iterator[Node]:
    for query in access.queries:
        if service_of(role) in query.askers:
            logins = (login for service in access.answerers(query) for login in access.logins_of(service))
            yield from (_import(login, query.name) for login in logins if login != role)


def _export(subject: str, accounts: list[str], *, many: bool) -> Node:
    answers = {"response_type": "stream"} if many else {}
    return {"service": subject, "accounts": accounts, **answers, "threshold": ANSWER_WITHIN}


def _import(account: str, subject: str) -> Node:
    return {"service": {"account": account, "subject": subject}}


def _hear(subject: str) -> Node:
    return {"stream": {"account": MESH, "subject": subject}}


def _tls(tls: Tls) -> Node:
    paths = {"cert_file": tls.cert, "key_file": tls.key, "ca_file": tls.ca}
    return {name: _checked(path) for name, path in paths.items() if path}


def _block(node: Node) -> str:
    """NATS reads JSON; this has one line for each of the innermost objects, for people."""
    return "\n".join(_lines(node, ""))


def _lines(node: Any, indent: str) -> Iterator[str]:
    flat = json.dumps(node, ensure_ascii=False)
    if len(indent) + len(flat) <= 120 or not isinstance(node, dict | list) or not node:
        yield flat
        return
    opening, closing = ("{", "}") if isinstance(node, dict) else ("[", "]")
    yield opening
    items = (
        [(f"{json.dumps(key)}: ", value) for key, value in node.items()] if isinstance(node, dict) else [("", v) for v in node]
    )
    for number, (key, value) in enumerate(items, 1):
        first, *rest = _lines(value, indent + "  ")
        block = [f"{indent}  {key}{first}", *rest]
        block[-1] += "," if number < len(items) else ""
        yield from block
    yield f"{indent}{closing}"


def _text(text: str) -> str:
    return json.dumps(_checked(text), ensure_ascii=False)


def _checked(text: str) -> str:
    if any(ord(character) < ord(" ") for character in text):
        raise Misconfigured(f"{text!r} holds control characters: choose another path")
    return text
