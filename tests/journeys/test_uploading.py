"""Many files, dropped ones and large ones, in a real Chromium."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from tests.journeys.test_browser import context, playwright, product, sets_up
from tests.support.product import Product

__all__ = ["context", "playwright", "product"]
pytestmark = pytest.mark.browser
DROP = """(form) => {
  const transfer = new DataTransfer();
  for (const number of [1, 2, 3]) transfer.items.add(new File([`Dropped file ${number}.`], `dropped-${number}.txt`));
  form.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
}"""


def test_it_uploads_many_dropped_and_large_files(product: Product, context: BrowserContext, tmp_path: Path) -> None:
    page = context.new_page()
    complaints: list[str] = []
    sent: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    sets_up(page, product)
    paths = []
    for number in range(12):
        paths.append(tmp_path / f"badge-{number}.txt")
        paths[-1].write_text(f"Badge number {number} opens door {number + 1000}.")
    page.goto(f"{product.address}/documents")
    page.set_input_files("#files", paths)
    page.get_by_role("button", name="Upload", exact=True).click()
    page.get_by_role("link", name="See how far they are").click()
    page.get_by_text("100 % of 12 files").wait_for(timeout=60_000)
    assert sum(url.endswith("/documents") for url in sent) == 12

    page.goto(f"{product.address}/documents")
    page.locator("[data-upload]").evaluate(DROP)
    page.get_by_role("link", name="See how far they are").wait_for()
    page.get_by_role("link", name="dropped-2").wait_for()
    page.locator(".pager").get_by_text(re.compile(r"^1–1[3-9] of 1[3-9]$")).wait_for()

    large = tmp_path / "large.txt"
    large.write_text("The archive has many doors.\n\n" + " " * 9_000_000)
    page.goto(f"{product.address}/documents")
    page.set_input_files("#files", large)
    page.get_by_role("button", name="Upload", exact=True).click()
    page.get_by_role("link", name="large").wait_for(timeout=60_000)
    assert sum("/parts" in url for url in sent) == 2

    paths[0].write_text("Badge number 0 opens no door any more.")
    page.set_input_files("#files", paths[0])
    page.get_by_role("button", name="Upload", exact=True).click()
    page.get_by_text("badge-0.txt: new version of a document").wait_for()
    assert complaints == []
