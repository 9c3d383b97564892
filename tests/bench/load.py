"""Clients on raw sockets and epoll, in one process: how many answers a second, and how long each takes.

`python -m tests.bench.load '{"port": …, "connections": 64, "seconds": 5, "requests": ["…", …]}'` prints one JSON object.
Requests are whole, as they go over the line; a connection sends them in turn.
"""

import json
import re
import select
import socket
import sys
import time
from dataclasses import dataclass, field
from typing import Any

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_LAST = b"0\r\n\r\n"


@dataclass
class Client:
    """A connection, and the answer that it waits for."""

    sock: socket.socket
    turn: int
    sent: float = 0.0
    first: float = 0.0
    came: bytearray = field(default_factory=bytearray)
    need: int = -1
    head: int = 0


class Load:
    """Asks, and counts."""

    def __init__(self, port: int, connections: int, requests: list[bytes]) -> None:
        self._port, self._requests = port, requests
        self._poller = select.epoll()
        self._clients: dict[int, Client] = {}
        self.times: list[float] = []
        self.firsts: list[float] = []
        self.faults: dict[str, int] = {}
        self.events = 0
        for turn in range(connections):
            self._connect(turn)

    def run(self, seconds: float) -> float:
        """Ask for so long; return how long it was."""
        began = time.perf_counter()
        for client in list(self._clients.values()):
            self._ask(client)
        while (now := time.perf_counter()) - began < seconds:
            for number, _ in self._poller.poll(min(0.1, seconds - (now - began))):
                self._read(self._clients[number])
        return time.perf_counter() - began

    def _connect(self, turn: int) -> Client:
        sock = socket.create_connection(("127.0.0.1", self._port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = self._clients[sock.fileno()] = Client(sock, turn)
        self._poller.register(sock, select.EPOLLIN)
        return client

    def _ask(self, client: Client) -> None:
        client.came.clear()
        client.need, client.first = -1, 0.0
        client.sent = time.perf_counter()
        client.sock.sendall(self._requests[client.turn % len(self._requests)])

    def _read(self, client: Client) -> None:
        try:
            came = client.sock.recv(262_144)
        except OSError:
            came = b""
        if not came:
            self._lost(client)
            return
        client.first = client.first or time.perf_counter()
        client.came += came
        if _is_whole(client):
            self._note(client)
            self._ask(client)

    def _note(self, client: Client) -> None:
        status = bytes(client.came[9:12]).decode()
        if status != "200":
            self.faults[status] = self.faults.get(status, 0) + 1
            return
        self.times.append(time.perf_counter() - client.sent)
        self.firsts.append(client.first - client.sent)
        self.events += client.came.count(b"data: ")

    def _lost(self, client: Client) -> None:
        self.faults["lost"] = self.faults.get("lost", 0) + 1
        del self._clients[client.sock.fileno()]
        self._poller.unregister(client.sock)
        client.sock.close()
        time.sleep(0.01)
        self._ask(self._connect(client.turn))


def _is_whole(client: Client) -> bool:
    if client.need < 0:
        end = client.came.find(b"\r\n\r\n")
        if end < 0:
            return False
        found = _LENGTH.search(client.came, 0, end + 2)
        client.head, client.need = end + 4, end + 4 + int(found[1]) if found else 0
    if client.need:
        return len(client.came) >= client.need
    return len(client.came) > client.head and client.came.endswith(_LAST)


def told(load: Load, took: float) -> dict[str, Any]:
    """Return what was measured, in seconds and answers a second."""
    times, firsts = sorted(load.times), sorted(load.firsts)

    def at(found: list[float], share: float) -> float:
        return found[min(len(found) - 1, int(len(found) * share))] if found else 0.0

    return {
        "answers": len(times), "rps": len(times) / took, "p50": at(times, 0.5), "p99": at(times, 0.99),
        "first_p50": at(firsts, 0.5), "events_per_second": load.events / took, "faults": load.faults,
    }  # fmt: skip


def main() -> None:
    """Warm up for a moment, measure, print."""
    asked = json.loads(sys.argv[1])
    load = Load(asked["port"], asked["connections"], [one.encode() for one in asked["requests"]])
    load.run(asked.get("warm", 1.0))
    for client in load._clients.values():
        client.came.clear()
    again = Load(asked["port"], asked["connections"], [one.encode() for one in asked["requests"]])
    print(json.dumps(told(again, again.run(asked["seconds"]))))


if __name__ == "__main__":
    main()
