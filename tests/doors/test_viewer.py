"""The document viewer: pages as they look, for those who may read the document, and with every look recorded."""

import re
import struct
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import text

from appliance import audit, knowledge
from appliance.identity import Role
from appliance.knowledge import Document, viewing
from appliance.knowledge.errors import PageNotDrawn
from appliance.web.reader import span_of
from tests.support import papers
from tests.support.house import House, Member
from tests.support.recognition import needs_tesseract
from tests.support.site import Browser


@pytest.fixture
def leave(ada: Member) -> Document:
    return ada.reads_in("leave-and-travel.pdf")


def looks(ada: Member, document: Document) -> list[object]:
    with ada.services.db.tenant(ada.tenant_id) as tx:
        entries = audit.list_entries(tx, limit=1000)
    return [one.facts.get("page") for one in entries if one.event == "knowledge:document:opened"]


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_a_page_is_drawn_in_the_size_that_is_asked_for(at_ada: Browser, leave: Document) -> None:
    picture = at_ada.gets(f"/documents/{leave.document_id}/pages/2?width=600")

    assert picture.mimetype == "image/png"
    width, height = size(picture.data)
    assert abs(width - 600) <= 1
    assert 840 <= height <= 850  # A4
    for nonsense in ("0", "-1", "77777777777777", "x", "", "601"):
        assert abs(size(at_ada.gets(f"/documents/{leave.document_id}/pages/2?width={nonsense}").data)[0] - 1000) <= 1


def test_a_picture_is_kept_by_its_reader_alone_and_asked_for_each_time(
    at_ada: Browser, ada: Member, leave: Document
) -> None:
    path = f"/documents/{leave.document_id}/pages/1"
    picture = at_ada.gets(path)
    assert picture.headers["Cache-Control"] == "private, no-cache"
    again = at_ada.client.get(path, headers={"If-None-Match": picture.headers["ETag"]})

    assert again.status_code == 304
    assert again.data == b""
    assert looks(ada, leave) == [1, 1]
    other = at_ada.client.get(f"{path}?width=600", headers={"If-None-Match": picture.headers["ETag"]})
    assert other.status_code == 200


@pytest.mark.parametrize("number", ["0", "3", "999999", "x", "-1", "1.0", "1e3", "٣"])
def test_there_is_no_page_beyond_the_last(at_ada: Browser, leave: Document, number: str) -> None:
    answer = at_ada.gets(f"/documents/{leave.document_id}/pages/{number}")

    assert answer.status_code == 404
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_document_without_pages_has_none_to_look_at(at_ada: Browser, ada: Member) -> None:
    document = ada.reads_in("fire-drill.txt")

    assert at_ada.gets(f"/documents/{document.document_id}/pages/1").status_code == 404


def test_who_may_not_read_the_document_sees_no_page_of_it(
    site: Flask, at_ada: Browser, at_bo: Browser, at_cy: Browser, ada: Member, leave: Document
) -> None:
    mia = ada.adds("mia@harrow.example", Role.MEMBER)
    at_mia = Browser(site)
    at_mia.signs_in(mia)
    path = f"/documents/{leave.document_id}/pages/1"
    tag = at_mia.gets(path).headers["ETag"]
    board = at_ada.posts("/collections", name="Board", description="", audience="groups").headers["Location"]
    at_ada.posts(f"/documents/{leave.document_id}/collection", collection=board.split("?")[0].rsplit("/", 1)[1])

    for browser, status in ((at_mia, 404), (at_bo, 404), (at_cy, 303)):
        assert browser.gets(path).status_code == status
        assert browser.client.get(path, headers={"If-None-Match": tag}).status_code == status


def test_the_viewer_turns_pages_without_any_script(at_ada: Browser, leave: Document) -> None:
    path = f"/documents/{leave.document_id}"
    first = at_ada.gets(path).text

    assert f'rel="next" href="{path}?page=2"' in first
    assert 'rel="prev"' not in first
    assert f'src="{path}/pages/1?width=1000"' in first
    second = at_ada.gets(f"{path}?page=2&width=1400").text
    assert f'src="{path}/pages/2?width=1400"' in second
    assert 'rel="next"' not in second
    assert "140 euros" in second
    assert "28 days" not in second
    assert f'src="{path}/pages/2?' in at_ada.gets(f"{path}?page=99").text
    assert f'src="{path}/pages/1?' in at_ada.gets(f"{path}?page=nonsense&width=nonsense").text
    whole = at_ada.gets(f"{path}?view=text").text
    assert "140 euros" in whole
    assert "28 days" in whole
    assert "/pages/" not in whole


