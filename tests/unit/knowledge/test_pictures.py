"""Pictures that stand in documents: read where they stand, or told as unread; never passed over in silence."""

import base64
import gzip
import io

import pytest
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from appliance.knowledge.chunking import chunk, document_places
from appliance.knowledge.parsed import Parsed
from appliance.knowledge.parser import package
from appliance.knowledge.parser.blocks import PICTURES
from appliance.knowledge.parser.dimensions import measured
from appliance.knowledge.parser.inlaid import is_decoration, may_be_document
from appliance.knowledge.parsing import Limits
from appliance.knowledge.scans import Recognition
from tests.support import inlaid, papers
from tests.support.archives import packed
from tests.support.inlaid import BEFORE, BEHIND
from tests.support.reading import code, hidden, missed, reads, seen, unseen
from tests.support.recognition import needs_tesseract, remove_recognition

CARD = "4539 1488 0343 6467"  # a valid check digit, nobody's card
PICTURE = inlaid.picture(CARD, "Valid until 11/29")
PASSPORT = inlaid.picture("Passport of Ada Harrow", CARD, size=40)
READ = f"Picture: {CARD} Valid until 11/29"
EMF = b"\x01\0\0\0\x6c\0\0\0" + bytes(24) + (20_000).to_bytes(4, "little") * 2 + b" EMF" + bytes(64)
HIDDEN_RUN = "<w:vanish/>"


@pytest.fixture
def no_recognition(monkeypatch: pytest.MonkeyPatch) -> None:
    remove_recognition(monkeypatch)


# ── where they stand ────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def all_kinds() -> list[str]:
    """What is seen of an archive with a document of every kind; each holds the same picture, which is read once."""
    parsed = reads(packed({name: write(PICTURE) for name, write in inlaid.DOCUMENTS.items()}))
    assert parsed.is_whole
    return seen(parsed)


@needs_tesseract
@pytest.mark.parametrize("name", inlaid.DOCUMENTS)
def test_a_picture_is_read_where_it_stands(name: str, all_kinds: list[str]) -> None:
    inside = all_kinds[all_kinds.index(name) :]

    assert inside.index(BEFORE) + 1 == inside.index(READ)
    if name not in {"a.xlsx", "a.ods"}:  # behind the rows of its sheet
        assert inside.index(READ) + 1 == inside.index(BEHIND)


@needs_tesseract
def test_what_is_not_seen_is_checked_and_not_searched() -> None:
    kinds = {
        "a.docx": inlaid.word(PICTURE, run=HIDDEN_RUN),
        "b.pptx": inlaid.slides(PICTURE, shown="0"),
        "c.docx": inlaid.word(b"", more={"word/media/nowhere.png": PICTURE}),
    }
    parsed = reads(packed(kinds))

    assert hidden(parsed).count(READ) == 3
    assert READ not in seen(parsed)
    assert unseen(parsed, "hidden slide")


@needs_tesseract
def test_a_picture_in_many_places_is_said_once_where_it_is_seen() -> None:
    page = inlaid.web(PICTURE).decode()
    concealed = page.replace("<p><img", '<p style="display:none"><img')

    assert seen(reads((concealed + page * 3).encode(), "a.html")).count(READ) == 1


@needs_tesseract
def test_pictures_too_small_for_a_card_number_are_passed_over() -> None:
    parsed = reads(inlaid.word(inlaid.blank(40, 40), more={"word/media/line.png": inlaid.blank(900, 4)}))

    assert seen(parsed) == [BEFORE, BEHIND]
    assert parsed.is_whole
    assert parsed.warnings == ()


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "tiff", "bmp", "webp"])
def test_the_size_of_a_picture_is_read_from_its_header(kind: str) -> None:
    found = measured(papers.picture(papers.pdf(lambda canvas: canvas.rect(1, 1, 9, 9), size=(90, 40)), kind))

    assert found is not None
    assert (found.kind, found.width, found.height) == (kind, 250, 112)


