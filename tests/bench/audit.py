"""The audit log: the inbox beside a plain INSERT, the sequencer, the verifier, and search in a large log."""

import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import psycopg

from appliance import audit
from appliance.assembly import sealing
from appliance.audit import EntryFilter, Event, Wanted
from appliance.audit.packages import write_package
from appliance.kernel.db import Database
from appliance.kernel.ids import new_id
from appliance.ops import migrations
from appliance.ops.embedded_postgres import EmbeddedPostgres
from appliance.vault import LogSigners
from tests.conftest import migrate
from tests.support.house import House, Member, Server

Result = dict[str, str | float]
WRITERS, SECONDS = 8, 3.0
SEALED, VERIFIED, SEARCHED = 60_000, 200_000, 1_000_000


def run() -> list[Result]:
    """Measure in one house, on a Postgres that is durable as in production."""
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        with EmbeddedPostgres(directory / "postgres") as postgres, psycopg.connect(
            postgres.url(), autocommit=True
        ) as admin:  # fmt: skip
            admin.execute("CREATE DATABASE bench")
            server = Server(postgres, admin, dict.fromkeys(migrations.LOGIN_ROLES, "bench"), directory)
            migrate(server, "bench")
            house = House(server, "bench", directory)
            try:
                owner = house.founds("Bench", "bench@bench.example")
                return [
                    *writing(house, owner),
                    *sealed(house, owner),
                    *verified(house, owner, directory),
                    *searched(house, owner),
                ]
            finally:
                house.close()


def writing(house: House, owner: Member) -> list[Result]:
    """Eight writers, one entry a transaction, beside eight that insert the same bytes into a table of no rights."""
    db = Database(house.server.url("cloister_app", house.database), pool_size=WRITERS)
    with house.server.connect("boot", house.database) as boot:
        boot.execute(
            "CREATE TABLE cloister.plain (tenant_id uuid, event_id uuid PRIMARY KEY, event text, body bytea, at timestamptz)"
        )
        boot.execute("GRANT INSERT ON cloister.plain TO cloister_app")
    body, when = b"x" * 330, house.clock.now()

    def recorded() -> None:
        with db.tenant(owner.tenant_id) as tx:
            audit.record(tx, owner.caller.actor, Event.PROFILE_CHANGED, subject=owner.caller.user_id)

    def plain() -> None:
        with db.tenant(owner.tenant_id) as tx:
            values = (owner.tenant_id, new_id(), "identity:profile:changed", body, when)
            tx.connection().exec_driver_sql("INSERT INTO cloister.plain VALUES (%s, %s, %s, %s, %s)", values)

    rates = {recorded: 0.0, plain: 0.0}
    for _ in range(2):
        for kind in (recorded, plain):
            rates[kind] = max(rates[kind], rate_of(kind))
    db.close()
    with house.server.connect("boot", house.database) as boot:
        boot.execute("DROP TABLE cloister.plain")
    return [
        {"name": "audit.inbox_events_per_s", "value": rates[recorded], "unit": "1/s"},
        {"name": "audit.inbox_over_plain_insert", "value": rates[recorded] / rates[plain], "unit": "ratio"},
    ]


def rate_of(kind: Callable[[], None]) -> float:
    counts, until = [0] * WRITERS, time.monotonic() + SECONDS

    def write(number: int) -> None:
        while time.monotonic() < until:
            kind()
            counts[number] += 1

    threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / SECONDS


