"""One embedded Postgres a test process, one template database with the schema, and a clone of it for each test."""

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from xdist.scheduler.loadfile import LoadFileScheduling

import appliance.identity.scim.protocol  # noqa: F401 - pydantic looks for its fields' texts in all that is loaded, and here that is little
from appliance.ops.embedded_postgres import EmbeddedPostgres
from appliance.ops.launch import DATABASE
from tests.support.cluster import PASSWORDS, Cluster, gives_passwords
from tests.support.house import House, Server
from tests.support.product import Product
from tests.support.scratch import writes_in_memory
from tests.support.warm import warm

os.environ["PLAYWRIGHT_BROWSERS_PATH"] = "0"
gc.set_threshold(10_000, 10, 10)  # a house comes and goes with each test, and looking for its rings took a seventh of the time
writes_in_memory()


@pytest.fixture(scope="session", autouse=True)
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """What servers and products begin with; the processes of one run share it."""
    own = tmp_path_factory.getbasetemp()
    Product.cluster = Cluster((own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "cluster")
    return Product.cluster


@pytest.fixture(scope="session")
def server(cluster: Cluster) -> Iterator[Server]:
    """A Postgres with the schema in a template database."""
    directory = Path(tempfile.mkdtemp(prefix="cloister-test-"))
    cluster.copy(directory / "postgres")
    with EmbeddedPostgres(directory / "postgres", durable=False, log=directory / "postgres.log") as postgres:
        with psycopg.connect(postgres.url(), autocommit=True) as admin:
            _signs_in_cheaply(admin)
            admin.execute(f"ALTER DATABASE {DATABASE} RENAME TO template_house")
            server = Server(postgres, admin, PASSWORDS, directory)
            gives_passwords(server, "template_house")
            yield server
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _built_once() -> Iterator[None]:
    with warm():
        yield


@pytest.fixture(scope="session")
def begun(server: Server) -> str:
    """A database that belongs to a root key, and has the platform's keys: what a house does first, and all of them alike."""
    return House.begins(server, "template_house")


@pytest.fixture
def database(server: Server, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a database of this test's own: a house's, if it asks for one, else with the schema alone."""
    name = server.clone(request.getfixturevalue("begun") if "house" in request.fixturenames else "template_house")
    yield name
    server.drop(name)


@pytest.fixture
def house(server: Server, database: str, tmp_path: Path) -> Iterator[House]:
    """The rooms over that database, connected as the app and the worker."""
    house = House(server, database, tmp_path)
    yield house
    house.close()


def _signs_in_cheaply(admin: "psycopg.Connection[tuple[object, ...]]") -> None:
    # A test connects a dozen times. The rounds are for whoever steals a verifier, and nobody tests them.
    admin.execute("ALTER SYSTEM SET scram_iterations = 1")
    admin.execute("SELECT pg_reload_conf()")


TOGETHER = "tests/journeys/together/"
# With a file a process at a time, the run ends with whichever began last: the longest ones go first.
LONGEST = (
    "journeys/test_every_page.py", "together/test_keyboard.py", "together/test_surrogates.py", "together/test_viewer.py",
    "together/test_without_script.py", "journeys/test_backup.py", "journeys/test_operating.py", "journeys/test_planted_keys.py",
    "journeys/test_kills.py", "doors/test_openapi.py", "journeys/test_packets.py", "knowledge/test_nasty.py",
    "journeys/test_many_files.py",
    "journeys/test_four_templates.py", "doors/test_clients.py", "doors/test_authorisation_pages.py",
    "journeys/test_sign_on.py", "doors/test_authorisation.py", "doors/test_citations.py",
    "doors/test_authorisation_console.py",
    "doors/test_scanning.py", "journeys/test_gateway_broken.py", "doors/test_bad_providers.py",
    "journeys/test_uploading.py", "journeys/test_evaluation.py", "laws/test_no_canary_leaves.py",
    "doors/test_search.py", "journeys/test_browser.py", "rooms/test_vault_kills.py", "journeys/test_slow_clients.py",
    "journeys/test_passkeys.py", "journeys/test_deprovisioning.py", "journeys/test_saml_sign_on.py",
    "journeys/test_gateway_process.py", "rooms/test_incomplete.py",
    "rooms/test_anchors.py", "journeys/test_gateway_without_database.py", "doors/test_page_costs.py",
    "laws/test_house.py",
)  # fmt: skip


class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """A file a process at a time; a folder of journeys at one product is as one file."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return TOGETHER if file.startswith(TOGETHER) else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling | None:
    """Hand tests out so, where files are handed out whole."""
    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_finish() -> None:
    """Take what was collected out of the garbage collector's sight: it stays, and going through it again and again took a third of the time."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get("/".join(item.path.parts[-2:]), len(places)))
