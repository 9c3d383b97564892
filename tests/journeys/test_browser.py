"""The first hour of a newcomer, in a real Chromium."""

import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, sync_playwright

from tests.support.house import SAMPLES
from tests.support.product import PASSWORD, Product

pytestmark = pytest.mark.browser
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with Product(tmp_path_factory.mktemp("browser") / "data", from_nothing=True) as product:
        yield product


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def context(playwright: Playwright) -> Iterator[BrowserContext]:
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
    )
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield context
    browser.close()


def test_it_leads_a_newcomer_to_a_cited_answer(product: Product, context: BrowserContext) -> None:
    page = context.new_page()
    complaints: list[str] = []
    foreign: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("request", lambda sent: None if sent.url.startswith(product.address) else foreign.append(sent.url))
    sets_up(page, product)
    uploads(page, product)
    asks(page, product)
    page.locator(".sources a").first.click()
    assert "28 days" in page.locator(".marked").inner_text()
    assert complaints == []
    assert foreign == []


def sets_up(page: Page, product: Product) -> None:
    page.goto(product.link)
    page.get_by_label("Organisation").fill("Harrow Textiles")
    page.get_by_label("Your name").fill("Ada Harrow")
    page.get_by_label("E-mail address").fill("ada@harrow.example")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Create organisation").click()
    page.get_by_role("heading", name="Harrow Textiles").wait_for()


def uploads(page: Page, product: Product) -> None:
    page.goto(f"{product.address}/documents")
    page.set_input_files("#files", [str(SAMPLES / "leave-and-travel.pdf"), str(SAMPLES / "security-handbook.docx")])
    page.get_by_role("button", name="Upload").click()
    page.locator("[data-status=ready]").nth(1).wait_for(timeout=60_000)


def asks(page: Page, product: Product) -> None:
    page.goto(f"{product.address}/chat")
    page.get_by_role("button", name="New conversation").click()
    page.wait_for_url(re.compile("/chat/[0-9a-f-]{36}$"))  # loaded, with the script that sends on Enter
    page.get_by_label("Your question").fill("How many days of paid annual leave does an employee receive?")
    page.keyboard.press("Enter")
    page.locator(".sources a").first.wait_for(timeout=60_000)
    page.locator("[data-messages][aria-busy=false]").wait_for()  # the whole answer
    assert "28 days" in page.locator(".message.assistant").last.inner_text()


def test_it_fits_a_telephone_and_the_dark(product: Product, context: BrowserContext) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    for path in ("/", "/documents", "/chat", "/people", "/audit", "/settings", "/account", "/chatbots"):
        page.goto(product.address + path)
        box = page.locator("html").bounding_box()
        assert box is not None
        assert page.locator("main").evaluate("main => main.scrollWidth <= 390"), path


def test_it_can_be_used_with_the_keyboard_alone(product: Product, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{product.address}/documents")
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to the content"
    for control in page.locator("input:not([type=hidden]), select, textarea").all():
        name = control.get_attribute("aria-label") or control.evaluate("field => field.labels.length > 0")
        assert name


def test_it_works_without_script(product: Product, playwright: Playwright, context: BrowserContext) -> None:
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
    )
    plain = browser.new_context(java_script_enabled=False, storage_state=context.storage_state())
    page = plain.new_page()
    page.goto(f"{product.address}/chat")
    page.get_by_role("button", name="New conversation").click()
    page.get_by_label("Your question").fill("When must a lost laptop be reported?")
    page.get_by_role("button", name="Ask").click()
    page.locator(".sources").wait_for(timeout=60_000)
    assert "within one hour" in page.locator(".message.assistant").inner_text()
    browser.close()