def test_logos_and_what_may_be_a_document_are_told_apart() -> None:
    logos = [(120, 120), (600, 140), (1_800, 400)]
    documents = [(1_654, 2_339), (1_011, 638), (640, 400), (600, 2_400), (0, 0)]

    assert not any(may_be_document(*size) for size in logos)
    assert all(may_be_document(*size) for size in documents)
    assert not is_decoration(130, 16)


# ── what is not read is told ────────────────────────────────────────────────


def test_without_recognition_a_picture_that_may_be_a_document_is_a_gap(no_recognition: None) -> None:
    parsed = reads(inlaid.word(inlaid.blank(1_011, 638)))

    assert parsed.warnings == ("pictures_need_ocr",)
    assert not parsed.is_whole
    assert BEHIND in seen(parsed)


def test_without_recognition_a_logo_holds_no_letter_back(no_recognition: None) -> None:
    parsed = reads(inlaid.word(inlaid.blank(600, 140)))

    assert parsed.warnings == ("small_pictures",)
    assert parsed.is_whole


def test_without_recognition_a_document_of_pictures_says_what_is_missing(no_recognition: None) -> None:
    assert code(packed({"word/document.xml": "<x/>", "word/media/1.png": inlaid.blank(900, 600)})) == "needs_ocr"


def test_drawings_that_are_not_read_are_told_unless_what_they_draw_is() -> None:
    drawing = inlaid.word(EMF, name="image1.emf")
    preview = inlaid.word(EMF, name="image1.emf", is_object=True, more={"word/embeddings/table.txt": b"Words."})

    assert missed(reads(drawing)) == [("image1.emf", "picture_format")]
    assert reads(preview).is_whole


def test_what_is_drawn_a_second_time_for_old_programs_is_no_gap() -> None:
    again = '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"><mc:Choice/><mc:Fallback>'
    letter = inlaid.word(EMF, name="image1.emf", wrap=(again, "</mc:Fallback></mc:AlternateContent>"))
    beside = inlaid.open_document(EMF, name="1.emf", beside="ObjectReplacements/1")

    assert reads(letter).is_whole
    assert missed(reads(beside)) == [("1.emf", "picture_format")]


def test_the_words_of_a_drawing_in_svg_are_text() -> None:
    drawing = (
        b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><text>Pump <tspan>seven</tspan></text></svg>'
    )

    assert "Picture: Pump seven" in seen(reads(inlaid.open_document(drawing, name="1.svg")))


@pytest.mark.parametrize("first", [b"", b'<svg xmlns="http://www.w3.org/2000/svg"/>'])
def test_a_packed_picture_behind_another_is_told(first: bytes) -> None:
    packed_twice = gzip.compress(first) + gzip.compress(PICTURE)

    assert missed(reads(inlaid.open_document(packed_twice, name="1.svgz"))) == [("1.svgz", "picture_format")]


def test_a_packed_picture_that_ends_early_is_told() -> None:
    cut = gzip.compress(b"")[:10]

    assert missed(reads(inlaid.open_document(cut, name="1.svgz"))) == [("1.svgz", "picture_format")]


def test_a_preview_is_passed_over_only_if_it_is_a_drawing() -> None:
    several = gzip.compress(b"") + gzip.compress(PICTURE)

    assert missed(reads(inlaid.word(EMF, is_object=True))) == []
    assert missed(reads(inlaid.word(several, is_object=True))) == [("image1.png", "picture_format")]


def _drawing(*references: str) -> bytes:
    images = "".join(f"<image {reference}/>" for reference in references)
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f"<svg {names}>{images}</svg>".encode()


DOT = "data:image/png;base64," + base64.b64encode(inlaid.blank(2, 2)).decode()


@pytest.mark.parametrize(
    "drawing",
    [
        _drawing(*[f'href="{DOT}"'] * 101),
        _drawing('href="data:image/png;base64,"'),
    ],
    ids=["too many", "nothing in it"],
)
def test_a_picture_in_a_drawing_that_is_not_unpacked_is_told(drawing: bytes) -> None:
    assert missed(reads(inlaid.open_document(drawing, name="1.svg"))) == [("1.svg", "picture_format")]


