"""The gate beside LiteLLM, Portkey and nginx: one serving process each, the same provider on loopback, rounds in turn.

Ours with all that it does in earnest: key, policy, budget, hook, and a record that is committed before a byte leaves and
before the last one is given (Postgres with fsync). The peers do none of it, in their lightest modes.

`make bench ONLY=gateway`. The peers are installed by hand into build/peers, see deploy/docs/gateway.md.
"""

import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg

from appliance import budgets
from appliance.kernel import log
from appliance.ops import migrations
from appliance.ops.embedded_postgres import EmbeddedPostgres
from tests.bench.gateways import Serving, cpu_seconds, installed, litellm, nginx, portkey, process, provider
from tests.support.cluster import migrate
from tests.support.door import has_provider, key_of
from tests.support.house import House, Server
from tests.support.product import free_port

Result = dict[str, str | float]
ROUNDS, SECONDS, KEYS = 3, 4.0, 8
STREAMS, HELD = 1_000, "mock-40-1000"
GROWTH_CALLS = int(os.environ.get("BENCH_CALLS", "50000"))
_PEERS: dict[str, Callable[[Path, int], Any]] = {"nginx": nginx, "portkey": portkey, "litellm": litellm}


def run() -> list[Result]:
    """Start all, measure, compare."""
    log.configure(level="WARNING")
    sys.excepthook = sys.__excepthook__  # a bench may say where it broke
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        directory = Path(scratch)
        behind = stack.enter_context(provider(directory))
        ours = stack.enter_context(cloister(directory, behind.port))
        every = [behind, ours]
        for name, is_there in installed().items():
            if is_there:
                every.append(stack.enter_context(_PEERS[name](directory, behind.port)))
            else:
                print(f"{name} is not in build/peers, and left out", file=sys.stderr)
        found = measured(every)
        return [*told(found), *compared(found), *memory(ours)]


@contextlib.contextmanager
def cloister(directory: Path, upstream: int) -> Iterator[Serving]:
    """Start ours over a Postgres that syncs, with an organisation, a provider, a budget and keys."""
    with (
        EmbeddedPostgres(directory / "postgres", log=directory / "postgres.log") as postgres,
        psycopg.connect(postgres.url(), autocommit=True) as admin,
    ):
        admin.execute("CREATE DATABASE bench")
        server = Server(postgres, admin, dict.fromkeys(migrations.LOGIN_ROLES, "bench"), directory)
        migrate(server, "bench")
        house = House(server, "bench", directory, egress_allow=[f"127.0.0.1:{upstream}"])
        try:
            owner = house.founds("Bench", "bench@bench.example")
            has_provider(owner, "openai", f"http://127.0.0.1:{upstream}")
            with house.app.db.tenant(owner.tenant_id) as tx:
                budgets.set_budget(tx, owner.caller, monthly_tokens=10**14, clock=house.clock)
            keys = [{"Authorization": f"Bearer {key_of(owner)}"} for _ in range(KEYS)]
            environment = {
                "APPLIANCE_DATA_DIR": str(house.settings.data_dir), "APPLIANCE_DATABASE_URL": house.settings.database_url or "",
                "APPLIANCE_EGRESS_ALLOW": f"127.0.0.1:{upstream}", "APPLIANCE_API_REQUESTS_PER_MINUTE": "100000",
                "APPLIANCE_MODELS_DIR": str(house.settings.models_dir), "APPLIANCE_LOG_LEVEL": "INFO",
            }  # fmt: skip
            port = free_port()
            with process(serving(port), port, log=directory / "cloister.log", **environment) as pid:
                yield Serving("cloister", port, pid, prefix="openai/", keys=keys)
        finally:
            house.close()


def serving(port: int) -> list[str]:
    """Return the command that serves."""
    return [
        sys.executable, "-m", "gunicorn", "--config", "deploy/gateway.conf.py", "--bind", f"127.0.0.1:{port}",
        "appliance.wsgi:programs()",
    ]  # fmt: skip


Found = dict[tuple[str, str], list[dict[str, Any]]]


def measured(every: list[Serving]) -> Found:
    """Return each gateway's rounds by what was asked of it."""
    found: Found = {}
    for round_ in range(ROUNDS):
        for kind, connections, stream in (("c1", 1, False), ("c64", 64, False), ("stream.c1", 1, True), ("stream.c64", 64, True)):  # fmt: skip
            for one in every:
                before, busy = cpu_seconds(one.pid), os.getloadavg()[0]
                result = load(one, connections, stream=stream)
                took = cpu_seconds(one.pid) - before
                result["cpu_us"] = took * 1e6 / max(1, result["answers"] * (SECONDS + 1) / SECONDS)
                if result["faults"]:
                    print(f"{one.name} {kind}: {result['faults']}", file=sys.stderr)
                print(f"{round_} {kind} {one.name}: {result['rps']:.0f}/s, p50 {result['p50'] * 1000:.2f} ms, p99 {result['p99'] * 1000:.1f} ms, {result['cpu_us']:.0f} µs, load {busy:.1f}", file=sys.stderr)  # fmt: skip
                found.setdefault((kind, one.name), []).append(result)
    return found


