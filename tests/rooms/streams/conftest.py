"""One house and one peer for all streams: a house of one's own for each would take most of the time."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.support.house import House, Member, Server
from tests.support.model_host import Upstream, upstream
from tests.support.streams import OK

_numbers = itertools.count()


@pytest.fixture(scope="package")
def host() -> Iterator[Upstream]:
    with upstream() as found:
        yield found


@pytest.fixture
def peer(host: Upstream) -> Upstream:
    host.says(OK)
    return host


@pytest.fixture(scope="package")
def shared(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, Member]]:
    name = server.clone("template_house")
    house = House(server, name, tmp_path_factory.mktemp("house"), egress_allow=["127.0.0.1:*"])
    yield house, house.operator("olga@host.example")
    house.close()
    server.drop(name)


@pytest.fixture
def house(shared: tuple[House, Member]) -> Iterator[House]:
    house, _ = shared
    house.clock._now = datetime.now(UTC)
    yield house
    with house.server.connect("boot", house.database) as boot:
        boot.execute("DELETE FROM cloister.audit_sinks")


@pytest.fixture
def olga(house: House, shared: tuple[House, Member]) -> Member:
    return shared[1]


@pytest.fixture
def ada(house: House) -> Member:
    return house.founds("Harrow", f"ada{next(_numbers)}@harrow.example")


@pytest.fixture
def bo(house: House) -> Member:
    return house.founds("Birch", f"bo{next(_numbers)}@birch.example")
