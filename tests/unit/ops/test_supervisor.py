import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from appliance.ops.embedded_postgres import EmbeddedPostgres
from appliance.ops.errors import CannotStart
from appliance.ops.launch import Plan, children
from appliance.ops.supervisor import Child, Supervisor

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
ENDS_AT_ONCE = [sys.executable, "-c", "raise SystemExit(3)"]


def supervised(*children: Child, postgres: EmbeddedPostgres | None = None) -> tuple[Supervisor, list[str]]:
    said: list[str] = []
    return Supervisor(children, postgres=postgres, say=said.append), said


def sleeper() -> Child:
    return Child("sleeper", SLEEPER, os.environ)


def soon(claim: Callable[[], bool]) -> Callable[[], bool]:
    """Return a claim that fails the test when it does not come true."""
    limit = time.monotonic() + 30

    def asked() -> bool:
        assert time.monotonic() < limit, "it never came true"
        return claim()

    return asked


def stops_once(claim: Callable[[], bool]) -> threading.Thread:
    """Send this process the signal to stop as soon as the claim is true."""

    def waits() -> None:
        limit = time.monotonic() + 60
        while not claim() and time.monotonic() < limit:
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=waits)
    thread.start()
    return thread


@pytest.fixture(autouse=True)
def _signals() -> object:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_it_starts_again_what_was_killed() -> None:
    child = sleeper()
    supervisor, said = supervised(child)
    supervisor.start()
    assert child.process is not None
    first = child.process.pid
    child.process.kill()

    supervisor.await_ready(soon(lambda: child.process is not None and child.process.pid != first), seconds=30)
    second = child.process.pid
    supervisor.stop()

    assert "starting it again" in said[0]
    assert not psutil.pid_exists(second)


def test_it_does_not_start_a_house_whose_child_ends_at_once() -> None:
    supervisor, _ = supervised(Child("worker", ENDS_AT_ONCE, os.environ))
    supervisor.start()

    with pytest.raises(CannotStart, match="worker process ends as soon as it starts"):
        supervisor.await_ready(lambda: False, seconds=30)


def test_a_child_that_ends_at_once_does_not_take_the_others_along_later() -> None:
    other, broken = sleeper(), Child("worker", ENDS_AT_ONCE, os.environ)
    supervisor, said = supervised(other, broken)
    supervisor.start()
    supervisor.await_ready(lambda: True, seconds=0)
    ending = stops_once(lambda: len(said) > 5)

    supervisor.watch()
    ending.join()
    is_up = other.process is not None and other.process.poll() is None
    supervisor.stop()

    assert is_up
    assert len(said) > 5  # the fifth would have ended a house that starts


def test_it_tries_a_database_again_that_cannot_start(tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(tmp_path / "postgres", durable=False, log=tmp_path / "postgres.log")
    postgres.start()
    supervisor, said = supervised(postgres=postgres)
    supervisor.start()
    supervisor.await_ready(lambda: True, seconds=0)
    control, aside = tmp_path / "postgres" / "18" / "global" / "pg_control", tmp_path / "aside"
    postgres.stop()
    control.rename(aside)

    def is_mended() -> bool:
        if any("did not start" in line for line in said) and aside.exists():
            aside.rename(control)
        return not aside.exists() and postgres.is_running and (control.parents[1] / "postmaster.pid").exists()

    ending = stops_once(is_mended)
    supervisor.watch()
    ending.join()

    assert postgres.is_running
    supervisor.stop()


def test_it_does_not_pass_off_as_ready_what_is_not() -> None:
    supervisor, _ = supervised(sleeper())
    supervisor.start()
    try:
        with pytest.raises(CannotStart, match="did not become ready"):
            supervisor.await_ready(lambda: False, seconds=0.5)
    finally:
        supervisor.stop()


def test_it_hands_no_child_the_administrators_password() -> None:
    plan = Plan(
        data_dir=Path("/d"), secrets_dir=Path("/d/secrets"), host="127.0.0.1", port=1, web_threads=2, gateway_port=2,
        database_url="postgresql://boss:hunter2@db.example/x?sslmode=verify-full", address="http://127.0.0.1:1",
        roots=lambda: tuple,
    )  # fmt: skip
    for child in children(plan):
        assert child.environment["APPLIANCE_DATABASE_URL"] == "postgresql://db.example/x?sslmode=verify-full"
