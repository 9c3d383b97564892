"""The process that serves /v1 alone, over a house of the tests: gunicorn, greenlets and all."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psutil

from tests.support.house import House
from tests.support.product import ROOT, free_port


@dataclass
class Gateway:
    """Where it listens, and how it lives."""

    address: str
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def kill(self) -> None:
        """kill -9 of the process that serves; its parent starts another."""
        for child in psutil.Process(self.process.pid).children():
            child.kill()

    def waits(self, *, seconds: float = 60) -> None:
        """Wait until it answers. Raises RuntimeError with its log."""
        limit = time.monotonic() + seconds
        while True:
            with contextlib.suppress(httpx2.HTTPError):
                if httpx2.get(f"{self.address}/livez", timeout=5).status_code == 200:
                    return
            if time.monotonic() > limit or self.process.poll() is not None:
                raise RuntimeError(self.log.read_text()[-4000:])
            time.sleep(0.1)


@contextlib.contextmanager
def gateway(house: House, directory: Path) -> Iterator[Gateway]:
    """Start it, and end it."""
    port, log = free_port(), directory / "gateway.log"
    own = {
        "APPLIANCE_DATA_DIR": str(house.settings.data_dir), "APPLIANCE_DATABASE_URL": house.settings.database_url or "",
        "APPLIANCE_EGRESS_ALLOW": ",".join(house.settings.egress_allow), "APPLIANCE_API_REQUESTS_PER_MINUTE": "100000",
        "APPLIANCE_MODELS_DIR": str(house.settings.models_dir),
    }  # fmt: skip
    kept = {name: value for name, value in os.environ.items() if not name.startswith("APPLIANCE_")}
    argv = [
        sys.executable, "-m", "gunicorn", "--config", "deploy/gateway.conf.py", "--bind", f"127.0.0.1:{port}",
        "appliance.wsgi:programs()",
    ]  # fmt: skip
    with log.open("wb") as out:
        process = subprocess.Popen(argv, cwd=ROOT, env=kept | own, stdout=out, stderr=out, start_new_session=True)
    found = Gateway(f"http://127.0.0.1:{port}", process, log)
    try:
        found.waits()
        yield found
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
