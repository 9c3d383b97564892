"""The audit log: the inbox beside a plain INSERT, the sequencer, the verifier, and search in a large log."""

import hashlib
import itertools
import json
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import psycopg

from appliance import audit
from appliance.assembly import sealing
from appliance.audit import EntryFilter, Event, Wanted
from appliance.audit.committing import VERSION, context_of, padded
from appliance.audit.packages import write_package
from appliance.audit.subject_keys import PERSONAL, KeptSubjectKeys
from appliance.kernel import garbage
from appliance.kernel.db import Database
from appliance.kernel.ids import first_id_at, new_id
from appliance.kernel.sealing import seal_at
from appliance.ops import migrations
from appliance.ops.embedded_postgres import EmbeddedPostgres
from appliance.proof.disclosures import spelled
from appliance.vault import LogSigners
from tests.support.cluster import migrate
from tests.support.house import House, Member, Server

Result = dict[str, str | float]
WRITERS, SECONDS, PIECES = 8, 0.4, 24
SEALED, VERIFIED, SEARCHED = 200_000, 1_000_000, 10_000_000


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
    """Eight writers, one entry with an address a transaction, beside eight that insert it as it is into a table of no rights.

    The plain row is as long as the entry is with its address in the clear; what is sealed beside ours, 213 bytes, comes on top.
    """
    db = Database(house.server.url("cloister_app", house.database), pool_size=WRITERS)
    db.give(PERSONAL, KeptSubjectKeys(house.app.vault))
    actor = replace(owner.caller.actor, address="192.0.2.7")
    with house.server.connect("boot", house.database) as boot:
        boot.execute(
            "CREATE TABLE cloister.plain (tenant_id uuid, event_id uuid PRIMARY KEY, event text, body bytea, at timestamptz)"
        )
        boot.execute("GRANT INSERT ON cloister.plain TO cloister_app")
    body, when = b"x" * 330, house.clock.now()

    def recorded() -> None:
        with db.tenant(owner.tenant_id) as tx:
            audit.record(tx, actor, Event.PROFILE_CHANGED, subject=owner.caller.user_id)

    def plain() -> None:
        with db.tenant(owner.tenant_id) as tx:
            values = (owner.tenant_id, new_id(), "identity:profile:changed", body, when)
            tx.connection().exec_driver_sql("INSERT INTO cloister.plain VALUES (%s, %s, %s, %s, %s)", values)

    # In turn, in short pieces, compared pair by pair: what else happens on the machine meets both of a pair, and each is as often first.
    pairs = list[tuple[int, int]]()
    for _ in range(PIECES // 2):
        pairs.append((count_of(recorded), count_of(plain)))
        theirs = count_of(plain)
        pairs.append((count_of(recorded), theirs))
    db.close()
    with house.server.connect("boot", house.database) as boot:
        boot.execute("DROP TABLE cloister.plain")
    return [
        {"name": "audit.inbox_events_per_s", "value": sum(ours for ours, _ in pairs) / PIECES / SECONDS, "unit": "1/s"},
        {"name": "audit.inbox_over_plain_insert", "value": statistics.median(ours / max(theirs, 1) for ours, theirs in pairs), "unit": "ratio"},
    ]


def count_of(kind: Callable[[], None]) -> int:
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
    return sum(counts)


def fill(house: House, owner: Member, count: int, *, people: int = 2_000) -> None:
    """Put entries into the inbox as they would be recorded, over the past year, each with its address sealed beside it."""
    template = json.dumps(
        {"actor": {"address": None, "id": "ACTOR", "kind": "user"}, "at": "AT", "commitments": {"actor.address": "COMMITMENT"}, "event": "EVENT",
         "event_id": "ID", "facts": {"entries": 7}, "outcome": "success", "request_id": "01a0", "subject": None, "tenant_id": str(owner.tenant_id),
         "version": 2},
        separators=(",", ":"),
    )  # fmt: skip
    with house.server.connect("boot", house.database) as boot:
        boot.execute(
            """INSERT INTO cloister.audit_inbox
               SELECT %(tenant)s, id, event, convert_to(replace(replace(replace(replace(replace(%(template)s, 'ACTOR', actor::text), 'AT',
                 to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')), 'EVENT', event), 'ID', id::text), 'COMMITMENT', encode(sha256(convert_to(
                   E'cloister-disclosure/1\\n["' || encode(sha256(uuid_send(id)), 'hex') || '","actor.address","192.0.2.7"]', 'UTF8')), 'hex')), 'UTF8'), at
               FROM (SELECT n, uuidv7(at - now()) AS id, at, md5((n %% %(people)s)::text)::uuid AS actor,
                       (ARRAY['knowledge:passages:retrieved', 'chat:question:asked', 'chat:question:answered', 'identity:session:opened',
                              'knowledge:document:opened'])[1 + n %% 5] AS event
                     FROM (SELECT n, now() - make_interval(secs => 31536000.0 * (%(count)s - n) / %(count)s) AS at
                           FROM generate_series(1, %(count)s) n) AS t) AS drawn""",
            {"tenant": owner.tenant_id, "template": template, "count": count, "people": people},
        )
        boot.execute("ANALYZE cloister.audit_inbox")
        sealed_beside(house, owner, boot, people)


def sealed_beside(house: House, owner: Member, boot: "psycopg.Connection[tuple[object, ...]]", people: int) -> None:
    """Seal the address of each entry that waits, as `fill` committed to it; the salt is the digest of the entry's id."""
    lender = KeptSubjectKeys(house.app.vault)
    with house.app.db.tenant(owner.tenant_id) as tx:
        keys = [lender.in_force(tx, UUID(int=number + 1)) for number in range(people)]
    waiting = boot.execute("SELECT event_id FROM cloister.audit_inbox WHERE tenant_id = %s", (owner.tenant_id,)).fetchall()
    with boot.cursor() as cursor, cursor.copy("COPY cloister.audit_disclosures FROM STDIN") as copy:
        for number, (event_id,) in enumerate(waiting):
            key = keys[number % people]
            assert isinstance(event_id, UUID)
            assert key is not None
            plaintext = padded(b"[" + spelled(sha256(event_id.bytes).hexdigest(), "actor.address", "192.0.2.7") + b"]")
            context = context_of(owner.tenant_id, event_id, key.key_id)
            copy.write_row((owner.tenant_id, event_id, key.key_id, seal_at(key.key, VERSION, plaintext, context=context)))


def sealed(house: House, owner: Member) -> list[Result]:
    """The sequencer alone, on a full inbox."""
    house.seals()
    fill(house, owner, SEALED)
    seconds, ours, servers = seals_all(house)
    return [
        {"name": "audit.sealed_events_per_s", "value": SEALED / seconds, "unit": "1/s"},
        {"name": "audit.sealer_cpu_us_per_event", "value": (ours + servers) / SEALED * 1e6, "unit": "us"},
    ]


def seals_all(house: House) -> tuple[float, float, float]:
    """Seal all that waits; return how long it took, and what processor time the sequencer and its server process took of it."""
    with sealing(house.worker) as (sealer, _), house.server.connect("boot", house.database) as boot:
        sealer._db.ping()
        found = boot.execute("SELECT pid FROM pg_stat_activity WHERE usename = 'cloister_sealer'").fetchone()
        assert found is not None
        server = psutil.Process(int(str(found[0])))
        before, ours, began = server.cpu_times(), time.process_time(), time.monotonic()
        while sealer.round().sealed:
            pass
        after = server.cpu_times()
        spent = after.user + after.system - before.user - before.system
        return time.monotonic() - began, time.process_time() - ours, spent


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
        "import re, sys, time; from appliance.proof.verify import verify_package; report = verify_package(sys.argv[1]);"
        "peak = re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]; print(report.status, time.process_time(), peak)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(target)], check=True, capture_output=True, text=True)
    status, seconds, memory = map(float, done.stdout.split())
    assert status == 0
    return [
        {"name": "audit.export_1m_cpu_s", "value": written, "unit": "s"},
        {"name": "audit.verify_1m_cpu_s", "value": seconds, "unit": "s"},
        {"name": "audit.verify_memory", "value": memory / 1024, "unit": "MB"},
    ]


def grown(house: House, owner: Member, count: int) -> None:
    """Put entries into the log itself, without a tree: search does not look at it.

    Not all is alike in it: two programs do a tenth each, each with a thing of its own; a few of 2,000 people do most of the
    rest, with one of 50,000 things or none; some kinds are common, one is rare, most were never recorded.
    """
    body = json.dumps(
        {"actor": {"address": "192.0.2.7", "id": str(owner.caller.user_id), "kind": "user"}, "at": "2026-01-01T00:00:00.000000+00:00",
         "event": "knowledge:passages:retrieved", "event_id": str(owner.tenant_id), "facts": {"entries": 7}, "outcome": "success",
         "request_id": "01a0", "subject": str(owner.tenant_id), "tenant_id": str(owner.tenant_id), "version": 1},
        separators=(",", ":"),
    )  # fmt: skip
    with house.server.connect("boot", house.database) as boot:
        boot.execute("SET synchronous_commit = off; SET maintenance_work_mem = '1GB'; SET search_path = cloister")
        indexes: list[Any] = boot.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'audit_log' AND indexname <> 'audit_log_pkey'"
        ).fetchall()
        for name, _ in indexes:
            boot.execute(f"DROP INDEX {name}")
        boot.execute(
            """INSERT INTO audit_log (tenant_id, position, event_id, event, actor_id, subject, leaf, body, recorded_at)
               SELECT %(tenant)s, 1000000000 + n, uuidv7(at - now()),
                 CASE WHEN n %% 400000 = 1 THEN 'vault:key:rotated' ELSE
                   (ARRAY['knowledge:passages:retrieved', 'chat:question:asked', 'chat:question:answered', 'identity:session:opened',
                          'knowledge:document:opened', 'audit:log:read', 'identity:session:closed', 'knowledge:document:received',
                          'knowledge:document:indexed', 'chat:conversation:created', 'identity:profile:changed'])[
                     CASE WHEN n %% 100 < 90 THEN 1 + n %% 5 ELSE 6 + n / 100 %% 6 END] END,
                 CASE WHEN n %% 10 IN (0, 5) THEN md5('program' || n %% 10)::uuid WHEN n %% 50 = 1 THEN NULL
                   ELSE md5(floor(2000 * power(abs(hashint4(n)::bigint) %% 1000003 / 1000003.0, 3))::text)::uuid END,
                 CASE WHEN n %% 10 IN (0, 5) THEN md5('bot' || n %% 10)::uuid WHEN n %% 10 < 3 THEN NULL
                   ELSE md5(abs(hashint4(n)::bigint) / 7 %% 50000 || 'd')::uuid END,
                 decode(repeat('00', 32), 'hex'), convert_to(%(body)s, 'UTF8'), at
               FROM (SELECT n, now() - make_interval(secs => 31536000.0 * (%(count)s - n) / %(count)s) AS at
                     FROM generate_series(1, %(count)s) AS n) AS drawn""",
            {"tenant": owner.tenant_id, "body": body, "count": count},
        )
        for _, statement in indexes:
            boot.execute(statement)
        boot.execute("VACUUM (ANALYZE) audit_log")


