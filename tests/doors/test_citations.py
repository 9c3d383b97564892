"""Must-show: what is marked in the viewer is what was cited, word for word, over every format that is read."""

import re
from collections.abc import Iterator
from html import unescape

import pypdfium2 as pdfium
import pytest
from flask import Flask

from appliance.chat import Citation, Message
from appliance.knowledge import Passage, find_passage
from appliance.knowledge.parsing import parse
from appliance.knowledge.places import GRID
from appliance.knowledge.unreadable import UnreadableDocument
from appliance.web.render import source
from tests.support import inlaid, papers
from tests.support.house import SAMPLES, Member
from tests.support.papers import folded
from tests.support.recognition import needs_tesseract
from tests.support.site import Browser

_RECT = re.compile(r'<rect class="(\w+)" (?:id="cited" )?x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"/>')
_SUBJECT = re.compile(r"(.+ number \d+) (\w+)")
FEW, MANY = 12, 35  # questions a file


@pytest.fixture
def files() -> dict[str, bytes]:
    """A file of each kind that is read; no sentence stands twice."""
    table = [["Number", "Rule"], *([str(number), rule] for number, rule in enumerate(papers.rules(40, 4), start=1))]
    sheet = papers.sheet(table)
    return ({"house.xlsx": sheet} if is_read(sheet) else {}) | {
        "columns.pdf": papers.two_columns(papers.rules(120, 1)),
        "house.docx": papers.word(papers.rules(60, 2)),
        "house.html": papers.web(papers.rules(60, 3)),
        "leave.pdf": (SAMPLES / "leave-and-travel.pdf").read_bytes(),
    }


def is_read(content: bytes) -> bool:
    try:
        parse(content, file_name="house.xlsx")
    except UnreadableDocument:
        return False
    return True


def questions(seed: int, count: int, asked: int) -> Iterator[str]:
    sentences = [sentence for text in papers.rules(count, seed) for sentence in text.split(". ")]
    for sentence in sentences[:: max(1, len(sentences) // asked)]:
        found = _SUBJECT.match(sentence)
        assert found is not None
        yield f"What is said of {found[1].lower()}, and when {found[2]} it?"


def citations(ada: Member, count: int) -> Iterator[tuple[Message, Citation, Passage]]:
    asked = [
        *questions(1, 120, count),
        *questions(2, 60, count),
        *questions(3, 60, count),
        *questions(4, 40, count),
        "How many days of annual leave are there?",
    ]
    for question in asked:
        answer = ada.asks(question)
        for citation in answer.citations:
            assert citation.document_id is not None
            with ada.services.db.tenant(ada.tenant_id) as tx:
                passage = find_passage(tx, ada.caller, citation.document_id, citation.chunk_id)  # type: ignore[arg-type]
            assert passage is not None
            yield answer, citation, passage


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.long)])
def test_the_marked_words_are_the_cited_ones(
    site: Flask, ada: Member, at_ada: Browser, files: dict[str, bytes], count: int
) -> None:
    names = {ada.reads_in(name, content).document_id: name for name, content in files.items()}
    seen: dict[str, int] = dict.fromkeys(files, 0)
    for answer, citation, passage in citations(ada, count):
        name = names[passage.document_id]
        with site.test_request_context():
            link = (source(citation, answer) or "").removesuffix("#cited")
        if name.endswith(".pdf"):
            sees_on_the_page(at_ada, link, files[name], citation, passage)
        else:
            reads_in_the_text(at_ada, link, citation, passage)
        seen[name] += 1
    assert all(seen.values()), seen
    assert sum(seen.values()) >= (100 if count == MANY else 3 * count), seen


@needs_tesseract
def test_what_a_picture_in_a_document_says_is_cited_and_shown(site: Flask, ada: Member, at_ada: Browser) -> None:
    sign = inlaid.picture("The archive of the old mill", "closes at five in the afternoon.")
    ada.reads_in("signs.docx", inlaid.word(sign))
    answer = ada.asks("When does the archive of the old mill close?")
    citation = answer.citations[0]
    with site.test_request_context():
        shown = at_ada.gets((source(citation, answer) or "").removesuffix("#cited")).text

    assert "closes at five in the afternoon" in citation.quote
    assert "Picture: The archive" in unescape(re.sub(r"<[^>]+>", "", shown))


def sees_on_the_page(at_ada: Browser, link: str, content: bytes, citation: Citation, passage: Passage) -> None:
    shown = at_ada.gets(link).text
    found = re.search(r"/pages/(\d+)\?", shown)
    assert found is not None
    assert folded(under(content, shown, "quoted", int(found[1]))) == folded(citation.quote)
    assert passage.page_from is not None
    assert passage.page_to is not None
    pages = {int(found[1]): shown}
    for number in range(passage.page_from, passage.page_to + 1):
        pages[number] = pages.get(number) or at_ada.gets(f"{link}&page={number}").text
    whole = "".join(under(content, pages[number], "cited", number) for number in sorted(pages))
    assert folded(whole) == folded(passage.body)


def under(content: bytes, html: str, group: str, number: int) -> str:
    """Return the text that pdfium finds in the rectangles that a page of the viewer marks."""
    page = pdfium.PdfDocument(content)[number - 1]
    width, height = page.get_size()
    text = page.get_textpage()
    words = []
    for name, *corners in _RECT.findall(html):
        left, top, across, down = (int(corner) / GRID for corner in corners)
        if name == group:
            box = (left * width, height - (top + down) * height, (left + across) * width, height - top * height)
            words.append(text.get_text_bounded(*box))
    return "".join(words)


def reads_in_the_text(at_ada: Browser, link: str, citation: Citation, passage: Passage) -> None:
    html = at_ada.gets(link).text
    section = re.search(r'<section id="p-[^"]+" class="marked".*?</section>', html, re.DOTALL)
    assert section is not None
    lines = re.findall(r"<p>(.*?)</p>", section[0], re.DOTALL)
    assert folded(unescape(re.sub(r"<[^>]+>", "", "".join(lines)))) == folded(passage.body)
    assert folded(unescape("".join(re.findall(r"<mark>(.*?)</mark>", section[0])))) == folded(citation.quote)