@pytest.mark.parametrize(
    "reference", ['href="{}"', 'xlink:href="#none" href=" {}"'], ids=["not in base64", "second reference"]
)
def test_a_picture_in_a_drawing_is_read_however_it_is_written(reference: str) -> None:
    drawing = _drawing(reference.format("DATA:image/svg+xml,%3Csvg%3E%3Ctext%3EInside%3C/text%3E%3C/svg%3E"))
    parsed = reads(inlaid.open_document(drawing, name="1.svg"))

    assert parsed.is_whole
    assert "Picture: Inside" in seen(parsed)


@needs_tesseract
def test_a_damaged_picture_is_told_and_the_others_are_read() -> None:
    parsed = reads(inlaid.word(PICTURE, more={"word/media/image2.png": PICTURE[:200]}))

    assert missed(parsed) == [("image2.png", "damaged")]
    assert READ in seen(parsed)


def test_it_takes_so_many_pictures_and_no_more() -> None:
    media = {f"word/media/{n}.png": inlaid.blank(100, 100) + n.to_bytes(2) for n in range(PICTURES + 2)}
    found = package.read(inlaid.word(b"", more=media), "package")

    assert len(found.pictures) == PICTURES
    assert found.unread == [("", "too_many_pictures")]


@needs_tesseract
def test_pictures_beyond_the_processor_seconds_of_an_upload_are_told() -> None:
    parsed = reads(inlaid.word(PICTURE), limits=Limits(recognition=Recognition(picture_seconds=0)))

    assert parsed.warnings == ("ocr_stopped",)
    assert not parsed.is_whole


@needs_tesseract
def test_a_file_inside_whose_pictures_had_no_turn_is_not_taken_for_blank() -> None:
    only_pictures = packed({"word/document.xml": "<x/>", "word/media/1.png": PICTURE})
    parsed = reads(
        packed({"a.txt": "Words.", "b.docx": only_pictures}), limits=Limits(recognition=Recognition(picture_seconds=0))
    )

    assert missed(parsed) == [("b.docx", "time_limit")]


# ── on pages that have text ─────────────────────────────────────────────────


def beside_text(canvas: Canvas, *, layer: bool = False) -> None:
    canvas.drawString(40, 780, "The company pays for this visit. " * 3)
    for number in range(8):
        canvas.drawString(40, 120 - 12 * number, f"Rule {number}: guests are announced at the gate before noon.")
    canvas.drawInlineImage(Image.open(io.BytesIO(PASSPORT)), 100, 300, 300, 90)
    if layer:
        unseen = canvas.beginText(110, 350)
        unseen.setTextRenderMode(3)
        unseen.textLine("Passport of Ada Harrow 4539 1488")
        canvas.drawText(unseen)


def read_pdf(**options: bool) -> Parsed:
    return reads(papers.pdf(lambda canvas: beside_text(canvas, **options)))


@needs_tesseract
def test_a_picture_beside_text_is_read_and_each_word_has_its_place() -> None:
    parsed = read_pdf()
    text = "\n".join(seen(parsed))
    found = document_places(parsed).boxes

    assert "Picture: Passport of Ada Harrow" in text
    assert CARD in text
    assert text.count("Rule 3") == 1
    # On the sheet it begins 100 points from the left, 390 from the bottom, of 595 by 842.
    assert all(1_600 < box.left < box.right < 6_800 for box in found)
    assert all(5_300 < box.top < box.bottom < 6_500 for box in found)
    assert any(CARD in one.text and one.places.boxes for one in chunk(parsed))


def test_what_text_recognition_wrote_before_is_not_read_again() -> None:
    parsed = read_pdf(layer=True)

    assert not any(text.startswith("Picture") for text in seen(parsed))
    assert parsed.is_whole


def test_without_recognition_a_picture_beside_text_is_told(no_recognition: None) -> None:
    assert read_pdf().warnings == ("small_pictures",)
