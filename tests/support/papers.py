"""Documents made for tests of reading, marking and recognising: each returns the file's bytes."""

import io
import random
import unicodedata
import zlib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import docx
import pypdfium2 as pdfium
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfbase.pdfmetrics import registerFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate, Paragraph

from tests.support.archives import packed

DEJAVU = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006"
_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_SHEETS = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_THINGS = ("The archive", "A visitor", "Each badge", "The night watch", "Our laboratory", "The stock room", "A courier")
_DEEDS = ("closes at", "is counted at", "must be checked before", "opens for deliveries at", "is swept after")
_PLACES = (
    "the north gate",
    "the loading dock",
    "the second floor",
    "the glass corridor",
    "the old mill",
    "the canteen",
)


def folded(text: str) -> str:
    """What is left when spaces, line ends and hyphens are no matter."""
    kept = (sign for sign in unicodedata.normalize("NFC", text) if sign.isprintable() and sign not in " -\u00ad\ufffe")
    return "".join(kept)


def rules(count: int, seed: int) -> list[str]:
    """Return sentences that differ from each other, in paragraphs of a few."""
    dice = random.Random(seed)
    sentences = [
        f"{dice.choice(_THINGS)} number {seed}{number:03} {dice.choice(_DEEDS)} {dice.randint(6, 22)} hundred hours "
        f"near {dice.choice(_PLACES)}, unless the supervisor decides otherwise in writing."
        for number in range(count)
    ]
    return [" ".join(sentences[start : start + 3]) for start in range(0, count, 3)]


def pdf(draw: Callable[[Canvas], None], *, size: tuple[float, float] = A4) -> bytes:
    """Return a PDF that is drawn by hand."""
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=size)
    draw(canvas)
    canvas.save()
    return target.getvalue()


def two_columns(paragraphs: Sequence[str]) -> bytes:
    """Return a PDF set in two columns."""
    target = io.BytesIO()
    width, height = A4
    frames = [Frame(40 + side * (width / 2 - 30), 40, width / 2 - 50, height - 80) for side in (0, 1)]
    document = BaseDocTemplate(target, pageTemplates=[PageTemplate(frames=frames)])
    style = getSampleStyleSheet()["BodyText"]
    document.build([Paragraph(text, style) for text in paragraphs])
    return target.getvalue()


def word(paragraphs: Sequence[str]) -> bytes:
    """Return a DOCX."""
    target = io.BytesIO()
    document = docx.Document()
    document.add_heading("House rules", level=1)
    for text in paragraphs:
        document.add_paragraph(text)
    document.save(target)
    return target.getvalue()


def web(paragraphs: Sequence[str]) -> bytes:
    """Return an HTML page."""
    body = "".join(f"<p>{text}</p>" for text in paragraphs)
    return f"<!doctype html><html><body><h1>House rules</h1>{body}</body></html>".encode()


def sheet(rows: Sequence[Sequence[str]]) -> bytes:
    """Return an XLSX with one sheet; a sheet of any program has more, and needs no more."""
    types = (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_SHEETS}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_SHEETS}.worksheet+xml"/></Types>'
    )
    cells = "".join(
        f'<row r="{number}">' + "".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in row) + "</row>"
        for number, row in enumerate(rows, start=1)
    )
    parts = {
        "[Content_Types].xml": types,
        "_rels/.rels": _relation("officeDocument", "xl/workbook.xml"),
        "xl/_rels/workbook.xml.rels": _relation("worksheet", "worksheets/sheet1.xml"),
        "xl/workbook.xml": f'<workbook {_MAIN} xmlns:r="{_OFFICE}/relationships"><sheets>'
        '<sheet name="Rules" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/worksheets/sheet1.xml": f"<worksheet {_MAIN}><sheetData>{cells}</sheetData></worksheet>",
    }
    return packed(parts)


def _relation(kind: str, to: str) -> str:
    return (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/relationships/{kind}" Target="{to}"/></Relationships>'
    )


def pixels(content: bytes, *, number: int = 1, dpi: int = 200) -> tuple[bytes, int, int]:
    """Draw a page of a PDF as a scanner would see it: shades of grey, width and height."""
    page = pdfium.PdfDocument(content)[number - 1]
    bitmap = page.render(scale=dpi / 72, grayscale=True)
    whole = bytes(bitmap.buffer)
    lines = (whole[row * bitmap.stride : row * bitmap.stride + bitmap.width] for row in range(bitmap.height))
    return b"".join(lines), bitmap.width, bitmap.height


def scan(content: bytes, *, turned: int = 0, stamp: str = "", dpi: int = 200) -> bytes:
    """Return a PDF whose pages are pictures of another's; `turned` is how the sheets lay in the scanner."""
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=A4)
    for number in range(1, len(pdfium.PdfDocument(content)) + 1):
        shades, width, height = pixels(content, number=number, dpi=dpi)
        canvas.saveState()
        if turned == 180:
            canvas.translate(*A4)
            canvas.rotate(180)
        canvas.drawInlineImage(_image(shades, width, height), 0, 0, *A4)
        canvas.restoreState()
        if stamp:
            canvas.drawString(400, 20, f"{stamp} {number}")
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def png(shades: bytes, width: int, height: int) -> bytes:
    """Return a PNG file of shades of grey."""
    lines = b"".join(b"\0" + shades[row * width : (row + 1) * width] for row in range(height))
    parts = (
        (b"IHDR", width.to_bytes(4) + height.to_bytes(4) + bytes([8, 0, 0, 0, 0])),
        (b"IDAT", zlib.compress(lines)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(body).to_bytes(4) + name + body + zlib.crc32(name + body).to_bytes(4) for name, body in parts
    )


def picture(content: bytes, kind: str) -> bytes:
    """Return the first page of a PDF as a picture file of this kind."""
    shades, width, height = pixels(content)
    target = io.BytesIO()
    _image(shades, width, height).save(target, kind)
    return target.getvalue()


def _image(shades: bytes, width: int, height: int):  # type: ignore[no-untyped-def] # noqa: ANN202 - reportlab's own library
    from PIL import Image

    return Image.frombytes("L", (width, height), shades)


@cache
def _hebrew_font() -> str:
    registerFont(TTFont("DejaVu", DEJAVU))
    return "DejaVu"


def right_to_left(lines: Sequence[str]) -> bytes:
    """Return a PDF with these lines as old programs set them: each letter at its place, from the left."""

    def draw(canvas: Canvas) -> None:
        canvas.setFont(_hebrew_font(), 14)
        for number, line in enumerate(lines):
            canvas.drawRightString(540, 780 - 22 * number, line[::-1])

    return pdf(draw)
