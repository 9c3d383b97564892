"""How long the server takes for each page of a large organisation, how often it asks the database, and the first load.

In process: Flask's test client through the whole application, connected to Postgres as the app's role; without
gunicorn and without a network. The percentiles are of one client at a time. The whole log as one file and the table of usage are downloads
and no pages: their times stand apart.
"""

import gzip
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import event

from appliance import identity
from appliance.app import create_app
from appliance.identity.sessions import caller_of
from appliance.kernel import log
from appliance.ops import migrations
from appliance.ops.embedded_postgres import EmbeddedPostgres
from appliance.tenancy import OrganisationSettings, Review
from appliance.wsgi import settled
from tests.support.addresses import Visit, visits
from tests.support.cluster import migrate
from tests.support.crowd import Size, fill
from tests.support.house import House, Member, Server

Result = dict[str, str | float]
SIZE = Size(
    people=1_000, groups=200, collections=100, documents=10_000, passages=400, chatbots=50, conversations=100_000, own=2_000,
    longest=200, entries=200_000, calls=200_000, tokens=1_000, jobs=1_000, requests=200, organisations=50,
)  # fmt: skip
ROUNDS, SECONDS = 30, 190
"""When the rounds of all pages take longer than these seconds, the bench says so and stops."""
DOWNLOADS = {"audit.export", "api.export_audit", "usage.export"}


def run() -> list[Result]:
    """Seed, look at every page, count and measure."""
    log.configure(level="WARNING")
    sys.excepthook = sys.__excepthook__  # a bench may say where it broke
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        with EmbeddedPostgres(directory / "postgres", durable=False) as postgres, psycopg.connect(
            postgres.url(), autocommit=True
        ) as admin:  # fmt: skip
            admin.execute("CREATE DATABASE bench")
            server = Server(postgres, admin, dict.fromkeys(migrations.LOGIN_ROLES, "bench"), directory)
            migrate(server, "bench")
            house = House(server, "bench", directory, api_requests_per_minute=100_000)
            results = measured(house)
            house.close()
            return results


def measured(house: House) -> list[Result]:
    """Return the percentiles and query counts of each page, the worst, and the first loads."""
    owner, operator = house.founds("Bench", "bench@bench.example"), house.operator("olga@bench.example")
    with house.app.db.tenant(owner.tenant_id) as tx:
        identity.change_settings(tx, owner.caller, OrganisationSettings(Review.AUDITED))
    began = time.monotonic()
    ids = fill(house, owner, SIZE)
    print(f"seeded in {time.monotonic() - began:.0f} s", file=sys.stderr)
    with house.app.db.tenant(owner.tenant_id) as tx:
        owner = Member(house, caller_of(tx, owner.caller.user_id))
    every = visits(settled(create_app(house.app)), owner, operator, ids)
    return [*_of_pages(house, every), *_first_loads(every)]


def _of_pages(house: House, every: list[Visit]) -> list[Result]:
    results, worst, limit = list[Result](), 0.0, time.monotonic() + SECONDS
    for visit in every:
        if visit.name in DOWNLOADS:
            results.append(
                {"name": f"web.download.{visit.name}", "value": min(_seconds(visit) for _ in range(3)), "unit": "s"}
            )
            continue
        with counted(house) as queries:
            visit.made()
        visit.made()
        times = sorted(_seconds(visit) for _ in range(ROUNDS))
        p50, p95 = times[len(times) // 2] * 1000, times[int(len(times) * 0.95)] * 1000
        worst = max(worst, p95)
        results += [
            {"name": f"web.p50.{visit.name}", "value": p50, "unit": "ms"},
            {"name": f"web.p95.{visit.name}", "value": p95, "unit": "ms"},
            {"name": f"web.queries.{visit.name}", "value": len(queries), "unit": "queries"},
        ]
        if time.monotonic() > limit:
            sys.exit(f"the pages took longer than {SECONDS} s together; the last was {visit.name}")
    busy = os.getloadavg()[0] / (os.cpu_count() or 1)  # above 1, others had the processors too: read p50 then
    return [
        *results,
        {"name": "web.p95.worst", "value": worst, "unit": "ms"},
        {"name": "web.load", "value": busy, "unit": "processes a processor"},
    ]


def _seconds(visit: Visit) -> float:
    began = time.perf_counter()
    visit.made()
    return time.perf_counter() - began


@contextmanager
def counted(house: House) -> Iterator[list[str]]:
    """Collect the statements that the site sends to the database, the binding of each transaction too."""
    statements: list[str] = []

    def note(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    event.listen(house.app.db.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(house.app.db.engine, "before_cursor_execute", note)


def _first_loads(every: list[Visit]) -> list[Result]:
    by_name = {visit.name: visit for visit in every}
    return [
        {"name": f"web.first_load_bytes.{name}", "value": first_load(by_name[name]), "unit": "bytes"}
        for name in ("signin.sign_in_page", "overview.show")
    ]


def first_load(visit: Visit) -> int:
    """Return how many bytes a browser that was never here is sent for a page: its HTML, and what that names."""
    accepted = {"Accept-Encoding": "gzip"}
    page = visit.client.get(visit.path, headers=accepted)
    html = gzip.decompress(page.data) if page.content_encoding == "gzip" else page.data
    files = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', html.decode()))
    assert files, "a page without its style is no first load"
    answers = [visit.client.get(file.replace("&amp;", "&"), headers=accepted) for file in files]
    assert all(answer.status_code == 200 for answer in answers)
    return len(page.data) + sum(len(answer.data) for answer in answers)
