"""The gateways that are compared, each started as one serving process in front of the same loopback provider.

The peers stand in `build/peers`, where `install` puts them: LiteLLM from PyPI, Portkey from npm, nginx from Debian's package,
unpacked. What is not there is left out, and the bench says so.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.product import free_port

PEERS = Path("build/peers")
MODELS = ("mock-50-0", "mock-40-1000")
_READY_SECONDS = 120
_LITELLM_KEY = "sk-bench-0000-1111-2222-3333"


@dataclass
class Serving:
    """A gateway that answers: where, by which headers, and which process it is."""

    name: str
    port: int
    pid: int
    prefix: str = ""
    keys: Sequence[Mapping[str, str]] = field(default_factory=lambda: [{}])

    def requests(self, model: str, *, stream: bool) -> list[str]:
        """Return whole requests of about a kilobyte, one for each key."""
        messages = [{"role": "user", "content": "What is the weather in Harrow today, and tomorrow? " * 18}]
        asked = {"model": self.prefix + model, "messages": messages, "max_tokens": 200}
        body = json.dumps(asked | ({"stream": True} if stream else {}), separators=(",", ":"))
        return [_request(self.port, body, headers) for headers in self.keys]

    def megabytes(self) -> float:
        """Return what the process and its children hold (PSS)."""
        return sum(_pss(pid) for pid in [self.pid, *_below(self.pid)])


def _request(port: int, body: str, headers: Mapping[str, str]) -> str:
    lines = {
        "Host": f"127.0.0.1:{port}", "Content-Type": "application/json", "Accept": "*/*",
        "Content-Length": str(len(body)), **headers,
    }  # fmt: skip
    return "POST /v1/chat/completions HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items()) + "\r\n" + body


@contextlib.contextmanager
def process(argv: Sequence[str], port: int, *, log: Path, **environment: str) -> Iterator[int]:
    """Start a program, wait until its port is open, end it at the end."""
    with log.open("wb") as out:
        child = subprocess.Popen(
            argv, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True,
            env={name: one for name, one in os.environ.items() if not name.startswith("APPLIANCE_")} | environment,
        )  # fmt: skip
    try:
        limit = time.monotonic() + _READY_SECONDS
        while not answers(port):
            if child.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(f"{argv[0]} did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.1)
        yield child.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def answers(port: int) -> bool:
    """Return whether somebody answers, whatever it is: a port may be open long before."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as probe:
            probe.sendall(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return probe.recv(100).startswith(b"HTTP/1.1 ")
    except OSError:
        return False


@contextlib.contextmanager
def provider(directory: Path) -> Iterator[Serving]:
    """Start the provider itself."""
    port = free_port()
    argv = [sys.executable, "-m", "tests.bench.loopback", str(port)]
    with process(argv, port, log=directory / "provider.log") as pid:
        yield Serving("direct", port, pid)


@contextlib.contextmanager
def litellm(directory: Path, upstream: int) -> Iterator[Serving]:
    """Start LiteLLM's proxy in its lightest mode: a master key, no database."""
    port, config = free_port(), directory / "litellm.yaml"
    entries = [
        {"model_name": name, "litellm_params": {"model": f"openai/{name}", "api_base": f"http://127.0.0.1:{upstream}/v1", "api_key": "sk-up"}}
        for name in MODELS
    ]  # fmt: skip
    config.write_text(json.dumps({
        "model_list": entries, "general_settings": {"master_key": _LITELLM_KEY},
        "litellm_settings": {"set_verbose": False, "request_timeout": 600, "telemetry": False},
    }))  # fmt: skip
    argv = [str(PEERS / "litellm/bin/litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]  # fmt: skip
    log = directory / "litellm.log"
    with process(argv, port, log=log, LITELLM_LOG="ERROR", NO_PROXY="127.0.0.1", LITELLM_LOCAL_MODEL_COST_MAP="True") as pid:  # fmt: skip
        yield Serving("litellm", port, pid, keys=[{"Authorization": f"Bearer {_LITELLM_KEY}"}])


@contextlib.contextmanager
def portkey(directory: Path, upstream: int) -> Iterator[Serving]:
    """Start Portkey's gateway."""
    port = free_port()
    script = PEERS / "portkey/node_modules/@portkey-ai/gateway/build/start-server.js"
    argv = ["node", str(script), f"--port={port}", "--headless"]
    headers = {
        "Authorization": "Bearer sk-up", "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"http://127.0.0.1:{upstream}/v1",
    }  # fmt: skip
    with process(argv, port, log=directory / "portkey.log", TRUSTED_CUSTOM_HOSTS="127.0.0.1,localhost") as pid:
        yield Serving("portkey", port, pid, keys=[headers])


@contextlib.contextmanager
def nginx(directory: Path, upstream: int) -> Iterator[Serving]:
    """Start nginx as a bare proxy with one worker."""
    port, place = free_port(), directory.resolve()
    temporary = "".join(
        f"{one}_temp_path {place}/nginx-{one};" for one in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (place / "nginx.conf").write_text(
        f"worker_processes 1; daemon off; user root; pid {place}/nginx.pid; error_log {place}/nginx.err;"
        "events { worker_connections 8192; } http { access_log off; keepalive_requests 1000000; client_body_buffer_size 64k;"
        f" {temporary} upstream up {{ server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 1000000; }}"
        f" server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ proxy_pass http://up; proxy_http_version 1.1;"
        ' proxy_set_header Connection ""; proxy_buffering off; proxy_read_timeout 600s; } } }'
    )
    argv = [str(PEERS / "nginx/root/usr/sbin/nginx"), "-c", str(place / "nginx.conf"), "-p", str(place)]
    with process(argv, port, log=directory / "nginx.log") as pid:
        yield Serving("nginx", port, pid)


def installed() -> dict[str, bool]:
    """Return which peers are there."""
    return {
        "litellm": (PEERS / "litellm/bin/litellm").exists(),
        "portkey": (PEERS / "portkey/node_modules/@portkey-ai/gateway/build/start-server.js").exists(),
        "nginx": (PEERS / "nginx/root/usr/sbin/nginx").exists(),
    }


def _below(pid: int) -> list[int]:
    try:
        found = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return found + [below for one in found for below in _below(one)]


def _pss(pid: int) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def cpu_seconds(pid: int) -> float:
    """Return what a process and its children took of the processors."""
    tick, took = os.sysconf("SC_CLK_TCK"), 0
    for one in [pid, *_below(pid)]:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            took += int(fields[11]) + int(fields[12])
    return took / tick
