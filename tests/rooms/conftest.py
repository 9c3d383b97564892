from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.house import House, Member
from tests.support.log_packages import Exports, exporting
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


@pytest.fixture
def exports(house: House, tmp_path: Path) -> Exports:
    """Ask for a package of the log, let the worker write it, and take it away."""
    return exporting(house, tmp_path)
