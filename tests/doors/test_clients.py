"""Real clients of both vendors, and what is built upon them, against a house whose models are a host that checks every request.

Each client is one process that runs all its cases and prints what came of them; the cases are in tests/clients.
"""

import base64
import hashlib
import json
import shutil
import struct
import subprocess
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from appliance import gateway
from tests.support.clients import ALIASES, CALLS, CLIENTS, INSTALLED, MODELS, SAID, cases
from tests.support.door import Door, door
from tests.support.house import Server
from tests.support.product import ROOT
from tests.support.upstreams import GIVEN, TEXT
from tests.support.vendor_host import VendorHost

SCRIPTS = ROOT / "tests" / "clients"


def png() -> bytes:
    def part(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(b"\x00\x7f")) + part(b"IEND", b"")


PICTURE = png()
EXPECTED: dict[str, Any] = {
    "tools": [*CALLS, SAID], "tools_stream": CALLS, "schema": GIVEN, "picture": f"seen {hashlib.sha256(PICTURE).hexdigest()[:8]}",
    "responses": SAID, "responses_stream": CALLS, "responses_schema": GIVEN, "embedding": [0.5, -0.25],
    "responses_picture": f"seen {hashlib.sha256(PICTURE).hexdigest()[:8]}", "cancel": TEXT[0],
    "whole": [SAID, 30], "stream": [SAID, 30],
}  # fmt: skip
STATUS = {"refused": (403, "must not be sent"), "busy": (429, "Slow down"), "bad_key": (401, "unknown, revoked")}


@dataclass
class Ran:
    """What came of all clients' cases."""

    at: Door
    host: VendorHost
    results: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def ran(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    assert (INSTALLED / ".installed").exists(), "The clients are not installed: make clients"
    directory = tmp_path_factory.mktemp("clients")
    with door(server, directory) as at:
        with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
            for name, model in ALIASES.items():
                gateway.set_alias(tx, at.ada.caller, name, [model])
        host = VendorHost()
        at.upstream.chooses = host
        given = {
            "url": at.address, "key": at.key, "models": MODELS, "aliases": list(ALIASES), "directory": str(directory),
            "picture": base64.b64encode(PICTURE).decode(),
        }  # fmt: skip
        yield Ran(at, host, asyncly(given, directory))


def asyncly(given: dict[str, Any], directory: Path) -> dict[str, dict[str, Any]]:
    """Start all clients, and return what they print."""
    for script in SCRIPTS.glob("*.mjs"):  # so that they find the packages beside them
        shutil.copy(script, INSTALLED / "npm")
    asked = directory / "given.json"
    asked.write_text(json.dumps(given))
    started = {}
    for name, client in CLIENTS.items():
        is_python = client.script.endswith(".py")
        program = [client.python, "-B"] if is_python else ["node"]
        script = (SCRIPTS if is_python else INSTALLED / "npm") / client.script
        with asked.open() as stdin:
            started[name] = subprocess.Popen(
                [*program, str(script)], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
    found = {}
    for name, process in started.items():
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err[-2000:]
        found[name] = json.loads(out)
    return found


def expected(client: str, case: str) -> Any:
    """Return what comes of a case; None for one that fails."""
    kind = case.rpartition(":")[2]
    return (
        [SAID, 30]
        if case.startswith("responses:") and kind in MODELS
        else CLIENTS[client].others.get(kind, EXPECTED.get(kind))
    )


CASES = list(cases())


@pytest.mark.parametrize(("client", "case"), CASES, ids=[f"{client}:{case}" for client, case in CASES])
def test_a_client_gets_what_its_vendor_would_give(ran: Ran, client: str, case: str) -> None:
    found, usual = ran.results[client][case], expected(client, case)
    if usual is not None:
        assert found == usual, (found, ran.host.faults[:1])
        return
    status, words = STATUS[case.rpartition(":")[2]]
    assert found["status"] == status, found
    assert words in found["said"]


def test_no_case_is_left_out(ran: Ran) -> None:
    assert set(CASES) == {(client, case) for client, cases in ran.results.items() for case in cases}


def test_every_request_was_what_the_vendors_publish(ran: Ran) -> None:
    assert ran.host.faults == []
    assert len(ran.at.upstream.asked) > 150


def test_whoever_stops_reading_ends_the_call_at_the_provider(ran: Ran) -> None:
    """All of them, and each is on record as cancelled."""
    stopped = sum(case.endswith(":cancel") for _, case in CASES)
    until = time.monotonic() + 10
    states = ["admitted"]
    while (len(ran.host.gone) < stopped or "admitted" in states) and time.monotonic() < until:
        time.sleep(0.05)
        states = [one["state"] for one in ran.at.calls(most=1000)]
    assert len(ran.host.gone) == stopped
    assert (states.count("cancelled"), states.count("admitted")) == (stopped, 0)


def test_what_is_refused_reaches_nobody(ran: Ran) -> None:
    assert not any(b"4111" in one.body for one in ran.at.upstream.asked)
