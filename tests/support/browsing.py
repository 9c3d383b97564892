"""Chromium, what it complains of, and what axe finds: for journeys through the running product."""

import json
import re
import shutil
from collections.abc import Callable
from typing import Literal
from urllib.parse import urljoin, urlsplit

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, Playwright, ViewportSize

from tests.support.product import PASSWORD, Person, Product, csrf

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
WIDE, NARROW = ViewportSize(width=1440, height=900), ViewportSize(width=390, height=844)
Look = tuple[ViewportSize, Literal["light", "dark"]]
LOOKS: list[Look] = [(WIDE, "light"), (NARROW, "dark"), (WIDE, "dark"), (NARROW, "light")]
_SAYS_CSP = "addEventListener('securitypolicyviolation', e => console.error('CSP', e.effectiveDirective, e.blockedURI))"
# A rule's findings have the rule's impact: those that could only find what is moderate or minor are not asked.
_SERIOUS = """(async () => {
  const impacts = ['serious', 'critical'];
  const light = axe._audit.rules.filter(rule => rule.impact && !impacts.includes(rule.impact));
  const rules = Object.fromEntries(light.map(rule => [rule.id, {enabled: false}]));
  const found = await axe.run({resultTypes: ['violations'], rules});
  return found.violations.filter(one => impacts.includes(one.impact))
    .map(one => `${one.id}: ${one.nodes[0].html.slice(0, 160)}`);
})()"""
_COPIES = (".json", ".md", "/checkpoint", "/sbom", "/sheet", "/export", "/export/md", "/export/json")


def launched(playwright: Playwright) -> Browser:
    """Start Chromium."""
    return playwright.chromium.launch(
        executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
    )


class Watch:
    """What a page complains of, its policy's reports among it, and where else it sends."""

    def __init__(self, page: Page, address: str) -> None:
        self.complaints: list[str] = []
        self.foreign: list[str] = []
        page.add_init_script(_SAYS_CSP)
        page.on("console", lambda said: self._hears(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda sent: None if sent.url.startswith(address) else self.foreign.append(sent.url))

    def _hears(self, text: str) -> None:
        if not text.startswith("Failed to load resource"):  # a page of ours with a status of 4xx; the test looks at it
            self.complaints.append(text)


def signs_in(page: Page, address: str, email: str) -> None:
    """Sign in as a person would."""
    page.goto(f"{address}/sign-in")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/sign-in" not in url)


def joins(product: Product, email: str, role: str) -> Person:
    """Bring somebody in by an invitation."""
    made = product.types("user", "create-invitation", "--email", email, "--role", role, "--json")
    return accepts(product, json.loads(made.stdout)["link"], role.title())


def accepts(product: Product, link: str, name: str) -> Person:
    """Open an invitation's link and join."""
    token = link.split("link=")[1]
    person = Person(product.address)
    page = person.http.get(f"/join?link={token}").text
    form = {"name": name, "password": PASSWORD, "again": PASSWORD, "link": token, "csrf": csrf(page)}
    assert person.http.post("/join", data=form).status_code == 303
    return person


def pages_of(page: Page, address: str, looked_at: Callable[[str], None] = lambda _path: None) -> list[str]:
    """Follow every link from the start; one page of each shape, which is looked at as it stands."""
    seen: dict[str, str] = {}
    waiting = ["/"]
    while waiting:
        path = waiting.pop(0)
        shape = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "<id>", urlsplit(path).path)
        if shape in seen or shape.endswith(_COPIES):
            continue
        answer = page.goto(address + path)
        assert answer is not None
        assert answer.status == 200, path
        seen[shape] = path
        looked_at(path)
        links = page.eval_on_selector_all("a[href]", "links => links.map(link => link.getAttribute('href'))")
        waiting += [urljoin(path, link) for link in links if urlsplit(link).netloc == "" and not link.startswith("#")]
    return list(seen.values())


def looks(page: Page, look: Look) -> None:
    """Give a page another size and theme, where it stands."""
    page.set_viewport_size(look[0])
    page.emulate_media(color_scheme=look[1])


def faults(page: Page) -> list[str]:
    """Return what is wrong with a page as it stands: axe's serious findings, and whatever sticks out of its width."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    said: list[str] = page.evaluate(_SERIOUS)
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        said.append("wider than its window")
    return said
