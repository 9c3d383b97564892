"""Sequencer, worker and database are killed at any moment: no gap, no entry twice, nothing lost, nothing that stays unsealed."""

import contextlib
import os
import signal
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import psycopg
import pytest

from appliance.audit import Wanted
from appliance.audit.packages import write_package
from appliance.ops.embedded_postgres import EmbeddedPostgres
from appliance.proof.verify import INTACT, verify_package
from appliance.vault import LogSigners
from tests.support.cluster import PASSWORDS, migrate
from tests.support.house import House, Member, Server
from tests.support.killing import Nursery, Reader, Writers, until_sealed

PROCESSES = ("sequencer", "worker")
ROUNDS = int(os.environ.get("LOG_KILLS", "500"))


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[House]:
    """A house over a Postgres of its own, which can be killed, and keeps what it said it kept."""
    with EmbeddedPostgres(tmp_path / "postgres", log=tmp_path / "postgres.log") as postgres:
        with psycopg.connect(postgres.url(), autocommit=True) as admin:
            admin.execute("CREATE DATABASE house")
            server = Server(postgres, admin, PASSWORDS, tmp_path)
            migrate(server, "house")
        house = House(server, "house", tmp_path)
        yield house
        house.close()


def seals_what_is_left(house: House) -> None:
    """Seal all that was recorded before now: the backend of a process that was killed may hold the sequencers' lock for a moment."""
    limit, now = time.monotonic() + 60, datetime.now(UTC)
    with house.server.connect("boot", house.database) as boot:
        while house.seals() or boot.execute("SELECT 1 FROM cloister.audit_inbox WHERE recorded_at <= %s LIMIT 1", [now]).fetchone():
            assert time.monotonic() < limit, "an entry stays unsealed"


def survives(house: House, member: Member, victims: tuple[str, ...], *, rounds: int) -> None:
    """Kill in turn, each time at a moment of its own; after each time all that was recorded is sealed, once, within a minute."""
    chance, reader, waits = Random(7), Reader(house, member), list[float]()
    house.seals()
    reader.reads_on()
    first = reader.found.copy()
    with Nursery(house) as nursery, Writers(member) as writers:
        nursery.start(PROCESSES[0])
        for number in range(rounds):
            time.sleep(chance.uniform(0.0, 0.3))
            if (victim := victims[number % len(victims)]) == "process":
                nursery.kill()
            else:
                kill_postgres(house, victim)
            # As the supervisor does. One whose database was killed is still there, and goes on by itself.
            nursery.start(chance.choice(PROCESSES))
            before = writers.acknowledged.copy()
            waits.append(until_sealed(house))
            reader.reads_on()
            assert before <= reader.found, "what was acknowledged is in the log"
    seals_what_is_left(house)
    reader.reads_on()
    assert writers.acknowledged <= reader.found - first <= writers.attempted
    print(f"{rounds} kills, {len(reader.found)} entries; sealed again after {statistics.median(waits):.2f} s, at most {max(waits):.2f} s")


def kill_postgres(house: House, victim: str) -> None:
    """Kill the whole of Postgres and start it again, or one process that serves the sequencer: the others end with it then."""
    if victim == "postgres":
        pid = house.server.postgres.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        house.server.postgres.start()
        return
    boot = house.server.connect("boot", house.database)
    query = "SELECT pid FROM pg_stat_activity WHERE usename = 'cloister_sealer' ORDER BY random() LIMIT 1"
    found = boot.execute(query).fetchone()
    if found is not None:
        os.kill(int(str(found[0])), signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            while True:
                boot.execute("SELECT 1")
    boot.close()
    while True:
        with contextlib.suppress(psycopg.OperationalError):
            house.server.connect("boot", house.database).close()
            return


def test_a_killed_sequencer_loses_and_doubles_nothing(house: House, ada: Member) -> None:
    survives(house, ada, ("process",), rounds=2)


@pytest.mark.long
def test_whatever_is_killed_again_and_again_the_log_loses_and_doubles_nothing(durable: House, tmp_path: Path) -> None:
    ada = durable.founds("Ada's", "ada@ada.example")
    survives(durable, ada, ("process", "postgres", "process", "backend"), rounds=ROUNDS)
    target = tmp_path / "package.zip"
    signer = LogSigners(durable.worker.db, durable.worker.vault)()
    write_package(
        durable.worker.db, ada.tenant_id, Wanted(), target, signer=signer, at=durable.clock.now(), progress=lambda _d, _t: None
    )
    assert verify_package(str(target)).status == INTACT
