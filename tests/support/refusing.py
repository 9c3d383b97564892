"""Upstreams that refuse us and repeat in their answers what they were sent, as careless ones do."""

import contextlib
import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler


class _Mail(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"220 careless.example\r\n")
        for line in self.rfile:
            said = line.strip()
            if said.upper().startswith(b"EHLO"):
                self.wfile.write(b"250-careless.example\r\n250 AUTH PLAIN LOGIN\r\n")
            elif said.upper().startswith(b"QUIT"):
                return
            else:
                self.wfile.write(b"535 5.7.8 refused: " + said + b"\r\n")


class _Models(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode(errors="replace")
        said = json.dumps({"error": {"message": f"Incorrect API key provided: {dict(self.headers)} {sent}"}}).encode()
        self.send_response(401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def careless_mail_server() -> Iterator[int]:
    """Take connections on this host, and no mail; yield the port."""
    with _serving(_Mail) as port:
        yield port


@contextlib.contextmanager
def careless_model_provider() -> Iterator[int]:
    """Answer every call with the key that came with it; yield the port."""
    with _serving(_Models) as port:
        yield port


@contextlib.contextmanager
def _serving(handler: type[socketserver.BaseRequestHandler]) -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
