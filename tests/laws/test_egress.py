"""A law: what leaves this host leaves through kernel/egress. Whatever else knows of sockets is named here, with its reason."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support.product import ROOT

WAYS_OUT = {
    "_socket", "aiohttp", "anyio", "asyncssh", "boto3", "botocore", "ftplib", "gevent", "grpc", "h11", "h2", "http.client", "httplib2",
    "httpcore", "httpcore2", "httpx", "httpx2", "imaplib", "nntplib", "paramiko", "poplib", "pycurl", "requests", "smtplib", "socket",
    "socketserver", "ssl", "telnetlib", "trio", "urllib.request", "urllib3", "websocket", "websockets", "xmlrpc", "xmlrpc.client",
}  # fmt: skip
CALLS_OUT = {"open_connection", "open_unix_connection", "create_connection", "sock_connect", "urlopen", "urlretrieve"}

NAMED = {
    "appliance/api/beside.py": ({"gevent"}, "computes in threads beside the loop; opens no socket"),
    "appliance/api/hanging_up.py": ({"gevent", "socket"}, "looks whether those who came in are still there; connects to nothing"),
    "appliance/greenlets.py": ({"socket"}, "serves those who came in; connects to nothing"),
    "appliance/kernel/mail.py": (
        {"smtplib", "ssl"}, "mail goes to the one server that the operator's settings name; it speaks SMTP, which egress does not"
    ),
    "appliance/kernel/sftp.py": (
        {"paramiko", "socket"}, "speaks SFTP over a socket that egress opened and judged; connects to nothing"
    ),
    "appliance/ops/readiness.py": ({"urllib.request"}, "asks our own web process on this host whether it is ready"),
    "appliance/ops/preflight.py": ({"socket"}, "tries whether the port to listen on is free; connects to nothing"),
    "appliance/proof/witness.py": ({"socket", "ssl"}, "the witness serves those who come to it, on another host; connects to nothing"),
    "appliance/slow_clients.py": ({"socket"}, "the sockets of those who came in"),
    "appliance/vault/providing/checks.py": (
        {"httpx2", "ssl"}, "the types of the client that egress makes, and of what fails in TLS"
    ),
    "appliance/vault/roots/calls.py": ({"httpx2"}, "the types of the client that egress makes"),
    "appliance/vault/roots/kms.py": ({"httpx2"}, "the types of the client that egress makes"),
    "appliance/vault/roots/transit.py": ({"httpx2"}, "the types of the client that egress makes"),
}  # fmt: skip
TYPES_ALONE = {"Client", "HTTPError", "InvalidURL", "Response", "codes"}


def files() -> Iterator[Path]:
    for top in ("appliance", "migrations"):
        for path in sorted((ROOT / top).rglob("*.py")):
            if not path.is_relative_to(ROOT / "appliance" / "kernel" / "egress"):
                yield path


def imported(tree: ast.AST) -> set[str]:
    """Return the ways out that are imported, by statement or by a call with a literal name."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in {"__import__", "import_module"}:
                names.add(str(node.args[0].value))
    return {way for way in WAYS_OUT for name in names if name == way or name.startswith(f"{way}.")}


def test_nothing_else_opens_sockets() -> None:
    found = {str(path.relative_to(ROOT)): ways for path in files() if (ways := imported(ast.parse(path.read_text())))}

    assert found == {name: ways for name, (ways, _) in NAMED.items()}


def test_nothing_else_calls_out_by_the_event_loop() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in files()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in CALLS_OUT
    }
    assert found == set()


def test_who_knows_httpx2_makes_no_client_of_it() -> None:
    for name, (ways, _) in NAMED.items():
        if "httpx2" not in ways:
            continue
        tree = ast.parse((ROOT / name).read_text())
        used = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "httpx2"
        }
        made = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name) and node.func.value.id == "httpx2"
        ]  # fmt: skip
        assert used <= TYPES_ALONE
        assert made == []


def test_the_law_sees_what_it_forbids() -> None:
    for line in (
        "import socket", "import urllib.request as u", "from urllib import request", "from http.client import HTTPConnection", "import httpx2",
        "from http import client", "import importlib; importlib.import_module('requests')", "__import__('socket')", "import urllib3.util",
        "def f():\n    import smtplib",
    ):  # fmt: skip
        assert imported(ast.parse(line)), line
    assert imported(ast.parse("import urllib.parse; from http import HTTPStatus; import selectors")) == set()
