"""One embedded Postgres a test process, one template database with the schema, and a clone of it for each test."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from argon2 import PasswordHasher
from werkzeug.routing import Rule

from appliance.kernel import sealing
from appliance.kernel.db import make_engine
from appliance.ops import migrations
from appliance.ops.embedded_postgres import EmbeddedPostgres
from appliance.providers.local.embeddings import LocalEmbedder
from tests.support.house import House, Server

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
def models() -> Iterator[None]:
    """Each house loads its models anew; a process of tests loads each built one once, or that takes half of its time."""
    loaded: dict[tuple[Path, int], object] = {}
    load, built = LocalEmbedder._load, House.models_directory().resolve()

    def once(embedder: LocalEmbedder) -> object:
        key = embedder._directory.resolve(), embedder._threads
        if key[0].parent != built:
            return load(embedder)
        return loaded[key] if key in loaded else loaded.setdefault(key, load(embedder))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalEmbedder, "_load", once)
        yield


@pytest.fixture(scope="session", autouse=True)
def routes() -> Iterator[None]:
    """Each site compiles its hundreds of addresses anew, a third of a test's set-up; a process of tests does so once."""
    compiled: dict[tuple[object, ...], object] = {}
    compile_builder = Rule._compile_builder

    def once(rule: Rule, append_unknown: bool = True) -> object:
        if rule.defaults:
            return compile_builder(rule, append_unknown)
        key = rule.rule, tuple(rule._trace), append_unknown
        return compiled[key] if key in compiled else compiled.setdefault(key, compile_builder(rule, append_unknown))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", once)
        yield


@pytest.fixture(scope="session", autouse=True)
def passwords() -> Iterator[None]:
    """Passwords in process are hashed in a moment; `test_kernel` holds the product's own cost, and journeys pay it."""
    quick = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealing, "_hasher", quick)
        patch.setattr(sealing, "_DUMMY", quick.hash("nobody's"))
        yield


@pytest.fixture(scope="session", autouse=True)
def disk() -> Iterator[None]:
    """Files in process survive no power cut either, as the database does not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
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
