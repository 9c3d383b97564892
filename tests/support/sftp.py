"""A real OpenSSH on this host's loopback, for the tests: it takes files for who runs them, and nothing else."""

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.roots import free_port, running

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/bin:/sbin:/bin")


class Sshd:
    """What is sent lies in `folder`; who may come in stands in `allowed`."""

    def __init__(self, directory: Path) -> None:
        self.port, self.account = free_port(), getpass.getuser()
        self.folder, self.allowed = directory / "incoming", directory / "authorized_keys"
        self.folder.mkdir()
        self.allowed.touch()
        self.key = directory / "host_key"

    @property
    def url(self) -> str:
        return f"sftp://127.0.0.1:{self.port}{self.folder}"

    @property
    def host_key(self) -> str:
        return self.key.with_suffix(".pub").read_text()

    def lets_in(self, line: str | None) -> None:
        self.allowed.write_text("" if line is None else line + "\n")

    @property
    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.folder.iterdir())}


@contextlib.contextmanager
def sshd(directory: Path) -> Iterator[Sshd]:
    if SSHD is None:
        pytest.skip("OpenSSH's server is not installed: apt-get install openssh-server")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where Debian's looks for it before it starts
    found = Sshd(directory)
    make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(found.key)]
    subprocess.run(make, check=True)
    configuration = directory / "sshd_config"
    configuration.write_text(
        f"Port {found.port}\nListenAddress 127.0.0.1\nHostKey {found.key}\nAuthorizedKeysFile {found.allowed}\n"
        f"PidFile none\nUsePAM no\nStrictModes no\nPermitRootLogin yes\nPasswordAuthentication yes\nLogLevel ERROR\n"
        "MaxAuthTries 20\nMaxStartups 100\nSubsystem sftp internal-sftp\nForceCommand internal-sftp\n"
    )
    with running([SSHD, "-D", "-e", "-f", str(configuration)], is_up=lambda: _greets(found.port), log=directory / "sshd.out"):
        yield found


def _greets(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=2) as line:
        assert line.recv(4) == b"SSH-"