def load(one: Serving, connections: int, *, stream: bool, seconds: float = SECONDS) -> dict[str, Any]:
    """Ask a gateway for some seconds, from a process of its own."""
    asked = {
        "port": one.port, "connections": connections, "seconds": seconds,
        "requests": one.requests("mock-50-0", stream=stream),
    }  # fmt: skip
    argv = [sys.executable, "-m", "tests.bench.load", json.dumps(asked)]
    answer: dict[str, Any] = json.loads(subprocess.run(argv, check=True, capture_output=True).stdout)
    return answer


def told(found: Found) -> list[Result]:
    """Return the medians."""
    results: list[Result] = []
    for (kind, name), rounds in found.items():
        results += [
            {"name": f"gateway.{kind}.{name}.rps", "value": _median(rounds, "rps"), "unit": "answers/s"},
            {"name": f"gateway.{kind}.{name}.p50", "value": _median(rounds, "p50") * 1000, "unit": "ms"},
            {"name": f"gateway.{kind}.{name}.p99", "value": _median(rounds, "p99") * 1000, "unit": "ms"},
            {"name": f"gateway.{kind}.{name}.cpu", "value": _median(rounds, "cpu_us"), "unit": "µs an answer"},
        ]
    return [*results, {"name": "gateway.load", "value": os.getloadavg()[0], "unit": "load average"}]


def compared(found: Found) -> list[Result]:
    """Return how ours stands against the peers that are there."""
    results: list[Result] = []

    def of(kind: str, name: str, what: str) -> float:
        return _median(found[kind, name], what)

    for peer in ("litellm", "portkey", "nginx"):
        if ("c64", peer) not in found:
            continue
        added = (of("c1", "cloister", "p50") - of("c1", "direct", "p50")) / max(
            1e-9, of("c1", peer, "p50") - of("c1", "direct", "p50")
        )
        results += [
            {"name": f"gateway.durable.rps_over_{peer}.c64", "value": of("c64", "cloister", "rps") / max(1e-9, of("c64", peer, "rps")), "unit": "times"},
            {"name": f"gateway.durable.added_p50_over_{peer}.c1", "value": added, "unit": "times"},
        ]  # fmt: skip
        if streams := of("stream.c64", peer, "rps"):  # one of them finishes none within the time
            value = of("stream.c64", "cloister", "rps") / streams
            results.append({"name": f"gateway.durable.streams_over_{peer}.c64", "value": value, "unit": "times"})
    return results


def memory(ours: Serving) -> list[Result]:
    """Return what many streams at once hold, and what many calls leave."""
    results = held_by_streams(ours)
    load(ours, 64, stream=False, seconds=5)
    before, made = ours.megabytes(), 0
    while made < GROWTH_CALLS:
        made += load(ours, 64, stream=False, seconds=20)["answers"]
    return [
        *results,
        {"name": f"gateway.memory_growth_{GROWTH_CALLS // 1000}k", "value": ours.megabytes() / before, "unit": "times"},
        {"name": "gateway.memory_growth.calls", "value": made, "unit": "calls"},
    ]


def held_by_streams(ours: Serving) -> list[Result]:
    """Return what many streams at once hold, beside what is held without any."""
    idle = ours.megabytes()
    held, begun = streams(ours)
    return [
        {"name": "gateway.idle.mb", "value": idle, "unit": "MB"},
        {"name": "gateway.stream.mb_for_1000", "value": held, "unit": "MB"},
        {"name": "gateway.stream.mb_more_for_1000", "value": held - idle, "unit": "MB"},
        {"name": "gateway.stream.begun_of_1000", "value": begun, "unit": "streams"},
    ]


def streams(ours: Serving) -> tuple[float, int]:
    """Hold many streams; return the memory meanwhile, and how many had begun."""
    requests, lines = ours.requests(HELD, stream=True), []
    for turn in range(STREAMS):
        line = socket.create_connection(("127.0.0.1", ours.port))
        line.sendall(requests[turn % len(requests)].encode())
        lines.append(line)
    limit, begun = time.monotonic() + 20, 0
    while time.monotonic() < limit:
        begun = sum(_has_begun(line) for line in lines)
        if begun == STREAMS:
            break
        time.sleep(0.5)
    held = ours.megabytes()
    for line in lines:
        line.close()
    time.sleep(3)
    return held, begun


def _has_begun(line: socket.socket) -> bool:
    try:
        return line.recv(15, socket.MSG_PEEK | socket.MSG_DONTWAIT).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def _median(rounds: list[dict[str, Any]], what: str) -> float:
    return float(statistics.median(one[what] for one in rounds))
