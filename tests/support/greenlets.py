"""The processes that serve /v1, over a house of the tests, as they are started: gunicorn, greenlets and all, or the site's threads."""

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


DOORS = {
    "gateway": ("deploy/gateway.conf.py", "appliance.wsgi:programs()"),
    "web": ("deploy/gunicorn.conf.py", "appliance.wsgi:application()"),
}


def environment(house: House, **settings: str) -> dict[str, str]:
    """Return the environment of a process over this house, with further settings."""
    own = {
        "APPLIANCE_DATA_DIR": str(house.settings.data_dir), "APPLIANCE_DATABASE_URL": house.settings.database_url or "",
        "APPLIANCE_EGRESS_ALLOW": ",".join(house.settings.egress_allow), "APPLIANCE_API_REQUESTS_PER_MINUTE": "100000",
        "APPLIANCE_MODELS_DIR": str(house.settings.models_dir),
    }  # fmt: skip
    if house.settings.prices_file:
        own["APPLIANCE_PRICES_FILE"] = str(house.settings.prices_file)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("APPLIANCE_")}
    return kept | own | {f"APPLIANCE_{name.upper()}": value for name, value in settings.items()}


@contextlib.contextmanager
def gateway(house: House, directory: Path, *, door: str = "gateway", **settings: str) -> Iterator[Gateway]:
    """Start it, with further settings, and end it."""
    port, log = free_port(), directory / f"{door}.log"
    config, application = DOORS[door]
    argv = [
        sys.executable, "-m", "gunicorn", "--config", config, "--bind", f"127.0.0.1:{port}", application,
    ]  # fmt: skip
    with log.open("wb") as out:
        process = subprocess.Popen(argv, cwd=ROOT, env=environment(house, **settings), stdout=out, stderr=out, start_new_session=True)
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
