"""What row-level security and the audit record cost, as ratios within one run."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from appliance import audit
from appliance.audit import Actor, ActorKind, Event
from appliance.ops import migrations
from appliance.ops.embedded_postgres import EmbeddedPostgres
from tests.support.cluster import migrate
from tests.support.house import House, Server

Result = dict[str, str | float]
ROUNDS = 300


def run() -> list[Result]:
    """Measure a transaction without, with a tenant, and with an audit record."""
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        with EmbeddedPostgres(directory / "postgres") as postgres, psycopg.connect(
            postgres.url(), autocommit=True
        ) as admin:  # fmt: skip
            admin.execute("CREATE DATABASE bench")
            server = Server(postgres, admin, dict.fromkeys(migrations.LOGIN_ROLES, "bench"), directory)
            migrate(server, "bench")
            house = House(server, "bench", directory)
            results = measured(house)
            house.close()
            return results


def measured(house: House) -> list[Result]:
    """Interleave the three kinds, and take each one's best."""
    owner = house.founds("Bench", "bench@bench.example")
    db = house.app.db

    def platform() -> None:
        with db.platform() as tx:
            tx.connection().exec_driver_sql("SELECT 1")

    def tenant() -> None:
        with db.tenant(owner.tenant_id) as tx:
            tx.connection().exec_driver_sql("SELECT count(*) FROM documents")

    def recorded() -> None:
        with db.tenant(owner.tenant_id) as tx:
            audit.record(tx, Actor(ActorKind.SYSTEM), Event.LOG_READ)

    best = dict.fromkeys((platform, tenant, recorded), float("inf"))
    for _ in range(3):
        for kind in best:
            best[kind] = min(best[kind], seconds(kind))
    return [
        {"name": "platform transaction", "value": best[platform] * 1000, "unit": "ms"},
        {"name": "tenant transaction to platform", "value": best[tenant] / best[platform], "unit": "ratio"},
        {"name": "durable audit record to platform", "value": best[recorded] / best[platform], "unit": "ratio"},
    ]


def seconds(kind: Callable[[], None]) -> float:
    """Return the mean of many."""
    began = time.perf_counter()
    for _ in range(ROUNDS):
        kind()
    return (time.perf_counter() - began) / ROUNDS
