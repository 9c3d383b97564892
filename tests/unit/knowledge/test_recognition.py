"""Scans and pictures. Where text recognition is not installed, they end in a status that says so."""

import time
from pathlib import Path

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from appliance.knowledge import scans
from appliance.knowledge.chunking import chunk, document_places, document_text
from appliance.knowledge.formats import MEDIA_TYPES, Format
from appliance.knowledge.parsed import Parsed
from appliance.knowledge.parsing import Limits, parse
from appliance.knowledge.scans import Recognition
from appliance.knowledge.unreadable import UnreadableDocument
from tests.support import papers
from tests.support.recognition import needs_tesseract, remove_recognition

RULES = papers.rules(9, 3)


def code_of(content: bytes, name: str = "scan.pdf", limits: Limits | None = None) -> str:
    with pytest.raises(UnreadableDocument) as caught:
        parse(content, file_name=name, limits=limits or Limits())
    return caught.value.code


def words(parsed: Parsed) -> list[str]:
    return document_text(parsed).split()


def share_of(expected: list[str], parsed: Parsed) -> float:
    """Return how many of the expected words were recognised."""
    found = set(words(parsed))
    return sum(word in found for word in expected) / len(expected)


def test_without_recognition_a_scan_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    remove_recognition(monkeypatch)
    assert code_of(papers.scan(papers.two_columns(RULES))) == "needs_ocr"


def test_without_any_language_a_scan_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    remove_recognition(monkeypatch)
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
    scanned = papers.scan(papers.pdf(lambda canvas: canvas.drawString(40, 700, "A scanned line.")))

    assert code_of(scanned) == "needs_ocr"
    mixed = papers.pdf(mixed_pages)
    assert "needs_ocr" in parse(mixed, file_name="a.pdf").warnings


def mixed_pages(canvas: Canvas) -> None:
    canvas.drawString(40, 780, "The first page is written. It says what the second one shows.")
    canvas.showPage()
    shades, width, height = papers.pixels(papers.two_columns(RULES))
    canvas.drawInlineImage(papers._image(shades, width, height), 0, 0, *A4)


@needs_tesseract
def test_a_scan_is_read_and_each_word_has_its_place() -> None:
    parsed = parse(papers.scan(papers.two_columns(RULES)), file_name="scan.pdf")
    text, places = document_text(parsed), document_places(parsed)

    assert share_of(" ".join(RULES).split(), parsed) > 0.95
    assert all(box.left < box.right and box.top < box.bottom for box in places.boxes)
    for box in places.boxes:
        assert text[box.offset : box.offset + box.length].strip()
    assert all(one.places.boxes and one.page_from == 1 for one in chunk(parsed))
    first = places.boxes[0]
    assert first.left < 1_500  # the left column begins at the left margin
    assert first.top < 1_200


@needs_tesseract
def test_a_scan_that_lay_upside_down_is_read() -> None:
    parsed = parse(papers.scan(papers.two_columns(papers.rules(45, 3)), turned=180), file_name="scan.pdf")

    assert share_of(" ".join(papers.rules(45, 3)).split(), parsed) > 0.9
    assert document_places(parsed).boxes[0].top > 5_000  # where the first word stands on the sheet as it lay


@needs_tesseract
def test_a_stamp_on_a_scan_is_not_all_that_is_read() -> None:
    parsed = parse(papers.scan(papers.two_columns(RULES), stamp="Received"), file_name="scan.pdf")

    assert share_of(" ".join(RULES).split(), parsed) > 0.95
    assert document_text(parsed).count("Received") == 1


@needs_tesseract
def test_written_and_scanned_pages_stand_in_their_order() -> None:
    parsed = parse(papers.pdf(mixed_pages), file_name="a.pdf")

    assert parsed.warnings == ()
    assert [page.number for page in parsed.pages if page.blocks] == [1, 2]
    assert "The first page is written." in parsed.pages[0].blocks[0].text


@needs_tesseract
@pytest.mark.parametrize("kind", ["png", "jpeg", "tiff", "bmp", "webp", "gif"])
def test_a_picture_is_read_whatever_its_name(kind: str) -> None:
    parsed = parse(papers.picture(papers.two_columns(RULES), kind), file_name="photo.dat")

    assert parsed.media_type == MEDIA_TYPES[Format(kind)]
    assert parsed.pages[0].number == 1
    assert share_of(" ".join(RULES).split(), parsed) > 0.9


@needs_tesseract
def test_a_logo_has_no_text() -> None:
    assert code_of(papers.png(b"\xff" * 180 * 40, 180, 40), "logo.png") == "no_text"


@needs_tesseract
def test_the_grain_of_a_picture_is_no_text() -> None:
    grain = bytes((place * place * 7919 >> 7) % 256 for place in range(900 * 700))

    assert code_of(papers.png(grain, 900, 700), "photo.png") == "no_text"


@needs_tesseract
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (papers.png(b"", 60_000, 60_000), "too_large_picture"),
        (papers.png(b"\xff" * 300 * 300, 300, 300)[:60], "damaged"),
        (b"\xff\xd8\xff\xe0 not a picture", "damaged"),
        (b"II*\0\x08\0\0\0\0\0", "damaged"),
        (b"II*\0\xff\xff\0\0", "damaged"),
        (b"GIF89a\x10\0\x10\0", "damaged"),
        (b"RIFF\x20\0\0\0WEBPVP8 ", "damaged"),
    ],
    ids=["bomb", "cut off", "jpeg", "empty tiff", "tiff without an end", "gif", "webp"],
)
def test_a_bad_picture_ends_in_a_status(content: bytes, code: str) -> None:
    assert code_of(content, "a.dat") == code


def test_a_text_that_begins_like_a_picture_is_a_text() -> None:
    assert "BMW" in document_text(parse(b"BMW builds cars in Munich. " * 9, file_name="a.txt"))


@needs_tesseract
def test_recognition_ends_at_its_limits() -> None:
    scan = papers.scan(papers.two_columns(papers.rules(90, 5)))
    begun = time.monotonic()

    assert code_of(scan, limits=Limits(recognition=Recognition(page_seconds=-5))) == "time_limit"
    assert time.monotonic() - begun < 60
    stopped = Limits(recognition=Recognition(seconds=-1))
    assert parse(papers.pdf(mixed_pages), file_name="a.pdf", limits=stopped).warnings == ("ocr_stopped",)


def test_it_takes_the_languages_that_are_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("eng", "fra", "osd"):
        (tmp_path / f"{name}.traineddata").touch()
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))

    assert scans.installed_languages() == ("eng", "fra")
    assert scans.chosen_languages("deu+fra") == "fra"
    assert scans.chosen_languages("deu") == "eng+fra"
