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
        self.issuer = f"http://localhost:{free_port()}"  # another site than that of the house
        self._log = directory / "canaille.log"
        self._own = {"CLIENT": client, "SECRET": secret, "ISSUER": self.issuer, "PASSWORD": EVES}
        self._process: subprocess.Popen[str] | None = None

    def start(self, *, callback: str, signed_out: str) -> None:
        """Start it for one client."""
        environment = {"PATH": os.environ["PATH"], **self._own, "CALLBACK": callback, "SIGNED_OUT": signed_out}
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [PYTHON, SCRIPT], env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                cwd=self._log.parent,
            )  # fmt: skip
        self._hears("ready")

    def takes_eve_out(self) -> None:
        """Let Eve be in no group any more."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self._hears("done")

    def _hears(self, word: str) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        if not any(line.strip() == word for line in iter(self._process.stdout.readline, "")):
            raise RuntimeError(f"Canaille did not say {word}: " + self._log.read_text())

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.communicate(timeout=10)
            self._process = None