def searched(house: House, owner: Member) -> list[Result]:
    """A page of the log by each combination of what can be asked of it, much of which finds nothing; then sealing into such a log."""
    grown(house, owner, SEARCHED)
    garbage.settle()  # as each process of the product does when it is built; else a full look at all that this one holds was the slowest search
    db = Database(house.server.url("cloister_app", house.database), pool_size=1)
    db.give(PERSONAL, KeptSubjectKeys(house.app.vault))
    with db.tenant(owner.tenant_id) as tx:
        server = int(tx.connection().exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
    times, spent = list[float](), list[float]()
    for wanted, before, oldest_first in questions(house):
        began, ours, theirs = time.perf_counter(), time.process_time(), on_processor(server)
        with db.tenant(owner.tenant_id) as tx:
            audit.list_entries(tx, wanted, before=before, limit=101, oldest_first=oldest_first)
        times.append((time.perf_counter() - began) * 1000)
        spent.append((time.process_time() - ours + on_processor(server) - theirs) * 1000)
    db.close()
    fill(house, owner, SEALED)
    seconds, _, _ = seals_all(house)
    return [
        {"name": "audit.search_10m_p95_ms", "value": statistics.quantiles(times, n=20)[-1], "unit": "ms"},
        {"name": "audit.search_10m_p50_ms", "value": statistics.median(times), "unit": "ms"},
        {"name": "audit.search_10m_max_ms", "value": max(times), "unit": "ms"},
        {"name": "audit.search_10m_cpu_p95_ms", "value": statistics.quantiles(spent, n=20)[-1], "unit": "ms"},
        {"name": "audit.search_10m_cpu_max_ms", "value": max(spent), "unit": "ms"},
        {"name": "audit.sealed_into_10m_events_per_s", "value": SEALED / seconds, "unit": "1/s"},
    ]


def on_processor(pid: int) -> float:
    """Return how many seconds a process was on a processor: what a busy machine lets it wait for is not in it."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def questions(house: House) -> list[tuple[EntryFilter, UUID | None, bool]]:
    """Each combination of kind, people, thing, period, cursor and order, in an order of chance."""
    with house.server.connect("boot", house.database) as boot:
        drawn: list[Any] = boot.execute(
            """SELECT actor_id, subject FROM cloister.audit_log WHERE position BETWEEN %s AND %s
               AND actor_id IS NOT NULL AND subject IS NOT NULL ORDER BY event_id""",
            [1_000_000_000 + SEARCHED // 2, 1_000_004_000 + SEARCHED // 2],
        ).fetchall()
    people, now = list(dict.fromkeys(actor for actor, _ in drawn))[:200], house.clock.now()
    program, bots, nobody = named("program0"), (named("bot0"), named("bot5")), [new_id() for _ in range(200)]
    kinds: list[Event | None] = [None, Event.SESSION_OPENED, Event.KEY_ROTATED, Event.LOG_EPOCH_OPENED]
    actors = [None, *map(frozenset, ([program], people[5:6], people[:12], [program, *people[:199]], nobody[:1], nobody))]
    things = [None, *bots, next(thing for _, thing in drawn if thing not in bots), new_id()]
    ago = [now - timedelta(days=days) for days in (300, 200, 170, 30)]
    periods = [(None, None), (ago[3], None), (ago[1], ago[2]), (None, ago[0])]
    asked = [
        (EntryFilter(kind, who, since, until, what), before, oldest_first)
        for kind, who, what, (since, until), before, oldest_first in itertools.product(
            kinds, actors, things, periods, (None, first_id_at(now - timedelta(days=185))), (False, True)
        )
    ]
    random.Random(1).shuffle(asked)
    return asked


def named(name: str) -> UUID:
    return UUID(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest())
