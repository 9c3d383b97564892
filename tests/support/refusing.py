"""An upstream that refuses us and repeats in its answer what it was sent, as careless ones do."""

import socketserver
import threading
from types import TracebackType
from typing import Self


class _Careless(socketserver.StreamRequestHandler):
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


class CarelessMailServer:
    """Takes connections on this host, and no mail."""

    def __enter__(self) -> Self:
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Careless)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
