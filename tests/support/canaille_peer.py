"""Canaille of PyPI as a process: an identity provider of another house, with its own environment (see `make clients`)."""

import os
import subprocess
from pathlib import Path

from tests.support.product import ROOT, free_port

PYTHON = ROOT / "build" / "idp" / "bin" / "python"
SCRIPT = ROOT / "tests" / "clients" / "canaille_provider.py"
EVES = "a password that Eve has there"


class CanaillePeer:
    """Runs it. It knows Eve of Harrow, who is in the group "it"."""

    def __init__(self, directory: Path, *, client: str, secret: str) -> None:
        self.issuer = f"http://127.0.0.1:{free_port()}"
        self._log = directory / "canaille.log"
        self._own = {"CLIENT": client, "SECRET": secret, "ISSUER": self.issuer, "PASSWORD": EVES}
        self._process: subprocess.Popen[str] | None = None

    def start(self, *, callback: str, logout: str, signed_out: str) -> None:
        """Start it for one client. It tells nobody of a sign-out, so the other two addresses are not for it."""
        assert logout
        assert signed_out
        environment = {"PATH": os.environ["PATH"], **self._own, "CALLBACK": callback}
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [PYTHON, SCRIPT], env=environment, text=True, stdout=subprocess.PIPE, stderr=log, cwd=self._log.parent
            )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("ready"):
                return
        raise RuntimeError("Canaille did not start: " + self._log.read_text())

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None
