"""Those who watch a log, for the tests: a real rsyslog with mutual TLS, and a line to it that is cut after so many bytes."""

import contextlib
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.roots import free_port, running
from tests.support.upstream import Authority

RSYSLOGD = shutil.which("rsyslogd", path="/usr/sbin:/usr/bin:/sbin:/bin")
_DRIVERS = ("/usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_ossl.so", "/usr/lib/aarch64-linux-gnu/rsyslog/lmnsd_ossl.so")
CLIENT = "cloister.example"


class Rsyslog:
    """What arrived lies in a file, one message a line: the structured data, then the message."""

    def __init__(self, port: int, file: Path, authority: Authority) -> None:
        self.port, self.file, self.authority = port, file, authority

    @property
    def lines(self) -> list[str]:
        return self.file.read_text().splitlines() if self.file.exists() else []


@contextlib.contextmanager
def rsyslog(directory: Path) -> Iterator[Rsyslog]:
    if RSYSLOGD is None or not any(Path(one).exists() for one in _DRIVERS):
        pytest.skip("rsyslog with TLS is not installed: apt-get install rsyslog rsyslog-openssl")
    authority = Authority.founded(directory)
    certificate = authority.issued("127.0.0.1")
    found = Rsyslog(free_port(), directory / "arrived.log", authority)
    configuration = directory / "rsyslog.conf"
    configuration.write_text(
        f'global(workDirectory="{directory}" maxMessageSize="128k" defaultNetstreamDriver="ossl"\n'
        f'  defaultNetstreamDriverCAFile="{authority.file}" defaultNetstreamDriverCertFile="{certificate}"\n'
        f'  defaultNetstreamDriverKeyFile="{certificate}")\n'
        'module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/name"\n'
        f'  PermittedPeer=["{CLIENT}"])\n'
        'template(name="told" type="string" string="%structured-data% %msg%\\n")\n'
        f'input(type="imtcp" address="127.0.0.1" port="{found.port}")\n'
        f'action(type="omfile" file="{found.file}" template="told")\n'
    )
    command = [RSYSLOGD, "-n", "-f", str(configuration), "-i", str(directory / "rsyslog.pid")]
    subprocess.run([*command[:1], "-N1", "-f", str(configuration)], check=True, capture_output=True)
    with running(command, is_up=lambda: _reached(found.port), log=directory / "rsyslog.out"):
        yield found


def _reached(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=1).close()


class CutLine:
    """A line to a port of this host that is cut, by a reset in both directions, each time so many bytes more went over it."""

    def __init__(self, to: int) -> None:
        self._to, self._cuts, self._passed = to, list[int](), 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.cut_count = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cuts_at(self, *cuts: int) -> None:
        """From now on, cut once so many bytes went over it."""
        self._cuts, self._passed, self.cut_count = list(cuts), 0, 0

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                threading.Thread(target=self._pump, args=(near, far), daemon=True).start()
                threading.Thread(target=self._back, args=(far, near), daemon=True).start()

    def _pump(self, near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := near.recv(16_384):
                far.sendall(content)
                self._passed += len(content)
                if self._cuts and self._passed >= self._cuts[0]:
                    self._cuts.pop(0)
                    self.cut_count += 1
                    for end in (near, far):
                        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        end.close()
                    return
            far.shutdown(socket.SHUT_WR)

    @staticmethod
    def _back(far: socket.socket, near: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := far.recv(16_384):
                near.sendall(content)
        with contextlib.suppress(OSError):
            near.shutdown(socket.SHUT_WR)
        for end in (far, near):
            with contextlib.suppress(OSError):
                end.close()
