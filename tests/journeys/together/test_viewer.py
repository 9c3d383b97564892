"""A citation in Chromium: the page is drawn, and the quoted words are marked and in sight."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page

from tests.support import papers
from tests.support.browsing import signs_in
from tests.support.product import Person, Product

pytestmark = pytest.mark.browser
ADA = "ada@viewer.example"
RULES = papers.rules(120, 6)


@pytest.fixture(scope="module", autouse=True)
def _asked(founds: Callable[[str], Person], tmp_path_factory: pytest.TempPathFactory) -> None:
    ada = founds(ADA)
    path = tmp_path_factory.mktemp("viewer") / "rules.pdf"
    path.write_bytes(papers.two_columns(RULES))
    uploaded = ada.uploads(path)
    ada.waits_for(*(one["id"] for one in uploaded))
    subject = RULES[-1].split(". ")[-1].split(" number")[0].lower()
    ada.asks(f"What is said of {subject} number {RULES[-1].split('number ')[-1][:4]}?")


def enters(context: BrowserContext, product: Product) -> Page:
    page = context.new_page()
    signs_in(page, product.address, ADA)
    return page


def is_in_sight(page: Page, mark: Locator) -> bool:
    box, size = mark.bounding_box(), page.viewport_size
    assert box is not None
    assert size is not None
    return 0 <= box["y"] <= size["height"] - box["height"] and 0 <= box["x"] <= size["width"] - box["width"]


@pytest.mark.parametrize(("width", "height", "has_script"), [(1440, 900, True), (1440, 900, False), (390, 844, True)])
def test_a_citation_leads_to_its_words_on_the_page(
    product: Product, browser: Browser, width: int, height: int, has_script: bool
) -> None:
    context = browser.new_context(viewport={"width": width, "height": height}, java_script_enabled=has_script)
    page = enters(context, product)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto(f"{product.address}/chat")
    page.locator("main li", has=page.locator("time")).first.locator("a").click()
    page.locator(".sources a").first.click()
    page.locator("#cited").wait_for(state="attached")
    page.wait_for_load_state("networkidle")

    assert (
        page.locator(".paper img").evaluate("img => img.complete && img.naturalWidth") == 1000 if has_script else True
    )
    assert is_in_sight(page, page.locator("#cited"))
    assert page.locator(".reader mark").count() >= 1
    quoted = " ".join(page.locator(".reader mark").all_inner_texts())
    assert quoted in " ".join(RULES)
    assert complaints == []
    if has_script:
        assert page.locator("main").evaluate("main => main.scrollWidth <= document.documentElement.clientWidth")
        faults = [
            one["id"] for one in Axe().run(page).response["violations"] if one["impact"] in {"serious", "critical"}
        ]
        assert faults == []
    page.get_by_role("link", name="Larger").click()
    page.locator(".paper img[src*='width=1400']").wait_for()
    page.get_by_label("Page", exact=True).fill("1")
    page.get_by_role("button", name="Go").click()
    page.locator(".paper img[src*='/pages/1?width=1400']").wait_for()
    context.close()