def fill(house: House, owner: Member, count: int, *, people: int = 2_000) -> None:
    """Put entries into the inbox as they would be recorded, over the past year."""
    template = json.dumps(
        {"actor": {"address": "192.0.2.7", "id": "ACTOR", "kind": "user"}, "at": "AT", "event": "EVENT", "event_id": "ID", "facts": {"entries": 7},
         "outcome": "success", "request_id": "01a0", "subject": None, "tenant_id": str(owner.tenant_id), "version": 1},
        separators=(",", ":"),
    )  # fmt: skip
    with house.server.connect("boot", house.database) as boot:
        boot.execute(
            """INSERT INTO cloister.audit_inbox
               SELECT %(tenant)s, id, event, convert_to(replace(replace(replace(replace(%(template)s, 'ACTOR', actor::text), 'AT',
                 to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')), 'EVENT', event), 'ID', id::text), 'UTF8'), at
               FROM (SELECT n, uuidv7(at - now()) AS id, at, md5((n %% %(people)s)::text)::uuid AS actor,
                       (ARRAY['knowledge:passages:retrieved', 'chat:question:asked', 'chat:question:answered', 'identity:session:opened',
                              'knowledge:document:opened'])[1 + n %% 5] AS event
                     FROM (SELECT n, now() - make_interval(secs => 31536000.0 * (%(count)s - n) / %(count)s) AS at
                           FROM generate_series(1, %(count)s) n) AS t) AS drawn""",
            {"tenant": owner.tenant_id, "template": template, "count": count, "people": people},
        )
        boot.execute("ANALYZE cloister.audit_inbox")


def sealed(house: House, owner: Member) -> list[Result]:
    """The sequencer alone, on a full inbox."""
    house.seals()
    fill(house, owner, SEALED)
    began, count = time.monotonic(), 0
    with sealing(house.worker) as sealer:
        while (done := sealer.round()).sealed:
            count += done.sealed
    return [{"name": "audit.sealed_events_per_s", "value": count / (time.monotonic() - began), "unit": "1/s"}]


def verified(house: House, owner: Member, directory: Path) -> list[Result]:
    """Write a package and check it in a process of its own, as an auditor does."""
    fill(house, owner, VERIFIED - SEALED)
    house.seals()
    target, began = directory / "package.zip", time.process_time()
    signer = LogSigners(house.worker.db, house.worker.vault)()
    write_package(
        house.worker.db,
        owner.tenant_id,
        Wanted(),
        target,
        signer=signer,
        at=house.clock.now(),
        progress=lambda _d, _t: None,
    )
    written = time.process_time() - began
    program = (
        "import resource, sys; from appliance.proof.verify import verify_package; report = verify_package(sys.argv[1]);"
        "used = resource.getrusage(resource.RUSAGE_SELF); print(report.status, used.ru_utime + used.ru_stime, used.ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(target)], check=True, capture_output=True, text=True)
    status, seconds, memory = map(float, done.stdout.split())
    assert status == 0
    return [
        {"name": f"audit.export_{VERIFIED}_cpu_s", "value": written, "unit": "s"},
        {"name": f"audit.verify_{VERIFIED}_cpu_s", "value": seconds, "unit": "s"},
        {"name": "audit.verify_1m_cpu_s", "value": seconds * 1_000_000 / VERIFIED, "unit": f"s, of {VERIFIED} events"},
        {"name": "audit.verify_memory", "value": memory / 1024, "unit": "MB"},
    ]


def searched(house: House, owner: Member) -> list[Result]:
    """A page of the log by what people ask of it."""
    fill(house, owner, SEARCHED - VERIFIED)
    house.seals()
    with house.server.connect("boot", house.database) as boot:
        boot.execute("VACUUM (ANALYZE) cloister.audit_log")
        row = boot.execute(
            "SELECT actor_id FROM cloister.audit_log WHERE actor_id IS NOT NULL OFFSET 777 LIMIT 1"
        ).fetchone()
    assert row is not None
    actor, now = frozenset({UUID(str(row[0]))}), house.clock.now()
    asked = [
        EntryFilter(), EntryFilter(Event.SESSION_OPENED), EntryFilter(actors=actor), EntryFilter(Event.DOCUMENT_OPENED, actor),
        EntryFilter(until=now.replace(year=now.year - 1, month=12)), EntryFilter(Event.KEY_ROTATED),
    ]  # fmt: skip
    times = []
    for _ in range(20):
        for wanted in asked:
            began = time.perf_counter()
            with house.app.db.tenant(owner.tenant_id) as tx:
                audit.list_entries(tx, wanted, limit=101)
            times.append((time.perf_counter() - began) * 1000)
    return [
        {"name": "audit.search_1m_p95_ms", "value": statistics.quantiles(times, n=20)[-1], "unit": "ms"},
        {"name": "audit.search_1m_p50_ms", "value": statistics.median(times), "unit": "ms"},
    ]
