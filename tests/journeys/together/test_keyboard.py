"""A working day by keyboard alone: nothing but presses, a ring on every stop, and no trap."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.support.browsing import NARROW, WIDE, Watch, faults
from tests.support.house import SAMPLES
from tests.support.product import PASSWORD, Person, Product

pytestmark = pytest.mark.browser
ADA = "ada@keys.example"
MOST_STOPS = 150
NAME = """() => { const one = document.activeElement;
  const label = one.labels?.length ? one.labels[0].innerText : "";
  return (one.getAttribute("aria-label") || label || one.innerText || one.name || "").trim().replace(/\\s+/g, " "); }"""
# The ring of focus: an outline that is drawn, in view.
RING = """() => { const one = document.activeElement; const style = getComputedStyle(one); const box = one.getBoundingClientRect();
  return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && box.bottom > 0 && box.top < innerHeight; }"""


@pytest.fixture(scope="module")
def page(product: Product, founds: Callable[[str], Person], browser: Browser) -> Iterator[Page]:
    """Ada's browser; she signs in by keyboard too."""
    ada = founds(ADA)
    ada.waits_for(ada.uploads(SAMPLES / "fire-drill.txt")[0]["id"])
    page = browser.new_page(viewport=WIDE)
    watch = Watch(page, product.address)
    # Whoever listens takes the dialog over, but nobody waits until Chromium knows: on a busy host a press that comes
    # right after overtakes it. So somebody listens from the start.
    page.on("filechooser", lambda _: None)
    page.goto(product.address)
    goes_to(page, "E-mail address")
    page.keyboard.type(ADA)
    goes_to(page, "Password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Harrow Textiles").wait_for()
    yield page
    assert watch.complaints == watch.foreign == []
    page.close()


def goes_to(page: Page, name: str) -> None:
    """Press Tab until a control of this name has the focus; each stop shows where it is."""
    for _ in range(MOST_STOPS):
        if re.match(name, page.evaluate(NAME)):
            return
        page.keyboard.press("Tab")
        assert page.evaluate(RING) or page.evaluate("document.activeElement === document.body"), page.evaluate(NAME)
    raise AssertionError(f"{name} is not reached by Tab")


def opens(page: Page, link: str) -> None:
    """Follow a link of the menu."""
    goes_to(page, link)
    page.keyboard.press("Enter")
    page.get_by_role("heading", level=1, name=link).wait_for()
    page.wait_for_load_state()


def test_she_uploads_a_document_and_deletes_it(page: Page) -> None:
    opens(page, "Documents")
    goes_to(page, "Choose files")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(SAMPLES / "cafeteria.md")
    goes_to(page, "Upload$")
    page.keyboard.press("Enter")
    page.locator("[data-status=ready]").nth(1).wait_for(timeout=60_000)
    title = page.locator("tbody .head a").first.inner_text()

    goes_to(page, f"Delete {re.escape(title)}")
    page.keyboard.press("Enter")
    assert "are lost" in page.locator(".sure[open]").inner_text()
    goes_to(page, "Delete for good")
    page.keyboard.press("Enter")
    page.get_by_role("status").get_by_text("The document is deleted").wait_for()
    assert title not in page.locator("tbody").inner_text()


def test_a_row_in_use_keeps_the_focus_when_another_one_changes(page: Page, product: Product) -> None:
    ada = Person(product.address)
    ada.signs_in(ADA)
    ada.waits_for(ada.uploads(SAMPLES / "cafeteria.md")[0]["id"])
    opens(page, "Documents")
    used = page.locator("tbody .head a").last.inner_text()
    goes_to(page, f"Delete {re.escape(used)}")

    def changes(route: Route) -> None:
        said = route.fetch().text()
        route.fulfill(body=said.replace("<tr ", "<tr data-seen ", 1), content_type="text/html")

    page.route("**/documents/rows*", changes)
    page.evaluate("document.dispatchEvent(new Event('uploaded'))")
    page.locator("tr[data-seen]").wait_for()
    page.unroute("**/documents/rows*")
    assert re.match(f"Delete {re.escape(used)}", page.evaluate(NAME))


def test_she_asks_and_stops_an_answer(page: Page) -> None:
    opens(page, "Chat")
    goes_to(page, "New conversation")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/chat/[0-9a-f-]{36}$"))
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/messages", hold)  # a slow host: the answer does not come yet
    goes_to(page, "Your question")
    page.keyboard.type("Where is the assembly point?")
    page.keyboard.press("Enter")
    page.get_by_text("Searching your documents").first.wait_for()
    assert faults(page) == []
    goes_to(page, "Stop")
    page.keyboard.press("Enter")
    page.locator(".message").get_by_text("Stopped.").wait_for()
    page.unroute("**/messages")

    page.keyboard.press("Enter")  # the field has the focus again, with what was typed
    page.locator(".sources a").first.wait_for(timeout=60_000)
    page.locator("[data-messages][aria-busy=false]").wait_for()  # the field has had the focus, and takes it no more
    assert "oak tree" in page.locator(".message.assistant").last.inner_text()
    goes_to(page, "Good or bad")
    page.keyboard.press("Enter")
    goes_to(page, "Comment")
    page.keyboard.type("It quotes the right line")
    goes_to(page, "Good$")
    page.keyboard.press("Enter")
    page.get_by_text("You found it good").wait_for()


def test_she_creates_a_chatbot_and_publishes_it(page: Page) -> None:
    opens(page, "Chatbots")
    goes_to(page, "Name$")
    page.keyboard.type("Canteen")
    page.keyboard.press("Enter")
    page.get_by_role("heading", level=1, name="Canteen").wait_for()
    goes_to(page, "Publish the draft")
    page.keyboard.press("Enter")
    page.get_by_text("The draft is published").wait_for()


def test_she_invites_a_person(page: Page) -> None:
    opens(page, "People")
    goes_to(page, "Invite a person")
    page.keyboard.press("Enter")
    goes_to(page, "E-mail address")
    page.keyboard.type("mia@harrow.example")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="A link for mia@harrow.example").wait_for()
    assert "/join?link=" in page.get_by_label("Link").input_value()


def test_she_opens_the_menu_on_a_telephone_and_changes_her_language(page: Page, product: Product) -> None:
    page.set_viewport_size(NARROW)
    page.goto(product.address)
    goes_to(page, "Menu")
    page.keyboard.press("Enter")
    goes_to(page, "Ada")
    page.keyboard.press("Enter")
    page.get_by_role("heading", level=1, name="Ada").wait_for()
    goes_to(page, "Language")
    page.keyboard.type("Deutsch")
    goes_to(page, "Save profile")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Zweite Faktoren").wait_for()
    assert page.locator("html").get_attribute("lang") == "de"
    assert faults(page) == []
