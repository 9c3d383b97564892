"""One running product and one Chromium for the journeys of this folder, which found organisations of their own.

Starting a product, loading its models and starting a browser take longer than most of what is done with them. A process of
tests takes the whole folder (`tests/conftest.py`). A journey that kills, stops or sets up a product has one of its own.
"""

import json
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support.browsing import launched
from tests.support.product import Person, Product


@pytest.fixture(scope="package")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with Product(tmp_path_factory.mktemp("together") / "data") as product:
        yield product


@pytest.fixture(scope="package")
def founds(product: Product) -> Callable[[str], Person]:
    """Create an organisation whose owner has this address, by a set-up link."""
    return lambda email: Person(product.address).sets_up(json.loads(product.types("setup", "--json").stdout)["url"], email=email)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield launched(playwright)
