"""The whole product as a child process, and a client that uses it as a browser would."""

import contextlib
import html
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from unittest import mock

import httpx2
from click.testing import CliRunner, Result

from appliance import cli
from appliance.cli.failures import words_for

if TYPE_CHECKING:
    from tests.support.cluster import Cluster

ROOT = Path(__file__).parents[2]
PASSWORD = "a long and private sentence"
_LINK = re.compile(r"(http://\S+/setup\?link=\S+)|(http://\S+:\d+/)\s*$", re.MULTILINE)


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Product:
    """`appliance run` in a data directory of its own.

    Its database's files are a copy of what an earlier first start left, unless it starts `from_nothing`.
    """

    cluster: "Cluster | None" = None

    def __init__(self, data_dir: Path, *, port: int | None = None, from_nothing: bool = False, **settings: str) -> None:
        self.data_dir, self.port = data_dir, port or free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.output: list[str] = []
        self.link = ""
        self._settings = settings
        self._from_nothing = from_nothing or "database_url" in settings
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def environment(self) -> dict[str, str]:
        """Return the environment for any command on this product."""
        own = {"APPLIANCE_DATA_DIR": str(self.data_dir), "APPLIANCE_PORT": str(self.port)}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("APPLIANCE_")}
        return kept | own | {f"APPLIANCE_{name.upper()}": value for name, value in self._settings.items()}

    def start(self, *, seconds: float = 120) -> None:
        """Start, and wait for the line with the URL."""
        if self.cluster and not self._from_nothing and not self.data_dir.exists():
            self.cluster.copy(self.data_dir / "postgres")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "appliance", "run"], cwd=ROOT, env=self.environment(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self.output = []
        threading.Thread(target=_drain, args=(self._process, self.output.append), daemon=True).start()
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            if found := _LINK.search("".join(self.output)):
                self.link = found[1] or found[2]
                return
            if self._process.poll() is not None:
                raise RuntimeError("the product did not start:\n" + "".join(self.output))
            time.sleep(0.05)
        raise RuntimeError("the product did not become ready:\n" + "".join(self.output))

    def stop(self) -> int:
        """Ctrl-C; return the exit code."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            return self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    def kill(self) -> None:
        """kill -9 of the parent."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run another `appliance` command on the same data directory."""
        return subprocess.run(
            [sys.executable, "-m", "appliance", *arguments], cwd=ROOT, env=self.environment(), text=True,
            capture_output=True, timeout=120, check=False,
        )  # fmt: skip

    def types(self, *arguments: str) -> Result:
        """Run a command in this process: for what has to be there, where the console is not what is tested."""
        done = self._run_here(arguments)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done

    def tells(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command in this process, and say what `command` would: a process of its own takes two seconds to load."""
        done = self._run_here(arguments)
        said = ""
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            found = words_for(done.exception) if isinstance(done.exception, Exception) else None
            if found is None:
                raise done.exception
            said = f"{found}\n"
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr + said)

    def _run_here(self, arguments: Sequence[str]) -> Result:
        strange: dict[str, str | None] = {name: None for name in os.environ if name.startswith("APPLIANCE_")}
        own = {name: value for name, value in self.environment().items() if name.startswith("APPLIANCE_")}
        with _as_logs_are():
            return CliRunner().invoke(cli.group, arguments, env=strange | own)


@dataclass
class Answer:
    """A streamed answer, as it arrived."""

    text: str = ""
    pieces: int = 0
    outcome: str = ""
    citations: list[dict[str, Any]] = field(default_factory=list)
    refused: dict[str, Any] | None = None


class Person:
    """Somebody with a browser."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.http = httpx2.Client(
            base_url=address, timeout=120, trust_env=False, limits=httpx2.Limits(max_keepalive_connections=0)
        )

    def sets_up(self, link: str, *, organisation: str = "Harrow Textiles", email: str = "ada@harrow.example") -> Self:
        """Open the set-up link and create organisation and owner."""
        page = self.http.get(link)
        form = {"organisation": organisation, "name": "Ada", "email": email, "password": PASSWORD, "again": PASSWORD}
        form |= {"link": link.partition("link=")[2], "csrf": csrf(page.text)}
        answer = self.http.post("/setup", data=form)
        assert answer.status_code == 303, answer.text
        return self

    def signs_in(self, email: str, password: str = PASSWORD) -> "httpx2.Response":
        """Sign in; return the answer."""
        token = csrf(self.http.get("/sign-in").text)
        return self.http.post("/sign-in", data={"email": email, "password": password, "csrf": token})

    def posts(self, path: str, **form: str) -> "httpx2.Response":
        """Send a form from a page of ours."""
        return self.http.post(path, data={**form, "csrf": csrf(self.http.get("/account").text)})

    def uploads(self, *files: Path) -> list[dict[str, Any]]:
        """Upload; return what was received."""
        contents = [("files", (path.name, path.read_bytes())) for path in files]
        headers = {"Accept": "application/json", "X-CSRF-Token": csrf(self.http.get("/documents").text)}
        answer = self.http.post("/documents", files=contents, headers=headers)
        assert answer.status_code == 202, answer.text
        received: list[dict[str, Any]] = answer.json()["documents"]
        return received

    def documents(self) -> list[dict[str, Any]]:
        """Return the list of documents."""
        listed: list[dict[str, Any]] = self.http.get("/documents", headers={"Accept": "application/json"}).json()[
            "documents"
        ]
        return listed

    def waits_for(self, *ids: str, seconds: float = 300) -> list[dict[str, Any]]:
        """Wait until these documents are ready, failed or held back."""
        limit = time.monotonic() + seconds
        found: list[dict[str, Any]] = []
        while time.monotonic() < limit:
            with contextlib.suppress(httpx2.TransportError):  # a killed web server is back in a moment
                found = [document for document in self.documents() if document["id"] in ids]
            if len(found) == len(set(ids)) and all(
                d["status"] in {"ready", "failed", "quarantined", "incomplete", "blocked"} for d in found
            ):
                return found
            time.sleep(0.3)
        raise TimeoutError(f"documents not settled: {found}")

    def starts_conversation(self) -> str:
        """Start a conversation with the first chatbot; return its path."""
        page = self.http.get("/chat").text
        chatbot = re.search(r'name="chatbot_id" value="([^"]+)"', page)
        assert chatbot is not None
        answer = self.http.post("/chat", data={"chatbot_id": chatbot[1], "csrf": csrf(page)})
        return str(answer.headers["Location"])

    def asks(self, question: str, *, conversation: str | None = None) -> Answer:
        """Ask, and read the stream to its end."""
        path = conversation or self.starts_conversation()
        form = {"question": question, "csrf": csrf(self.http.get(path).text)}
        answer = Answer()
        with self.http.stream("POST", f"{path}/messages", data=form, headers={"Accept": "text/event-stream"}) as stream:
            for name, members in _events(stream.iter_lines()):
                if name == "delta":
                    answer.text += members["text"]
                    answer.pieces += 1
                elif name == "citation":
                    answer.citations.append(members)
                elif name == "done":
                    answer.outcome = members["outcome"]
                elif name == "refused":
                    answer.refused = members
        return answer


def csrf(page: str) -> str:
    """Return the token of a page."""
    found = re.search(r'<meta name="csrf" content="([^"]+)"', page)
    assert found is not None, page[:500]
    return html.unescape(found[1])


def _events(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    name = ""
    for line in lines:
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, json.loads(line[6:])


def _drain(process: "subprocess.Popen[str]", hears: Callable[[str], None]) -> None:
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            hears(line)


@contextlib.contextmanager
def _as_logs_are() -> Iterator[None]:
    """A command sets up the logs of its process; this one has those of the tests."""
    root, hooks = logging.getLogger(), (sys.excepthook, threading.excepthook, sys.unraisablehook)
    handlers, level = root.handlers[:], root.level
    try:
        with mock.patch("structlog.configure"):
            yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
