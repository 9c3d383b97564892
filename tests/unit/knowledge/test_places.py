"""Where words stand on their page, and what stands on it besides the text."""

import io
from pathlib import Path

import pypdfium2 as pdfium
import pytest
from reportlab.pdfgen.canvas import Canvas

from appliance.knowledge.chunking import chunk, document_places, document_text
from appliance.knowledge.parsed import Block, Parsed
from appliance.knowledge.parsing import parse
from appliance.knowledge.places import Box, Places, Range, flat, unflat
from tests.support import papers
from tests.support.house import SHARED
from tests.support.papers import folded

FREE = sorted((SHARED / "documents").glob("*.pdf"))


def said(content: bytes, places: Places) -> str:
    """Return the characters of these places."""
    document = pdfium.PdfDocument(content)
    return "".join(document[one.page - 1].get_textpage().get_text_range(one.first, one.count) for one in places.ranges)


def blocks(parsed: Parsed) -> list[Block]:
    return [block for page in parsed.pages for block in page.blocks]


@pytest.mark.parametrize("path", FREE, ids=lambda path: path.name)
def test_each_chunk_of_a_real_document_is_the_characters_it_points_at(path: Path) -> None:
    content = path.read_bytes()
    parsed = parse(content, file_name=path.name)
    for one in chunk(parsed):
        if one.places.ranges:
            assert folded(said(content, one.places)) == folded(one.text)


def test_a_part_of_a_chunk_points_at_its_own_words() -> None:
    content = papers.two_columns(papers.rules(60, 1))
    parsed = parse(content, file_name="a.pdf")
    text, places = document_text(parsed), document_places(parsed)
    for start in range(0, len(text) - 80, 97):
        assert folded(said(content, places.within(start, start + 80))) == folded(text[start : start + 80])


def test_a_word_that_is_torn_or_composed_keeps_its_place() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(40, 300, "The reimburse-")
        canvas.drawString(40, 286, "ment  is\u00a0payable twice.")

    content = papers.pdf(draw)
    parsed = parse(content, file_name="a.pdf")
    places = document_places(parsed)
    word = document_text(parsed).index("ment is")

    assert document_text(parsed) == "The reimbursement is payable twice."
    assert said(content, places.within(4, 13)) == "reimburse"
    assert folded(said(content, places.within(word, word + 7))) == "mentis"
    assert folded(said(content, places)) == folded(document_text(parsed))


def test_two_columns_are_read_one_after_the_other() -> None:
    rules = papers.rules(60, 7)
    text = document_text(parse(papers.two_columns(rules), file_name="a.pdf"))

    assert " ".join(text.split()) == " ".join(rules)


@pytest.mark.skipif(not papers.DEJAVU.exists(), reason="the font with Hebrew letters is not installed")
def test_right_to_left_is_read_in_the_order_of_speech() -> None:
    lines = ["כל עובד מקבל עשרים ושמונה ימי חופשה", "חופשה שלא נוצלה עד מרץ פוקעת"]
    content = papers.right_to_left(lines)
    parsed = parse(content, file_name="a.pdf")

    assert " ".join(document_text(parsed).split()) == " ".join(lines)
    word = document_text(parsed).index("חופשה")
    assert said(content, document_places(parsed).within(word, word + 5)) == "חופשה"


def test_places_are_stored_and_read_back() -> None:
    places = Places((Range(1, 0, 5, 7, 5), Range(2, 6, 1, 0, 2)), (Box(2, 0, 5, 1, 2, 3, 4),))

    assert unflat(flat(places.ranges), flat(places.boxes)) == places
    assert places.within(2, 6).ranges == (Range(1, 0, 3, 9, 3),)


def form(canvas: Canvas) -> None:
    canvas.drawString(40, 780, "Application for leave.")
    fields = canvas.acroForm
    fields.textfield(name="Name", value="Ada Harrow", x=40, y=700, width=200)
    fields.textfield(name="PIN", value="4711", x=40, y=660, width=200, fieldFlags="password")
    fields.checkbox(name="Part time", checked=True, x=40, y=620)
    fields.checkbox(name="Remote", checked=False, x=40, y=600)
    fields.choice(name="Site", value="Mill", options=["Mill", "Dock"], x=40, y=560, width=120)


def test_what_was_filled_into_a_form_is_read_where_it_stands() -> None:
    parsed = parse(papers.pdf(form), file_name="form.pdf")
    text = document_text(parsed)

    assert "Name: Ada Harrow" in text
    assert "Site: Mill" in text
    assert "Part time: Yes" in text
    assert "Remote" not in text
    assert [block.text for block in blocks(parsed) if block.hidden == "hidden text"] == ["PIN: 4711"]
    filled = next(box for box in document_places(parsed).boxes if box.offset == text.index("Name: Ada"))
    assert 600 < filled.left < 800
    assert 1_000 < filled.top < filled.bottom < 1_800


def note(canvas: Canvas, kind: str, text: str, flags: int = 4) -> None:
    canvas._addAnnotation(_annotation(kind, text, flags))


def _annotation(kind: str, text: str, flags: int):  # type: ignore[no-untyped-def] # noqa: ANN202 - reportlab has no types
    from reportlab.pdfbase.pdfdoc import PDFArray, PDFDictionary, PDFName, PDFString

    return PDFDictionary(
        {
            "Type": PDFName("Annot"), "Subtype": PDFName(kind), "Contents": PDFString(text), "T": PDFString("Bo"),
            "Rect": PDFArray([40, 600, 200, 640]), "F": flags,
        }
    )  # fmt: skip


def test_comments_come_last_under_a_heading_of_their_own() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(40, 780, "The first page of the policy.")
        note(canvas, "Text", "Is this still so?")
        note(canvas, "FreeText", "DRAFT")
        note(canvas, "Text", "Never shown.", flags=2)
        canvas.showPage()
        canvas.drawString(40, 780, "The second page of the policy.")

    parsed = parse(papers.pdf(draw), file_name="a.pdf")
    chunks = chunk(parsed)

    assert document_text(parsed).split("\n\n")[1:] == [
        "DRAFT", "The second page of the policy.", "Comments", "Bo: Is this still so?",
    ]  # fmt: skip
    assert (chunks[-1].heading, chunks[-1].page_from) == ("Comments", 1)
    assert [block.text for block in blocks(parsed) if block.hidden == "hidden text"] == ["Bo: Never shown."]


def test_the_files_that_a_document_carries_are_read_behind_it() -> None:
    document = pdfium.PdfDocument(papers.pdf(lambda canvas: canvas.drawString(40, 780, "See the appendix.")))
    document.new_attachment("appendix.txt").set_data(b"Appendix")
    target = io.BytesIO()
    document.save(target)

    parsed = parse(target.getvalue(), file_name="a.pdf")

    assert document_text(parsed).split("\n\n") == ["See the appendix.", "appendix.txt", "Appendix"]
    assert (parsed.warnings, parsed.is_whole) == ((), True)
