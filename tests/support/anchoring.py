"""Peers outside the operator's reach: a witness as a process of its own, from its one file; a time-stamping authority of openssl's."""

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from appliance.proof.single import witness

_FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
_CONF = """
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
[tsa]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[tsa_config]
dir = {directory}
serial = $dir/serial
crypto_device = builtin
signer_cert = $dir/tsa.pem
certs = $dir/ca.pem
signer_key = $dir/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
"""


@dataclass
class Witness:
    """A running witness, of which the tests know what its owner does."""

    directory: Path
    key: str
    process: "subprocess.Popen[str]"
    address: str

    @property
    def entry(self) -> str:
        """How the settings name it."""
        return f"{self.address} {self.key}"

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        if self.process.stdout:
            self.process.stdout.close()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)
        if self.process.stdout:
            self.process.stdout.close()


def made_witness(directory: Path, *, name: str = "witness.example.org/test") -> tuple[Path, str]:
    """Make a witness as its owner would: the one file, and its key."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "witness.py"
    file.write_text(witness())
    done = subprocess.run(
        [sys.executable, "-I", str(file), "init", str(directory / "state"), name], capture_output=True, text=True, check=True
    )
    return file, done.stdout.strip()


def started(directory: Path, key: str, *, port: int = 0, pins: tuple[str, ...] = ()) -> Witness:
    """Start a witness that was made."""
    command = [
        sys.executable, "-I", str(directory / "witness.py"), "serve", str(directory / "state"),
        "--listen", f"127.0.0.1:{port}", *(part for pin in pins for part in ("--pin", pin)),
    ]  # fmt: skip
    with (directory / "log").open("a") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("listening on "), (directory / "log").read_text()
    return Witness(directory, key, process, f"http://{line.split()[-1]}")


@contextlib.contextmanager
def witnessing(directory: Path, *, pins: tuple[str, ...] = ()) -> Iterator[Witness]:
    """Run a witness."""
    _, key = made_witness(directory)
    peer = started(directory, key, pins=pins)
    try:
        yield peer
    finally:
        peer.stop()


@dataclass
class Authority:
    """A time-stamping authority behind HTTP; `later` is by how many seconds its clock is ahead. Its answers can be spoilt."""

    directory: Path
    address: str
    later: int = 0
    is_away: bool = False
    spoils: bool = False
    asked: list[bytes] = field(default_factory=list)

    @property
    def ca(self) -> Path:
        return self.directory / "ca.pem"

    def answer(self, request: bytes) -> bytes:
        """Return the time stamp, as `openssl ts` makes it."""
        number = len(self.asked)
        self.asked.append(request)
        query, reply = self.directory / f"{number}.tsq", self.directory / f"{number}.tsr"
        query.write_bytes(request)
        surroundings = dict(os.environ)
        if self.later:
            if _FAKETIME is None:
                pytest.skip("faketime is not installed: apt-get install faketime")
            surroundings |= {"LD_PRELOAD": str(_FAKETIME), "FAKETIME": f"+{self.later}s", "FAKETIME_DONT_RESET": "1"}
        _run("openssl", "ts", "-reply", "-config", str(self.directory / "conf"), "-section", "tsa_config",
             "-queryfile", str(query), "-out", str(reply), surroundings=surroundings)  # fmt: skip
        content = reply.read_bytes()
        return content[:-9] + bytes([content[-9] ^ 1]) + content[-8:] if self.spoils else content


def anchored(witness: Witness | None = None, authority: Authority | None = None) -> dict[str, object]:
    """Return the settings that name these anchors."""
    chosen: dict[str, object] = {"audit_anchors_allow": ["http://127.0.0.1:*"]}
    if witness is not None:
        chosen["audit_witnesses"] = [witness.entry]
    if authority is not None:
        chosen |= {"audit_time_stamps": authority.address, "audit_time_stamps_ca": authority.ca}
    return chosen


@contextlib.contextmanager
def stamping(directory: Path) -> Iterator[Authority]:
    """Run a time-stamping authority."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: apt-get install openssl")
    directory.mkdir(parents=True, exist_ok=True)
    _certificates(directory)
    authority = Authority(directory, "")

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == "application/timestamp-query"
            if authority.is_away:
                self.send_error(503)
                return
            content = authority.answer(request)
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        authority.address = f"http://127.0.0.1:{server.server_address[1]}/tsa"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield authority
        finally:
            server.shutdown()
            thread.join(10)


def _certificates(directory: Path) -> None:
    for name in ("ca", "tsa"):
        (directory / f"{name}.conf").write_text(_CONF.format(name=f"test {name}", directory=directory))
    (directory / "conf").write_text(_CONF.format(name="x", directory=directory))
    (directory / "serial").write_text("01\n")
    _run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "36500", "-config", str(directory / "ca.conf"),
         "-extensions", "ca", "-keyout", str(directory / "ca.key"), "-out", str(directory / "ca.pem"))  # fmt: skip
    _run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-config", str(directory / "tsa.conf"),
         "-keyout", str(directory / "tsa.key"), "-out", str(directory / "tsa.csr"))  # fmt: skip
    _run("openssl", "x509", "-req", "-in", str(directory / "tsa.csr"), "-CA", str(directory / "ca.pem"), "-CAkey",
         str(directory / "ca.key"), "-CAcreateserial", "-days", "36400", "-extfile", str(directory / "tsa.conf"),
         "-extensions", "tsa", "-out", str(directory / "tsa.pem"))  # fmt: skip


def _run(*command: str, surroundings: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, capture_output=True, env=surroundings, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
