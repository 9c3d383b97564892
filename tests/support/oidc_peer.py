"""oidc-provider of npm as a process: an identity provider that nobody here wrote."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.clients import INSTALLED
from tests.support.product import ROOT, free_port

SCRIPT = ROOT / "tests" / "clients" / "oidc_provider.mjs"


class OidcPeer:
    """Runs it. `people` are the claims of each, by their name there."""

    def __init__(self, directory: Path, *, client: str, secret: str) -> None:
        self.issuer = f"http://127.0.0.1:{free_port()}"
        self._people, self._log = directory / "people.json", directory / "oidc-provider.log"
        self._own = {"CLIENT": client, "SECRET": secret, "ISSUER": self.issuer, "PEOPLE": str(self._people)}
        self._process: subprocess.Popen[str] | None = None

    def says(self, people: Mapping[str, Mapping[str, Any]]) -> None:
        """Say this of people from now on."""
        self._people.write_text(json.dumps(people))

    def start(self, *, callback: str, logout: str, signed_out: str) -> None:
        """Start it, with a key of its own each time, for one client."""
        self._own |= {"CALLBACK": callback, "LOGOUT": logout, "SIGNED_OUT": signed_out}
        self._run()

    def starts_anew(self) -> None:
        """Start it again with another key; who was signed in there is no more."""
        self.stop()
        self._run()

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def _run(self) -> None:
        shutil.copy(SCRIPT, INSTALLED / "npm")
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [shutil.which("node") or "node", "oidc_provider.mjs"], cwd=INSTALLED / "npm", env={"PATH": os.environ["PATH"], **self._own}, text=True,
                stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("ready"):
                return
        raise RuntimeError("oidc-provider did not start: " + self._log.read_text())
