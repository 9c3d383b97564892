"""A witness: run by the customer on another host than the appliance, it remembers how far each audit log was, and co-signs.

It speaks the C2SP tlog-witness protocol: a log shows a signed checkpoint with the proof that it continues the one before, and
gets a cosignature/v1. A log that became shorter, or other than it was, gets none, for ever. Whoever holds the log's key and
its database can then still stop the log, or say nothing; not make it anew unseen.

    python3 witness.py init DIRECTORY witness.example.org/cloister     once: makes the key, prints its public half
    python3 witness.py serve DIRECTORY --listen 192.0.2.7:8443 --pin KEY --certificate cert.pem --certificate-key key.pem

Python 3.11 and openssl 3, nothing else. Signing is openssl's part: in Python alone the time that it takes would tell of the
key, to the very host that is not trusted. What is on disk is written and synced before a signature leaves.

Trusted: this host, its disk and clock. Not trusted: who connects. Without --pin the first key that a log shows is taken.
"""

import argparse
import base64
import contextlib
import fcntl
import hashlib
import ipaddress
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from appliance.proof.ed25519 import verify_ed25519
from appliance.proof.note import (
    COSIGNATURE,
    ED25519,
    Checkpoint,
    NoteBroken,
    PublicKey,
    cosign,
    endorsed,
    parse_checkpoint,
    parse_key,
    parse_note,
    signed_by,
)
from appliance.proof.tree import EMPTY_ROOT, is_consistent

_MOST_BYTES, _MOST_LOGS, _MOST_PROOF, _LONGEST_ORIGIN = 64_000, 100_000, 63, 500
_SECONDS = 20
_SIZE_TYPE = "text/x.tlog.size"


class NotWitnessed(Exception):
    """What was asked for is refused; the status says how."""

    def __init__(self, status: int, words: str, kind: str = "text/plain; charset=utf-8") -> None:
        super().__init__(words)
        self.status, self.words, self.kind = status, words, kind


@dataclass(frozen=True)
class Seen:
    """What is known of one log: its keys, the last in force, and the newest checkpoint, with our cosignature once it is made."""

    origin: str
    keys: tuple[PublicKey, ...]
    note: str | None = None

    def checkpoint(self) -> Checkpoint:
        """Return the newest one; of a log of which there is none yet, the empty one."""
        if self.note is None:
            return Checkpoint(self.origin, 0, EMPTY_ROOT)
        return parse_checkpoint(parse_note(self.note).text)


