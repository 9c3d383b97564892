"""A policy on data as somebody meets it in the chat, in a real Chromium."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import cast
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page

from appliance import tenancy
from appliance.assembly import assemble
from appliance.dlp import Action, Category, Direction, PolicyRule
from appliance.settings import Settings
from tests.support.browsing import WIDE, Watch, signs_in
from tests.support.house import House
from tests.support.policies import put_in_force
from tests.support.product import Person, Product

pytestmark = pytest.mark.browser
ADA = "ada@lamps.example"
NOTE = "The lamps of the north gate are ordered from anna.schmidt@lamps.example every Tuesday."
PAYS = "Do we pay DE89 3704 0044 0532 0130 00 for the lamps?"


@pytest.fixture(scope="module", autouse=True)
def _protected(product: Product, founds: Callable[[str], Person], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("surrogates") / "lamps.txt"
    path.write_text(NOTE)
    rules = [
        PolicyRule(uuid4(), Action.BLOCK, frozenset({Category.IBAN}), directions=frozenset({Direction.PROMPT})),
        PolicyRule(uuid4(), Action.TOKENISE, frozenset({Category.EMAIL})),
    ]
    services = assemble(Settings(data_dir=product.data_dir), role="worker")
    with services.db.platform() as tx:
        others = set(tenancy.list_tenants(tx))
    ada = founds(ADA)
    ada.waits_for(*(one["id"] for one in ada.uploads(path)))
    with services.db.platform() as tx:
        (tenant_id,) = set(tenancy.list_tenants(tx)) - others
    put_in_force(cast("House", SimpleNamespace(app=services, clock=services.clock)), tenant_id, rules)
    services.close()


@pytest.fixture
def page(product: Product, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=WIDE)
    page = context.new_page()
    signs_in(page, product.address, ADA)
    yield page
    context.close()


def test_it_shows_values_and_says_what_was_replaced_and_what_may_not_be_asked(product: Product, page: Page) -> None:
    watch = Watch(page, product.address)
    page.goto(f"{product.address}/chat")
    page.get_by_role("button", name="New conversation").first.click()
    field = page.locator("#question")
    field.fill("From whom are the lamps of the north gate ordered?")
    page.locator("[data-send]").click()
    answer = page.locator(".message.assistant:not(.pending)").last
    answer.get_by_text("1 value was replaced by a stand-in").wait_for(timeout=60_000)

    assert "anna.schmidt@lamps.example" in answer.inner_text()
    assert "[EMAIL" not in page.locator("main").inner_text()

    field.fill(PAYS)
    page.locator("[data-send]").click()
    refused = page.locator(".message.refused")
    refused.wait_for(timeout=60_000)
    assert 'IBAN), by the rule "Rule 1" of your organisation' in refused.inner_text()
    assert field.input_value() == PAYS

    page.reload()
    assert page.locator(".message").count() == 2
    assert "1 value was replaced by a stand-in" in page.locator(".message.assistant").inner_text()
    assert (watch.complaints, watch.foreign) == ([], [])
