"""A network of this process's own, in which every packet is seen: only loopback, and a name server that knows nobody.

`python -m tests.support.packets MODULE …` begins one with unshare(1) and ip(8) and runs a module in it. All addresses of
the world lead to loopback there, so that whoever sends something to one is heard, and nobody is reached.
"""

import contextlib
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

NAME_SERVER = "10.255.255.53"
_IPV4, _IPV6, _TCP, _UDP = 0x0800, 0x86DD, 6, 17
_SYN, _ACK = 0x02, 0x10
_NAMES = 53
_ETHERNET, _OUTGOING = 14, 4
Address = IPv4Address | IPv6Address


@dataclass
class Heard:
    """What was sent: opened connections and datagrams by where they went, other packets by address, names asked for."""

    connections: Counter[tuple[Address, int]] = field(default_factory=Counter)
    datagrams: Counter[tuple[Address, int]] = field(default_factory=Counter)
    addresses: Counter[Address] = field(default_factory=Counter)
    names: list[str] = field(default_factory=list)

    def note(self, kind: int, packet: bytes) -> None:
        """Read one packet of IP."""
        if kind == _IPV4:
            protocol, body, to = packet[9], packet[(packet[0] & 15) * 4 :], ip_address(packet[16:20])
        else:
            protocol, body, to = packet[6], packet[40:], ip_address(packet[24:40])
        self.addresses[to] += 1
        port = struct.unpack("!H", body[2:4])[0] if len(body) >= 4 else 0
        if protocol == _TCP and body[13] & (_SYN | _ACK) == _SYN:
            self.connections[to, port] += 1
        elif protocol == _UDP and struct.unpack("!H", body[:2])[0] != _NAMES:  # what the name server answers is no matter
            self.datagrams[to, port] += 1
            if port == _NAMES:
                self.names.append(_name_in(body[8:]))


def can_separate() -> bool:
    """Say whether this machine lets us have a network of our own."""
    try:
        tried = subprocess.run([*_command(), _tool("ip"), "link", "set", "lo", "up"], capture_output=True, check=False)
    except AssertionError:
        return False
    return tried.returncode == 0


def separate(module: str, *arguments: str, seconds: float) -> "subprocess.CompletedProcess[str]":
    """Run a module in a network of its own; return how it ended."""
    command = [*_command(), sys.executable, "-m", "tests.support.packets", module, *arguments]
    return subprocess.run(command, text=True, capture_output=True, timeout=seconds, check=False)


@contextlib.contextmanager
def listening() -> Iterator[Heard]:
    """Hear every packet that goes out, from here on."""
    heard, ends = Heard(), threading.Event()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as everything:
        everything.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024 * 1024)
        everything.settimeout(0.2)

        def listen() -> None:
            while True:
                try:
                    packet, (_, kind, direction, *_rest) = everything.recvfrom(65_535)
                except TimeoutError:
                    if ends.is_set():
                        return
                    continue
                if direction == _OUTGOING and kind in {_IPV4, _IPV6}:
                    heard.note(kind, packet[_ETHERNET:])

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield heard
        finally:
            ends.set()
            thread.join()


def _command() -> list[str]:
    return [_tool("unshare"), "--net", "--mount"]


def _tool(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    assert found, name
    return found


def _name_in(question: bytes) -> str:
    labels, at = list[str](), 12
    while at < len(question) and question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].decode("ascii", "replace"))
        at += 1 + question[at]
    return ".".join(labels)


def _knows_nobody(server: socket.socket) -> None:
    while True:
        question, client = server.recvfrom(4096)
        server.sendto(question[:2] + b"\x81\x83" + question[4:6] + bytes(6) + question[12:], client)  # NXDOMAIN


def _begin() -> None:
    for command in (
        "link set lo up", f"address add {NAME_SERVER}/32 dev lo", "route add default dev lo", "-6 route add default dev lo",
    ):  # fmt: skip
        subprocess.run([_tool("ip"), *command.split()], check=not command.startswith("-6"), capture_output=True)
    with tempfile.TemporaryDirectory() as scratch:
        servers = Path(scratch) / "resolv.conf"
        servers.write_text(f"nameserver {NAME_SERVER}\n")
        subprocess.run([_tool("mount"), "--bind", str(servers), "/etc/resolv.conf"], check=True)
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((NAME_SERVER, _NAMES))
    threading.Thread(target=_knows_nobody, args=(server,), daemon=True).start()


if __name__ == "__main__":
    _begin()
    module, *arguments = sys.argv[1:]
    # This process answers for the name server until the other one ends.
    raise SystemExit(subprocess.run([sys.executable, "-m", module, *arguments], check=False, env=os.environ).returncode)
