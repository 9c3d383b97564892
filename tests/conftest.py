"""One embedded Postgres a test process, one template database with the schema, and a clone of it for each test."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from appliance.kernel.db import make_engine
from appliance.ops import migrations
from appliance.ops.embedded_postgres import EmbeddedPostgres
from tests.support.house import House, Server
from tests.support.warm import warm

PASSWORDS = {role: f"test-password-of-{role}" for role in migrations.LOGIN_ROLES}
os.environ["PLAYWRIGHT_BROWSERS_PATH"] = "0"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A Postgres with the schema in a template database."""
    directory = Path(tempfile.mkdtemp(prefix="cloister-test-"))
    with EmbeddedPostgres(directory / "postgres", durable=False, log=directory / "postgres.log") as postgres:
        with psycopg.connect(postgres.url(), autocommit=True) as admin:
            admin.execute("CREATE DATABASE template_house")
            server = Server(postgres, admin, PASSWORDS, directory)
            migrate(server, "template_house")
            yield server
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _built_once() -> Iterator[None]:
    with warm():
        yield


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """The name of a database of this test's own."""
    name = server.clone("template_house")
    yield name
    server.drop(name)


@pytest.fixture
def house(server: Server, database: str, tmp_path: Path) -> Iterator[House]:
    """The rooms over that database, connected as the app and the worker."""
    house = House(server, database, tmp_path)
    yield house
    house.close()


def migrate(server: Server, database: str) -> None:
    """Create roles and schema, as an operator would."""
    boot = make_engine(server.url("cloister_boot", database), pool_size=1)
    migrations.prepare_roles(boot, server.passwords)
    boot.dispose()
    migrator = make_engine(server.url("cloister_migrator", database), pool_size=2)
    migrations.upgrade(migrator)
    migrator.dispose()


# With a file a process at a time, the run ends with whichever began last: the longest ones go first.
LONGEST = (
    "doors/test_openapi.py", "journeys/test_every_page.py", "knowledge/test_nasty.py", "journeys/test_operating.py",
    "rooms/test_incomplete.py", "journeys/test_kills.py", "journeys/test_backup.py", "doors/test_citations.py",
    "doors/test_authorisation_console.py", "doors/test_xss.py", "doors/test_api_examples.py", "rooms/test_vault_kills.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get("/".join(item.path.parts[-2:]), len(places)))
