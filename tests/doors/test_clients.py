"""Real clients of both vendors, and what is built upon them, against a house whose models are a host that checks every request.

Each client is one process that runs all its cases and prints what came of them; the cases are in tests/clients.
"""

import base64
import hashlib
import json
import shutil
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from appliance import gateway
from tests.support.door import Door, door
from tests.support.house import Server
from tests.support.upstreams import GIVEN, TEXT
from tests.support.vendor_host import VendorHost

ROOT = Path(__file__).parents[2]
SCRIPTS, INSTALLED = ROOT / "tests" / "clients", ROOT / "build" / "clients"
MODELS = ("openai/gpt-6", "anthropic/claude-opus-5")
# The plug-in of `llm` for Anthropic knows Claude's names alone, so an alias leads each to a model.
ALIASES = {"claude-sonnet-4-5": MODELS[1], "claude-opus-4-6": MODELS[0]}
CALLS = [["weather", GIVEN], ["now", {}]]
SAID = "".join(TEXT)


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
BASIC = ("whole", "stream", "tools", "tools_stream", "picture", "schema", "refused", "busy", "bad_key")


@dataclass(frozen=True)
class Client:
    """A script, what its cases are called before the model's name, and those that differ from what is usual."""

    script: str
    python: str = sys.executable
    prefixes: tuple[str, ...] = ("",)
    cases: tuple[str, ...] = (*BASIC, "cancel")
    models: tuple[str, ...] = MODELS
    others: Mapping[str, Any] = field(default_factory=dict)


# An environment of their own: some of them need older versions of the vendors' clients than those that are tested here.
OTHERS = str(INSTALLED / "python" / "bin" / "python")
RESPONSES = ("responses", "responses_stream")
IN_ALL: dict[str, Any] = {"whole": [SAID, 130], "stream": [SAID, 130]}
CLIENTS = {
    "openai-python": Client(
        "openai_python.py", cases=(*BASIC, "cancel", *RESPONSES, "responses_schema", "responses_picture"), others=IN_ALL
    ),
    "anthropic-python": Client("anthropic_python.py"),
    "langchain": Client("langchain_python.py", OTHERS, ("openai:", "anthropic:")),
    "llm": Client(
        "llm_python.py",
        OTHERS,
        cases=tuple(one for one in BASIC if one != "busy"),
        models=(*MODELS, *ALIASES),
        others={"tools": CALLS},
    ),
    "openai-node": Client("openai_node.mjs", cases=(*BASIC, "cancel", *RESPONSES), others=IN_ALL),
    "anthropic-node": Client("anthropic_node.mjs"),
    "ai-sdk": Client("ai_node.mjs", prefixes=("chat:", "responses:", "messages:")),
}


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


CASES = [
    (name, f"{prefix}{model}:{case}", client.others.get(case, EXPECTED.get(case)))
    for name, client in CLIENTS.items()
    for prefix in client.prefixes
    for model in client.models
    for case in client.cases
] + [("openai-python", "embedding", EXPECTED["embedding"]), ("langchain", "embedding", EXPECTED["embedding"])]
CASES.append(("llm", "busy", None))  # once: it tries again for seconds, and cannot be told not to
CASES += [("langchain", f"responses:{model}", [SAID, 30]) for model in MODELS]


@pytest.mark.parametrize(("client", "case", "expected"), CASES, ids=[f"{client}:{case}" for client, case, _ in CASES])
def test_a_client_gets_what_its_vendor_would_give(ran: Ran, client: str, case: str, expected: Any) -> None:
    found = ran.results[client][case]
    if expected is not None:
        assert found == expected, (found, ran.host.faults[:1])
        return
    status, words = STATUS[case.rpartition(":")[2]]
    assert found["status"] == status, found
    assert words in found["said"]


def test_no_case_is_left_out(ran: Ran) -> None:
    named = {(client, case) for client, case, _ in CASES}
    assert named == {(client, case) for client, cases in ran.results.items() for case in cases}


def test_every_request_was_what_the_vendors_publish(ran: Ran) -> None:
    assert ran.host.faults == []
    assert len(ran.at.upstream.asked) > 150


def test_whoever_stops_reading_ends_the_call_at_the_provider(ran: Ran) -> None:
    """All of them, and each is on record as cancelled."""
    expected = sum(case.endswith(":cancel") for _, case, _ in CASES)
    until = time.monotonic() + 2
    while len(ran.host.gone) < expected and time.monotonic() < until:
        time.sleep(0.02)
    assert len(ran.host.gone) == expected
    states = [one["state"] for one in ran.at.calls(most=1000)]
    assert (states.count("cancelled"), states.count("admitted")) == (expected, 0)


def test_what_is_refused_reaches_nobody(ran: Ran) -> None:
    assert not any(b"4111" in one.body for one in ran.at.upstream.asked)
