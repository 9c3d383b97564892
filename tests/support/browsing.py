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
#
# Contrast takes two thirds of axe's time, and most of every page is the frame and the controls that all pages have. A text
# whose kind had enough contrast before is not measured again. Its kind is how wide the window is, and what it and all around
# it are: the tag and its classes, and whatever Chromium computed of colours, sizes and the like. So a text is measured
# wherever it, or something behind it, is drawn otherwise; all other rules look at everything on every page. The long form
# measures each text, too.
_SERIOUS = """async known => {
  const impacts = ['serious', 'critical'], measured = new Set(known), before = measured.size, kinds = new Map();
  const seen = ['color', 'backgroundColor', 'backgroundImage', 'opacity', 'filter', 'mixBlendMode', 'textShadow', 'fontSize',
    'fontWeight', 'position', 'zIndex', 'transform', 'display', 'visibility'];
  const kindOf = one => {
    if (!one) return String(innerWidth);
    if (!kinds.has(one)) {
      const style = getComputedStyle(one);
      const said = [kindOf(one.parentElement), one.localName, one.getAttribute('class'), ...seen.map(name => style[name])].join('|');
      let [high, low] = [0xdeadbeef, 0x41c6ce57];
      for (let at = 0; at < said.length; at++) {
        high = Math.imul(high ^ said.charCodeAt(at), 2654435761);
        low = Math.imul(low ^ said.charCodeAt(at), 1597334677);
      }
      kinds.set(one, (high >>> 0).toString(36) + (low >>> 0).toString(36));
    }
    return kinds.get(one);
  };
  const contrast = axe._audit.rules.find(rule => rule.id === 'color-contrast'), check = axe._audit.checks['color-contrast'];
  window.theirs ??= {matches: contrast.matches, evaluate: check.evaluate};
  contrast.matches = (one, ...more) => !(known && measured.has(kindOf(one))) && theirs.matches.call(contrast, one, ...more);
  check.evaluate = function (one, ...more) {
    if (known && measured.has(kindOf(one))) { this.data({}); return true; }
    const found = theirs.evaluate.call(this, one, ...more);
    if (found) measured.add(kindOf(one));
    return found;
  };
  const light = axe._audit.rules.filter(rule => rule.impact && !impacts.includes(rule.impact));
  const rules = Object.fromEntries(light.map(rule => [rule.id, {enabled: false}]));
  const found = await axe.run({resultTypes: ['violations'], rules});
  const serious = found.violations.filter(one => impacts.includes(one.impact));
  return [serious.map(one => `${one.id}: ${one.nodes[0].html.slice(0, 160)}`), known ? [...measured].slice(before) : []];
}"""
_measured: set[str] = set()
_COPIES = (".json", ".md", "/checkpoint", "/sbom", "/sheet", "/export", "/export/md", "/export/json")


def launched(playwright: Playwright) -> Browser:
    """Start Chromium."""
    return playwright.chromium.launch(
        executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking", "--disable-gpu"]
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


def faults(page: Page, *, wholly: bool = False) -> list[str]:
    """Return what is wrong with a page as it stands: axe's serious findings, and whatever sticks out of its width.

    `wholly` measures the contrast of each text, also of those whose kind had enough before.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    said: list[str]
    said, measured = page.evaluate(_SERIOUS, None if wholly else sorted(_measured))
    _measured.update(measured)
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        said.append("wider than its window")
    return said
