from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.anchoring import Authority, Witness, anchored, stamping, witnessing
from tests.support.attacks import Rig
from tests.support.house import Boot, House, Member, Server
from tests.support.log_packages import Exports, exporting
from tests.support.queue import Worker


@pytest.fixture
def ada(house: House) -> Member:
    return house.founds("Harrow", "ada@harrow.example")


@pytest.fixture
def bo(house: House) -> Member:
    return house.founds("Birch", "bo@birch.example")


@pytest.fixture
def boot(house: House) -> Iterator[Boot]:
    """Whoever sees every organisation's rows."""
    with house.server.connect("boot", house.database) as connection:
        yield connection


@pytest.fixture
def worker(house: House) -> Iterator[Worker]:
    worker = Worker(house)
    yield worker
    worker.close()


@pytest.fixture
def exports(house: House, tmp_path: Path) -> Exports:
    """Ask for a package of the log, let the worker write it, and take it away."""
    return exporting(house, tmp_path)


@pytest.fixture(scope="module")
def lasting_house(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for all tests of a file, each with organisations of its own: a house for each would take most of the time."""
    database = server.clone("template_house")
    house = House(server, database, tmp_path_factory.mktemp("house"))
    yield house
    house.close()
    server.drop(database)


@pytest.fixture(scope="module")
def witness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Witness]:
    with witnessing(tmp_path_factory.mktemp("witness")) as witness:
        yield witness


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with stamping(tmp_path_factory.mktemp("tsa")) as authority:
        yield authority


@pytest.fixture
def anchored_house(
    server: Server, database: str, tmp_path: Path, witness: Witness, authority: Authority
) -> Iterator[House]:
    """A house whose log a witness sees and an authority time-stamps, both there and on time."""
    authority.is_away, authority.later = False, 0
    house = House(server, database, tmp_path, **anchored(witness, authority))
    yield house
    house.close()


@pytest.fixture
def rig(house: House, ada: Member, tmp_path: Path, witness: Witness, authority: Authority) -> Rig:
    """What attacks on an anchored log begin with."""
    return Rig(house, ada, tmp_path, witness, authority)