def test_a_citation_opens_its_page_with_its_words_marked(at_ada: Browser, ada: Member, leave: Document) -> None:
    answer = ada.asks("How much is reimbursed for a hotel room a night?")
    chat_page = at_ada.gets("/chat").text
    talk = re.search(r'href="(/chat/[0-9a-f-]{36})"', chat_page)
    assert talk is not None
    link = re.search(r'href="(/documents/[^"#]+)#cited"', at_ada.gets(talk[1]).text)
    assert link is not None
    page = at_ada.gets(link[1].replace("&amp;", "&")).text

    assert f'src="/documents/{leave.document_id}/pages/2?' in page
    assert page.count('id="cited"') == 1
    assert '<rect class="quoted" id="cited"' in page
    assert re.findall(r"<mark>(.*?)</mark>", page)[0] == answer.citations[0].quote


def test_a_colleague_who_follows_a_link_learns_nothing_of_the_conversation(
    site: Flask, ada: Member, leave: Document
) -> None:
    answer = ada.asks("How much is reimbursed for a hotel room a night?")
    mia = ada.adds("mia@harrow.example", Role.MEMBER)
    at_mia = Browser(site)
    at_mia.signs_in(mia)
    citation = answer.citations[0]
    page = at_mia.gets(
        f"/documents/{leave.document_id}?passage={citation.chunk_id}&answer={answer.message_id}&source=1"
    )

    assert '<rect class="cited" id="cited"' in page.text
    assert "<mark>" not in page.text


def test_a_citation_of_what_was_read_anew_says_so(at_ada: Browser, ada: Member, house: House, leave: Document) -> None:
    answer = ada.asks("How much is reimbursed for a hotel room a night?")
    link = f"/documents/{leave.document_id}?passage={answer.citations[0].chunk_id}"
    assert "not in this document any more" not in at_ada.gets(link).text
    with house.worker.db.tenant(ada.tenant_id) as tx:
        tx.execute(text("UPDATE documents SET status = 'received'"))
    knowledge.ingest(house.worker.workshop, ada.tenant_id, leave.document_id)

    assert "not in this document any more" in at_ada.gets(link).text
    at_ada.posts(f"/documents/{leave.document_id}/deletion")
    assert at_ada.gets(link).status_code == 404
    assert at_ada.gets(f"/documents/{leave.document_id}/pages/1").status_code == 404


def test_a_page_that_cannot_be_drawn_leaves_its_text(
    at_ada: Browser, ada: Member, leave: Document, house: House
) -> None:
    answer = ada.asks("How many days of paid annual leave are there?")
    path = f"/documents/{leave.document_id}"
    easels = house.app.workshop.easels
    patience, viewing._PATIENCE = viewing._PATIENCE, 0.05
    for _ in range(2):
        assert easels.acquire(blocking=False)
    try:
        page = at_ada.gets(f"{path}?passage={answer.citations[0].chunk_id}")
        picture = at_ada.gets(f"{path}/pages/1")
    finally:
        viewing._PATIENCE = patience
        easels.release(2)

    assert page.status_code == 200
    assert "28 days" in page.text
    assert "cannot be drawn" in page.text
    assert picture.status_code == 503


def test_pages_that_wait_to_be_drawn_leave_room_for_everything_else(house: House, ada: Member, leave: Document) -> None:
    shop = house.app.workshop

    def draws() -> bool:
        try:
            viewing.page_image(shop, ada.caller, leave.document_id, 1, width=600, has=frozenset())
        except PageNotDrawn:
            return False
        return True

    for _ in range(2):
        assert shop.seats.acquire(blocking=False)
        assert shop.easels.acquire(blocking=False)
    patience, viewing._PATIENCE = viewing._PATIENCE, 60.0
    try:
        with ThreadPoolExecutor(8) as threads:
            asked = [threads.submit(draws) for _ in range(8)]
            deadline = time.monotonic() + 8
            while sum(one.done() for one in asked) < 4 and time.monotonic() < deadline:
                time.sleep(0.05)
            shop.easels.release(2)
            shop.seats.release(2)
            drawn = [one.result() for one in asked]
    finally:
        viewing._PATIENCE = patience
    assert sorted(drawn) == [False] * 4 + [True] * 4


@needs_tesseract
def test_the_words_of_a_picture_are_marked_where_they_stand(at_ada: Browser, ada: Member) -> None:
    rules = papers.rules(9, 4)
    document = ada.reads_in("rules.png", papers.picture(papers.two_columns(rules), "png"))
    with ada.services.db.tenant(ada.tenant_id) as tx:
        passage = knowledge.list_passages(tx, ada.caller, document.document_id)[0]
    page = at_ada.gets(f"/documents/{document.document_id}?passage={passage.chunk_id}").text
    width, height = size(at_ada.gets(f"/documents/{document.document_id}/pages/1?width=800").data)

    assert page.count('<rect class="cited"') == len(passage.body.split())
    assert (width, round(height / width, 2)) == (800, 1.41)


def test_a_quote_is_marked_as_far_as_its_passage_goes() -> None:
    assert span_of("two", "one two three") == (4, 7)
    assert span_of("three\n\nfour", "one two three") == (8, 13)
    assert span_of("five", "one two three") is None
