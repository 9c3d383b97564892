"""Every page that a role can reach by links, in Chromium: axe, widths, themes, no foreign request, no CSP report."""

import json
import re
import shutil
from collections.abc import Iterator
from html import unescape
from typing import Literal
from urllib.parse import urljoin, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Playwright, ViewportSize, sync_playwright

from tests.support.house import SAMPLES
from tests.support.product import PASSWORD, Person, Product

pytestmark = pytest.mark.browser
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
SERIOUS = {"serious", "critical"}
WIDE, NARROW = ViewportSize(width=1440, height=900), ViewportSize(width=390, height=844)
Look = tuple[ViewportSize, Literal["light", "dark"]]
LOOKS: list[Look] = [(WIDE, "light"), (NARROW, "dark")]
PEOPLE = {
    "owner": "ada@harrow.example", "admin": "eve@harrow.example", "auditor": "aud@harrow.example",
    "member": "mia@harrow.example",
}  # fmt: skip


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with Product(tmp_path_factory.mktemp("pages") / "data") as product:
        ada = Person(product.address).sets_up(product.link)
        uploaded = ada.uploads(SAMPLES / "leave-and-travel.pdf", SAMPLES / "fire-drill.txt")
        ada.waits_for(*(one["id"] for one in uploaded))
        ada.asks("How many days of paid annual leave does an employee receive?")
        for role in ("admin", "auditor", "member"):
            joins(product, role)
        product.command("group", "create", "--name", "Board")
        furnishes(ada)
        product.command("token", "create", "--name", "script", "--scopes", "chat")
        yield product


def furnishes(ada: Person) -> None:
    """Fill the pages that would be empty: a second collection, conversations that may be reviewed."""
    ada.posts("/collections", name="Board papers", description="For the board", audience="groups")
    ada.posts("/settings/privacy", conversation_review="audited", link_hosts="")


def joins(product: Product, role: str) -> None:
    made = product.command("user", "create-invitation", "--email", PEOPLE[role], "--role", role, "--json")
    link = json.loads(made.stdout)["link"].split("link=")[1]
    client = Person(product.address)
    page = client.http.get(f"/join?link={link}").text
    token = re.search(r'name="csrf" content="([^"]+)"', page)
    assert token is not None
    form = {"name": role.title(), "password": PASSWORD, "again": PASSWORD, "link": link, "csrf": unescape(token[1])}
    assert client.http.post("/join", data=form).status_code == 303


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield launched(playwright)


def launched(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(
        executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
    )


class Watch:
    """What a page complains of, and where it sends."""

    def __init__(self, page: Page, address: str) -> None:
        self.complaints: list[str] = []
        self.foreign: list[str] = []
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda sent: None if sent.url.startswith(address) else self.foreign.append(sent.url))


def pages_of(page: Page, address: str) -> list[str]:
    """Follow every link from the start; one page of each shape."""
    seen: dict[str, str] = {}
    waiting = ["/"]
    while waiting:
        path = waiting.pop(0)
        shape = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "<id>", urlsplit(path).path)
        if shape in seen or shape.endswith((".json", ".md", "/export", "/export/md", "/export/json")):
            continue
        answer = page.goto(address + path)
        assert answer is not None
        assert answer.status == 200, path
        seen[shape] = path
        links = page.eval_on_selector_all("a[href]", "links => links.map(link => link.getAttribute('href'))")
        waiting += [urljoin(path, link) for link in links if urlsplit(link).netloc == "" and not link.startswith("#")]
    return list(seen.values())


def faults(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in found if one["impact"] in SERIOUS]


@pytest.mark.parametrize("role", list(PEOPLE))
def test_every_page_of_a_role_is_fit_for_everybody(product: Product, browser: Browser, role: str) -> None:
    context = browser.new_context(viewport=WIDE)
    page = context.new_page()
    watch = Watch(page, product.address)
    page.goto(product.address)
    page.get_by_label("E-mail address").fill(PEOPLE[role])
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("heading", level=1).wait_for()
    paths = pages_of(page, product.address)
    assert len(paths) >= {"owner": 12, "admin": 12, "auditor": 5, "member": 5}[role], paths
    looks: list[Look] = LOOKS + ([(WIDE, "dark"), (NARROW, "light")] if role == "owner" else [])
    for size, theme in looks:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=theme)
        for path in paths:
            page.goto(product.address + path)
            assert faults(page) == [], (path, size, theme)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (path, size)
    assert watch.complaints == []
    assert watch.foreign == []
    context.close()


def test_pages_before_signing_in_are_fit_for_everybody(product: Product, browser: Browser) -> None:
    made = product.command("user", "create-invitation", "--email", "new@harrow.example", "--json")
    joining = urlsplit(json.loads(made.stdout)["link"])
    for size, theme in LOOKS:
        page = browser.new_page(viewport=size, color_scheme=theme)
        for path in ("/sign-in", f"/join?{joining.query}", "/join?link=wrong", "/nowhere"):
            page.goto(product.address + path)
            assert faults(page) == [], (path, size, theme)
        page.close()