class Memory:
    """The witness's directory: its key, its name, and a file for each log. One process at a time has it."""

    def __init__(self, directory: Path, pins: frozenset[bytes] = frozenset()) -> None:
        self._directory, self._pins, self._turn = directory, pins, threading.Lock()
        name, pem = directory / "name", directory / "witness.pem"
        if not name.is_file() or not pem.is_file():
            raise SystemExit(f"{directory} has no witness's key. Make one with `init`, or bring back the one that was here.")
        (directory / "logs").mkdir(mode=0o700, exist_ok=True)
        self._lock = (directory / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SystemExit(f"Another witness works in {directory}.") from None
        self._pem = pem
        self.key = PublicKey(name.read_text(encoding="utf-8").strip(), COSIGNATURE, _public(pem))

    def close(self) -> None:
        """Let another process have it."""
        self._lock.close()

    def add_log(self, line: str) -> None:
        """Take a log up, if its key may be: the first one that it shows, or with pins one of those, or one they handed on to."""
        key = parse_key(line)
        with self._turn:
            known = self._read(key.name)
            if known is not None:
                if key.public not in {one.public for one in known.keys}:
                    raise NotWitnessed(403, "this log has another key here\n")
                return
            if key.kind != ED25519 or len(key.name) > _LONGEST_ORIGIN or not self._may(key.public):
                raise NotWitnessed(403, "no log with this key is taken up here\n")
            if sum(1 for _ in (self._directory / "logs").iterdir()) >= _MOST_LOGS:
                raise NotWitnessed(403, "there are too many logs here\n")
            self._write(Seen(key.name, (key,)))

    def add_key(self, origin: str, old: bytes, new: bytes, endorsement: bytes) -> None:
        """Take up the key that a log's key hands on to."""
        with self._turn:
            known = self._read(origin)
            if known is None:
                raise NotWitnessed(404, "no such log\n")
            if known.keys[-1].public == new:
                return
            if known.keys[-1].public != old or not verify_ed25519(old, endorsed(old, new), endorsement):
                raise NotWitnessed(403, "not handed on by the log's key\n")
            self._write(replace(known, keys=(*known.keys, PublicKey(origin, ED25519, new))))

    def add_checkpoint(self, old: int, proof: list[bytes], written: str) -> str:
        """Take the next checkpoint of a log, and return the line of the cosignature. Raises NotWitnessed."""
        note = parse_note(written)
        said = parse_checkpoint(note.text)
        with self._turn:
            known = self._read(said.origin)
            if known is None:
                raise NotWitnessed(404, "no such log\n")
            if signed_by(note, known.keys[-1:]) is None:
                raise NotWitnessed(403, "not signed by the log's key\n")
            if old > said.size:
                raise NotWitnessed(400, "the old size is larger than the new one\n")
            before = known.checkpoint()
            if old != before.size or (said.size == before.size and said.root != before.root):
                raise NotWitnessed(409, f"{before.size}\n", _SIZE_TYPE)
            if not is_consistent(before.size, said.size, before.root, said.root, proof):
                raise NotWitnessed(422, "the proof does not show that the log continues what was seen\n")
            is_seen = said == before and known.note is not None and _is_by(known.note, self.key)
            if not is_seen:
                self._write(replace(known, note=written))  # before a signature exists
            line = str(cosign(note.text, self.key, self._sign, at=int(time.time())))
            if not is_seen:  # what is kept says since when the log is as it is, and not when it was shown again
                self._write(replace(known, note=f"{note.text}\n{''.join(map(str, note.signatures))}{line}"))
        return line

    def last(self, origin: str) -> str:
        """Return the newest checkpoint of a log."""
        known = self._read(origin)
        if known is None or known.note is None:
            raise NotWitnessed(404, "no such log\n")
        return known.note

    def _may(self, public: bytes) -> bool:
        if not self._pins or public in self._pins:
            return True
        paths = (self._directory / "logs").iterdir()
        return any(public in {one.public for one in _seen(path).keys} for path in paths if path.suffix == ".json")

    def _read(self, origin: str) -> Seen | None:
        path = self._path(origin)
        return _seen(path) if path.exists() else None

    def _write(self, seen: Seen) -> None:
        content = {"origin": seen.origin, "keys": [str(one) for one in seen.keys], "note": seen.note}
        _write_down(self._path(seen.origin), json.dumps(content, indent=1).encode())

    def _path(self, origin: str) -> Path:
        return self._directory / "logs" / f"{hashlib.sha256(origin.encode()).hexdigest()}.json"

    def _sign(self, message: bytes) -> bytes:
        with tempfile.NamedTemporaryFile(dir=self._directory, prefix=".message-") as file:
            file.write(message)
            file.flush()
            return _openssl("pkeyutl", "-sign", "-inkey", str(self._pem), "-rawin", "-in", file.name)


def _is_by(note: str, key: PublicKey) -> bool:
    return any((one.name, one.key_id) == (key.name, key.key_id) for one in parse_note(note).signatures)


def _seen(path: Path) -> Seen:
    content = json.loads(path.read_bytes())
    return Seen(content["origin"], tuple(map(parse_key, content["keys"])), content["note"])


def _write_down(path: Path, content: bytes) -> None:
    """Put a file in its place so that after a crash either the old one or the new one is there, whole."""
    part = path.with_suffix(".part")
    part.touch(mode=0o600)
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _openssl(*arguments: str) -> bytes:
    done = subprocess.run(["/usr/bin/env", "openssl", *arguments], capture_output=True, check=False, timeout=_SECONDS)
    if done.returncode != 0:
        raise OSError(f"openssl {arguments[0]} failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _public(pem: Path) -> bytes:
    return _openssl("pkey", "-in", str(pem), "-pubout", "-outform", "DER")[-32:]


class _Door(BaseHTTPRequestHandler):
    """Reads a request, asks the memory, says what came of it."""

    memory: Memory
    timeout = _SECONDS
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self._answer(self._posted)

    def do_GET(self) -> None:
        self._answer(self._got)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's names
        sys.stderr.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {self.address_string()} {format % args}\n")

    def _posted(self) -> str:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or int(length) > _MOST_BYTES:
            self.close_connection = True
            raise NotWitnessed(413, "too large, or of no length\n")
        content = self.rfile.read(int(length)).decode()
        if self.path == "/add-checkpoint":
            head, _, note = content.partition("\n\n")
            first, *steps = head.split("\n")
            old = first.removeprefix("old ")
            if not first.startswith("old ") or not (old.isascii() and old.isdigit() and len(old) <= 20) or len(steps) > _MOST_PROOF:  # noqa: PLR2004 - digits of 2^64
                raise NotWitnessed(400, "not a request of tlog-witness\n")
            return self.memory.add_checkpoint(int(old), [base64.b64decode(one, validate=True) for one in steps], note)
        if self.path == "/add-log":
            self.memory.add_log(content)
            return ""
        if self.path == "/add-key":
            origin, *rest = content.rstrip("\n").split("\n")
            old_key, new_key, endorsement = map(bytes.fromhex, rest)
            self.memory.add_key(origin, old_key, new_key, endorsement)
            return ""
        raise NotWitnessed(404, "there is /add-checkpoint, /add-log and /add-key\n")

    def _got(self) -> str:
        at = urllib.parse.urlsplit(self.path)
        if at.path == "/":
            return f"{self.memory.key}\n"
        if at.path == "/checkpoint":
            return self.memory.last(urllib.parse.parse_qs(at.query).get("origin", [""])[0])
        raise NotWitnessed(404, "there is / and /checkpoint?origin=…\n")

    def _answer(self, ask: Any) -> None:
        status, kind = 200, "text/plain; charset=utf-8"
        try:
            said = ask()
        except NotWitnessed as refusal:
            status, said, kind = refusal.status, refusal.words, refusal.kind
        except (NoteBroken, ValueError):
            status, said = 400, "it cannot be read\n"
        except OSError as error:
            self.log_error("%s", error)
            status, said = 500, "the witness cannot write, or not sign\n"
        content = said.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def init(directory: Path, name: str) -> PublicKey:
    """Make a witness's key, once. Its name is one that no other witness has."""
    if not name or any(one in name for one in "+ \n\t"):
        raise SystemExit("The name of a witness has no blanks and no plus sign, such as witness.example.org/cloister.")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = directory / "witness.pem"
    if pem.exists():
        raise SystemExit(f"{pem} is there already.")
    _write_down(pem, _openssl("genpkey", "-algorithm", "ed25519"))
    pem.chmod(0o400)
    _write_down(directory / "name", f"{name}\n".encode())
    return PublicKey(name, COSIGNATURE, _public(pem))


@contextlib.contextmanager
def serving(
    directory: Path, listen: str, *, pins: frozenset[bytes] = frozenset(), certificate: tuple[str, str] | None = None
) -> Iterator[ThreadingHTTPServer]:
    """Open the witness's door; whoever enters the block serves."""
    memory = Memory(directory, pins)
    host, _, port = listen.rpartition(":")
    door = type("Door", (_Door,), {"memory": memory})
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = type("Server", (ThreadingHTTPServer,), {"daemon_threads": True, "address_family": family})
    with contextlib.closing(memory), kind((host.strip("[]"), int(port)), door) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            # The handshake is each connection's own thread's affair: one who says nothing holds up nobody.
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        yield server


def main(arguments: list[str] | None = None) -> None:
    """Make a witness's key, or serve."""
    parser = argparse.ArgumentParser(description="A witness of audit logs (C2SP tlog-witness). `init` once, then `serve`.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    made = verbs.add_parser("init", help="make the key, and print its public half")
    made.add_argument("directory", type=Path)
    made.add_argument("name", help="such as witness.example.org/cloister")
    served = verbs.add_parser("serve", help="answer logs")
    served.add_argument("directory", type=Path)
    served.add_argument("--listen", default="127.0.0.1:8090", metavar="ADDRESS:PORT")
    served.add_argument("--pin", action="append", default=[], metavar="KEY", help="a log's public key: none but logs with it")
    served.add_argument("--certificate", metavar="FILE", help="speak TLS with this certificate (PEM)")
    served.add_argument("--certificate-key", metavar="FILE", help="the certificate's private key")
    asked = parser.parse_args(arguments)
    if asked.verb == "init":
        sys.stdout.write(f"{init(asked.directory, asked.name)}\n")
        return
    host = asked.listen.rpartition(":")[0].strip("[]")
    if asked.certificate is None and not ipaddress.ip_address(host).is_loopback:
        sys.stderr.write("Without --certificate, who sits between can withhold checkpoints; forge a cosignature nobody can.\n")
    pair = (asked.certificate, asked.certificate_key) if asked.certificate else None
    pins = frozenset(parse_key(one).public for one in asked.pin)
    with serving(asked.directory, asked.listen, pins=pins, certificate=pair) as server:
        sys.stdout.write(f"listening on {asked.listen.rpartition(':')[0]}:{server.server_port}\n")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


if __name__ == "__main__":
    main()
