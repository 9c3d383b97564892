"""Every page that a role can reach, in Chromium: axe, widths, themes, states, no foreign request, no CSP report."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.browsing import (
    LOOKS,
    NARROW,
    WIDE,
    Look,
    Watch,
    accepts,
    faults,
    joins,
    launched,
    looks,
    pages_of,
    signs_in,
)
from tests.support.house import SAMPLES
from tests.support.product import Person, Product

pytestmark = pytest.mark.browser
PEOPLE = {
    "owner": "ada@harrow.example", "admin": "eve@harrow.example", "auditor": "aud@harrow.example",
    "member": "mia@harrow.example", "operator": "olga@host.example",
}  # fmt: skip
AT_LEAST = {"owner": 21, "admin": 21, "auditor": 7, "member": 7, "operator": 7}
FEW: list[Look] = [(WIDE, "light"), (NARROW, "dark")]
# Pages that several roles have are looked at in another look by each; the long form has all looks for whoever has most pages,
# and those few for every role.
LOOKS_OF: dict[str, list[Look]] = {
    "owner": [(WIDE, "light")], "admin": [(NARROW, "dark")], "auditor": [(NARROW, "light")], "member": [(WIDE, "dark")],
}  # fmt: skip
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2
# Where a form stands, its address, what is typed into it, and the field that is refused.
REFUSED = [
    ("/people", "/people/invitations", {"email": "nobody"}, "email"),
    ("/groups", "/groups", {"name": " "}, "name"),
    ("/collections", "/collections", {"name": " ", "description": "kept"}, "name"),
    ("/chatbots", "/chatbots", {"name": " ", "welcome": "kept"}, None),
    ("/tokens", "/tokens", {"name": "kept", "days": "soon"}, "days"),
    ("/tokens", "/tokens/service-accounts", {"name": " "}, "name"),
    ("/budgets", "/budgets", {"name": "Kept", "hard": "much"}, "hard"),
    ("/settings", "/settings/budget", {"monthly_tokens": "many"}, "monthly_tokens"),
    ("/settings", "/settings/privacy", {"link_hosts": "https://kept/x"}, "link_hosts"),
    ("/providers", "/providers", {"name": "kept", "kind": "openai", "label": "Key"}, "key"),
    ("/account", "/account/profile", {"name": " "}, "name"),
    ("/account", "/account/password", {"current": "wrong", "new": "a sentence that is long enough"}, "current"),
    ("/documents", "/documents", {}, None),
]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with Product(tmp_path_factory.mktemp("pages") / "data") as product:
        ada = Person(product.address).sets_up(product.link)
        folder = tmp_path_factory.mktemp("files")
        uploaded = ada.uploads(SAMPLES / "leave-and-travel.pdf", SAMPLES / "fire-drill.txt", *awkward(folder))
        ada.waits_for(*(one["id"] for one in uploaded))
        conversation = ada.starts_conversation()
        ada.asks("How many days of paid annual leave does an employee receive?", conversation=conversation)
        ada.asks("Who won the ice hockey championship?", conversation=conversation)
        for role in ("admin", "auditor", "member"):
            joins(product, PEOPLE[role], role)
        made = product.types("operator", "invite", PEOPLE["operator"], "--json")
        accepts(product, json.loads(made.stdout)["url"], "Olga")
        furnishes(product, ada)
        yield product


def awkward(folder: Path) -> list[Path]:
    """Files that end in each state, one of them with a long name and no space in it."""
    contents = {
        "broken.pdf": b"%PDF-1.4 rubbish",
        "expenses.txt": b"The card is 4111 1111 1111 1111.",
        "x" * 200 + ".txt": b"Six.",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


def furnishes(product: Product, ada: Person) -> None:
    """Fill the pages that would be empty, with names that are hard to set."""
    product.types("group", "create", "--name", LONG[:120])
    product.types("token", "create", "--name", LONG[:120], "--scopes", "chat")
    product.types("user", "create-invitation", "--email", "guest@harrow.example")
    key = product.data_dir.parent / "key-of-a-test"
    key.write_text("sk-of-a-test-0123456789")
    words = ("--label", LONG[:120], "--expires-at", "2126-01-01T00:00:00Z", "--check", "false", "--key-file", str(key))
    product.types("provider", "create", "--name", LONG[:60].lower().replace("ä", "a"), "--kind", "openai", *words)
    due = datetime.now(UTC) + timedelta(days=30)
    product.types("access-review", "start", "--name", LONG[:120], "--due-at", due.isoformat())
    ada.posts("/collections", name=LONG[:120], description=LONG * 3, audience="groups")
    ada.posts("/settings/privacy", conversation_review="audited", link_hosts="")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield launched(playwright)


@pytest.mark.parametrize("role", PEOPLE)
def test_every_page_of_a_role_is_fit_for_everybody(product: Product, browser: Browser, role: str) -> None:
    sees_all(product, browser, role, LOOKS_OF.get(role, FEW))


@pytest.mark.long
@pytest.mark.parametrize("role", PEOPLE)
def test_every_page_of_a_role_is_fit_in_few_looks(product: Product, browser: Browser, role: str) -> None:
    sees_all(product, browser, role, FEW)


def sees_all(product: Product, browser: Browser, role: str, these: list[Look]) -> None:
    """Go through all pages of a role, and look at each."""
    page = browser.new_page(viewport=WIDE)
    watch = Watch(page, product.address)
    signs_in(page, product.address, PEOPLE[role])
    paths = pages_of(page, product.address, lambda path: is_fit(page, path, these))
    assert len(paths) >= AT_LEAST[role], paths
    assert watch.complaints == []
    assert watch.foreign == []
    page.close()


def test_a_text_that_is_drawn_otherwise_is_measured_where_its_kind_was_before(product: Product, browser: Browser) -> None:
    page = browser.new_page(viewport=WIDE)
    page.goto(f"{product.address}/sign-in")
    assert faults(page) == faults(page) == []
    for hides in ("main label { color: #aaa }", "main form { background: #333 }", "main { opacity: .3 }"):
        page.goto(f"{product.address}/sign-in")
        page.evaluate("rule => { document.styleSheets[0].insertRule(rule, document.styleSheets[0].cssRules.length) }", hides)
        assert any(one.startswith("color-contrast") for one in faults(page)), hides
    page.close()


def is_fit(page: Page, path: str, these: list[Look]) -> None:
    """Look at a page where it stands: it is loaded once, and turned."""
    for look in these:
        looks(page, look)
        assert faults(page) == [], (path, *look)


@pytest.mark.long
def test_every_page_that_is_loaded_in_its_look_is_fit_for_everybody(product: Product, browser: Browser) -> None:
    page = browser.new_page(viewport=WIDE)
    watch = Watch(page, product.address)
    signs_in(page, product.address, PEOPLE["owner"])
    paths = pages_of(page, product.address)
    for look in LOOKS:
        looks(page, look)
        for path in paths:
            page.goto(product.address + path)
            assert faults(page, wholly=True) == [], (path, *look)
    assert watch.complaints == watch.foreign == []
    page.close()


def test_every_page_of_a_stranger_is_fit_for_everybody(product: Product, browser: Browser) -> None:
    made = product.types("user", "create-invitation", "--email", "new@harrow.example", "--as", PEOPLE["owner"], "--json")
    joining = urlsplit(json.loads(made.stdout)["link"]).query
    page = browser.new_page(viewport=WIDE)
    watch = Watch(page, product.address)
    for path in ("/sign-in", f"/join?{joining}", "/join?link=wrong", "/reset?link=wrong", "/setup?link=wrong", "/nowhere"):
        page.goto(product.address + path)
        is_fit(page, path, LOOKS)
    page.goto(f"{product.address}/sign-in")
    page.get_by_label("E-mail address").fill("nobody@harrow.example")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    assert page.get_by_label("E-mail address").input_value() == "nobody@harrow.example"
    is_fit(page, "refused", LOOKS)
    assert watch.complaints == watch.foreign == []
    page.close()


def test_a_fresh_organisation_says_what_to_do_next(product: Product, browser: Browser) -> None:
    link, email = json.loads(product.types("setup", "--json").stdout)["url"], "fay@fresh.example"
    Person(product.address).sets_up(link, organisation="Fresh Foods", email=email)
    page = browser.new_page(viewport=WIDE)
    signs_in(page, product.address, email)
    assert page.get_by_role("link", name="Upload your first document").is_visible()
    pages_of(page, product.address, lambda path: is_fit(page, path, [(NARROW, "light")]) if is_bare(page) else None)
    for path in ("/documents", "/groups", "/tokens", "/jobs", "/chat"):
        page.goto(product.address + path)
        assert page.locator(".empty").first.is_visible(), path
    page.close()


def is_bare(page: Page) -> bool:
    """Say whether a page stands otherwise where there is nothing yet: the others were looked at with things on them."""
    return page.locator(".empty").count() > 0


@pytest.mark.parametrize("first", [FEW[0], pytest.param(FEW[1], marks=pytest.mark.long)])
def test_a_refused_form_shows_where_and_why(product: Product, browser: Browser, first: Look) -> None:
    page = browser.new_page()
    watch = Watch(page, product.address)
    signs_in(page, product.address, PEOPLE["owner"])
    for path, action, typed, field in REFUSED:
        looks(page, first)
        page.goto(product.address + path)
        sends(page, action, typed)
        alert = page.get_by_role("alert")
        alert.wait_for()
        page.locator(":focus").wait_for(state="attached")  # Chromium may focus later than it has loaded
        focused = page.evaluate("document.activeElement.name || document.activeElement.id")
        assert focused == (field or "problem"), action
        if field:
            assert "problem" in (page.locator(":focus").get_attribute("aria-describedby") or "")
        for name, value in typed.items():
            if "kept" in value:
                assert (
                    page.locator(f"form[method=post][action='{action}'] [name='{name}']").first.input_value() == value
                )
        is_fit(page, action, FEW)
    assert watch.complaints == watch.foreign == []
    page.close()


def sends(page: Page, action: str, typed: dict[str, str]) -> None:
    """Fill a form and send it although the browser would hold it back, as one without its checks does."""
    form = page.locator(f"form[method=post][action='{action}']").first
    form.evaluate("form => { form.noValidate = true; }")
    for name, value in typed.items():
        control = form.locator(f"[name='{name}']").first
        if control.evaluate("one => one.localName") == "select":
            control.select_option(value)
        else:
            control.fill(value)
    with page.expect_navigation():
        form.evaluate("form => HTMLFormElement.prototype.submit.call(form)")


def test_what_is_not_there_and_what_is_not_allowed_have_pages(product: Product, browser: Browser) -> None:
    page = browser.new_page(viewport=NARROW, color_scheme="dark")
    signs_in(page, product.address, PEOPLE["member"])
    for path, status in (("/nowhere", 404), ("/audit", 403), (f"/documents/{'0' * 8}-0000-7000-8000-{'0' * 12}", 404)):
        answer = page.goto(product.address + path)
        assert answer is not None
        assert answer.status == status
        assert page.get_by_role("link", name="Go to the overview").is_visible()
        assert faults(page) == [], path
    page.close()


def test_pages_print_without_what_paper_cannot_do(product: Product, browser: Browser) -> None:
    page = browser.new_page(viewport=WIDE, color_scheme="dark")
    signs_in(page, product.address, PEOPLE["owner"])
    chat, document = (one_of(page, product, path) for path in ("/chat", "/documents"))
    page.emulate_media(media="print")
    shown = {chat: ".message.assistant .body", document: ".reader, h1", "/audit": "table code", "/people": "table .head"}
    for path, content in shown.items():
        page.goto(product.address + path)
        assert page.locator(content).first.is_visible(), path
        for hidden in (".bar", ".ask", ".find", ".pager", "form button"):
            assert not any(one.is_visible() for one in page.locator(hidden).all()), (path, hidden)
        assert page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor") == "rgb(255, 255, 255)"
    page.goto(product.address + chat)
    link = page.locator(".sources a").first
    assert "/documents/" in link.evaluate("link => getComputedStyle(link, '::after').content")
    page.close()


def one_of(page: Page, product: Product, path: str) -> str:
    """Return where the first thing of a list is."""
    page.goto(product.address + path)
    links: list[str] = page.eval_on_selector_all("main a[href]", "links => links.map(link => link.getAttribute('href'))")
    return next(link for link in links if re.fullmatch(path + "/[0-9a-f-]{36}", link))
