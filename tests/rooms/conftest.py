from collections.abc import Iterator

import pytest

from tests.support.house import House, Member
from tests.support.queue import Worker


@pytest.fixture
def ada(house: House) -> Member:
    return house.founds("Harrow", "ada@harrow.example")


@pytest.fixture
def bo(house: House) -> Member:
    return house.founds("Birch", "bo@birch.example")


@pytest.fixture
def worker(house: House) -> Iterator[Worker]:
    worker = Worker(house)
    yield worker
    worker.close()
