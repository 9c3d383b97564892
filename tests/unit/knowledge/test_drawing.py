"""Pages as pictures: the marks lie on the words, however the page is turned or cut."""

import base64
import io
import struct
import zlib

import pypdfium2 as pdfium
import pytest
from reportlab.pdfgen.canvas import Canvas

from appliance.knowledge.chunking import document_places
from appliance.knowledge.parsing import Limits, ask_child, parse
from appliance.knowledge.places import GRID
from appliance.knowledge.unreadable import UnreadableDocument
from tests.support import papers
from tests.support.house import SHARED

Grey = tuple[int, int, list[bytes]]


def words(canvas: Canvas) -> None:
    canvas.setFont("Helvetica", 18)
    for number, height in enumerate((700, 400, 120)):
        canvas.drawString(60 + 80 * number, height, f"The words of line {number}.")


def changed(content: bytes, *, turned: int = 0, crop: tuple[float, ...] = ()) -> bytes:
    document = pdfium.PdfDocument(content)
    document[0].set_rotation(turned)
    if crop:
        document[0].set_cropbox(*crop)
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def drawn(content: bytes, *, kind: str = "pdf", width: int = 500) -> tuple[list[list[int]], Grey]:
    """Draw the first page with all its words marked; return the marks and the picture."""
    ranges = [(one.first, one.count) for one in document_places(parse(content, file_name="a.pdf")).ranges]
    options = {"kind": kind, "page": 1, "width": width, "ranges": {"cited": ranges}, "draws": True}
    answer = ask_child("page", content, Limits(), options)
    picture = grey(base64.b64decode(answer["png"]))
    assert picture[:2] == (answer["width"], answer["height"])
    return answer["marks"]["cited"], picture


def grey(png: bytes) -> Grey:
    """Read a PNG file as it is written here: shades of grey, or of a coloured one its red."""
    width, height, depth, colours = struct.unpack(">IIBB", png[16:26])
    channels = {0: 1, 2: 3}[colours]
    assert depth == 8
    size = struct.unpack(">I", png[33:37])[0]
    body = zlib.decompress(png[41 : 41 + size])
    line = width * channels + 1
    assert len(body) == height * line
    return width, height, [body[row * line + 1 : (row + 1) * line : channels] for row in range(height)]


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", [(), (40, 80, 500, 760)])
def test_the_marks_lie_on_the_words(turned: int, crop: tuple[float, ...]) -> None:
    marks, (width, height, lines) = drawn(changed(papers.pdf(words), turned=turned, crop=crop))
    dark = {(x, y) for y, line in enumerate(lines) for x, shade in enumerate(line) if shade < 100}
    covered = {
        (x, y)
        for left, top, right, bottom in marks
        for x in range(left * width // GRID - 1, right * width // GRID + 2)
        for y in range(top * height // GRID - 1, bottom * height // GRID + 2)
    }

    assert len(marks) == 3
    assert len(dark) > 300
    assert len(dark & covered) > 0.98 * len(dark)
    assert len(covered) < 0.08 * width * height


def test_a_coloured_page_keeps_its_colours() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setFillColorRGB(0.8, 0, 0)
        canvas.drawString(60, 600, "Red letters.")

    answer = ask_child(
        "page", papers.pdf(draw), Limits(), {"kind": "pdf", "page": 1, "width": 300, "ranges": {}, "draws": True}
    )
    assert base64.b64decode(answer["png"])[25] == 2  # red, green and blue


def test_a_form_is_drawn_with_what_was_filled_in() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(60, 700, "Name")
        canvas.acroForm.textfield(name="Name", value="XXXXXXXXXX", x=60, y=600, width=300, height=40, fontSize=30)

    _, (width, _, lines) = drawn(papers.pdf(draw))
    field = [line[60 * width // 595 : 360 * width // 595] for line in lines[200 * width // 595 : 245 * width // 595]]

    assert sum(shade < 100 for line in field for shade in line) > 200


@pytest.mark.parametrize(
    "name", ["pdf_bomb_giant.pdf", "pdf_fuzzed_pdfbox.pdf", "pdf_xref_missing.pdf", "pdf_evaljs.pdf"]
)
@pytest.mark.skipif(not SHARED.exists(), reason="the shared documents are not beside the project")
def test_a_nasty_page_is_drawn_or_refused(name: str) -> None:
    content = (SHARED / "nasty" / name).read_bytes()
    options = {"kind": "pdf", "page": 1, "width": 1000, "ranges": {"cited": [(0, 10**9)]}, "draws": True}
    try:
        answer = ask_child("page", content, Limits(cpu_seconds=20, wall_seconds=40), options)
    except UnreadableDocument as refused:
        assert refused.reason
    else:
        assert answer["width"] * answer["height"] <= 12_100_000


def test_a_page_larger_than_a_house_is_drawn_small() -> None:
    content = papers.pdf(words, size=(14_000, 200))
    options = {"kind": "pdf", "page": 1, "width": 2000, "ranges": {}, "draws": True}

    assert ask_child("page", content, Limits(), options)["width"] == 2000
