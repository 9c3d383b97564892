"""Documents with a picture in them, between a text before and one behind it: each returns the file's bytes."""

import base64
import io
from collections.abc import Callable
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from tests.support import papers
from tests.support.archives import packed
from tests.support.mails import mail

BEFORE, BEHIND = "Before the picture.", "Behind the picture."
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_DRAWING = f'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:r="{_OFFICE}"'
_WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_SLIDES = 'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
_SHEETS = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_ODF = "urn:oasis:names:tc:opendocument:xmlns:"


@cache
def picture(*lines: str, size: int = 28, kind: str = "png", margin: int = 20) -> bytes:
    """Return a picture of these lines, dark on white."""
    font = ImageFont.truetype(papers.DEJAVU, size)
    width = max(int(font.getlength(line)) for line in lines) + 2 * margin
    image = Image.new("L", (width, int(1.6 * size * len(lines)) + 2 * margin), 255)
    for number, line in enumerate(lines):
        ImageDraw.Draw(image).text((margin, margin + 1.6 * size * number), line, fill=20, font=font)
    target = io.BytesIO()
    image.save(target, kind)
    return target.getvalue()


@cache
def blank(width: int, height: int) -> bytes:
    """Return a picture with nothing on it."""
    return papers.png(b"\xff" * width * height, width, height)


def _relations(*given: tuple[str, str]) -> str:
    links = "".join(
        f'<Relationship Id="r{n}" Type="{_OFFICE}/{kind}" Target="{to}"/>' for n, (kind, to) in enumerate(given, 1)
    )
    return f'<Relationships xmlns="{_PACKAGE}">{links}</Relationships>'


def word(
    content: bytes,
    *,
    run: str = "",
    name: str = "image1.png",
    is_object: bool = False,
    wrap: tuple[str, str] = ("", ""),
    more: dict[str, bytes] | None = None,
) -> bytes:
    """Return a DOCX; `run` are properties of the run that holds the picture."""
    drawing = f'<w:drawing><a:blip {_DRAWING} r:embed="r1"/></w:drawing>'
    if is_object:
        drawing = (
            f'<w:object><v:imagedata xmlns:v="urn:schemas-microsoft-com:vml" xmlns:r="{_OFFICE}" r:id="r1"/></w:object>'
        )
    body = "".join(
        f"<w:p><w:r>{inner}</w:r></w:p>"
        for inner in (f"<w:t>{BEFORE}</w:t>", f"<w:rPr>{run}</w:rPr>{drawing.join(wrap)}", f"<w:t>{BEHIND}</w:t>")
    )
    return packed(
        {
            "word/document.xml": f"<w:document {_WORD}><w:body>{body}</w:body></w:document>",
            "word/_rels/document.xml.rels": _relations(("image", f"media/{name}")),
            f"word/media/{name}": content,
            **(more or {}),
        }
    )


def slides(content: bytes, *, shown: str = "1") -> bytes:
    """Return a PPTX of one slide."""

    def shape(text: str) -> str:
        return (
            f"<p:sp><p:nvSpPr><p:cNvPr/></p:nvSpPr><p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"
        )

    shown_picture = (
        '<p:pic><p:nvPicPr><p:cNvPr id="4"/></p:nvPicPr><p:blipFill><a:blip r:embed="r1"/></p:blipFill></p:pic>'
    )
    tree = f"<p:spTree>{shape(BEFORE)}{shown_picture}{shape(BEHIND)}</p:spTree>"
    return packed(
        {
            "ppt/presentation.xml": f'<p:presentation {_SLIDES} {_DRAWING}><p:sldIdLst><p:sldId id="256" r:id="r1"/></p:sldIdLst></p:presentation>',
            "ppt/_rels/presentation.xml.rels": _relations(("slide", "slides/slide1.xml")),
            "ppt/slides/slide1.xml": f'<p:sld {_SLIDES} {_DRAWING} show="{shown}"><p:cSld>{tree}</p:cSld></p:sld>',
            "ppt/slides/_rels/slide1.xml.rels": _relations(("image", "../media/image1.png")),
            "ppt/media/image1.png": content,
        }
    )


def sheet(content: bytes) -> bytes:
    """Return an XLSX of one sheet."""
    row = f'<row r="1"><c t="inlineStr"><is><t>{BEFORE}</t></is></c></row>'
    return packed(
        {
            "xl/workbook.xml": f'<workbook {_SHEETS} xmlns:r="{_OFFICE}"><sheets><sheet name="A" sheetId="1" r:id="r1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": _relations(("worksheet", "worksheets/sheet1.xml")),
            "xl/worksheets/sheet1.xml": f"<worksheet {_SHEETS}><sheetData>{row}</sheetData></worksheet>",
            "xl/worksheets/_rels/sheet1.xml.rels": _relations(("drawing", "../drawings/drawing1.xml")),
            "xl/drawings/drawing1.xml": f'<d:wsDr xmlns:d="x" {_DRAWING}><d:pic><a:blip r:embed="r1"/></d:pic></d:wsDr>',
            "xl/drawings/_rels/drawing1.xml.rels": _relations(("image", "../media/image1.png")),
            "xl/media/image1.png": content,
        }
    )


def open_document(content: bytes, *, kind: str = "text", name: str = "1.png", beside: str = "") -> bytes:
    """Return a text, sheet or presentation of OpenDocument."""
    frame = f'<draw:frame><draw:image xlink:href="Pictures/{name}"/></draw:frame>'
    frame += f'<draw:frame><draw:image xlink:href="./{beside}"/></draw:frame>' if beside else ""
    before, behind = f"<text:p>{BEFORE}</text:p>", f"<text:p>{BEHIND}</text:p>"
    body = {
        "text": f"{before}<text:p>{frame}</text:p>{behind}",
        "spreadsheet": f'<table:table table:name="A"><table:shapes>{frame}</table:shapes><table:table-row><table:table-cell>{before}'
        "</table:table-cell></table:table-row></table:table>",
        "presentation": f"<draw:page>{before}{frame}{behind}</draw:page>",
    }[kind]
    names = (
        " ".join(f'xmlns:{one}="{_ODF}{one}:1.0"' for one in ("office", "text", "table"))
        + f' xmlns:draw="{_ODF}drawing:1.0"'
    )
    return packed(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}",
            "content.xml": f'<office:document-content {names} xmlns:xlink="http://www.w3.org/1999/xlink"><office:body><office:{kind}>'
            f"{body}</office:{kind}></office:body></office:document-content>",
            f"Pictures/{name}": content,
            **({beside: content} if beside else {}),
        }
    )


def book(content: bytes) -> bytes:
    """Return an EPUB of one chapter."""
    items = '<item id="c" href="c.xhtml" media-type="application/xhtml+xml"/><item id="i" href="i.png" media-type="image/png"/>'
    return packed(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container><rootfiles><rootfile full-path="o/b.opf"/></rootfiles></container>',
            "o/b.opf": f'<package><metadata/><manifest>{items}</manifest><spine><itemref idref="c"/></spine></package>',
            "o/c.xhtml": f'<html><body><p>{BEFORE}</p><img src="i.png"/><p>{BEHIND}</p></body></html>',
            "o/i.png": content,
        }
    )


def rich(content: bytes) -> bytes:
    """Return an RTF."""
    shown = (
        b"{\\*\\shppict{\\pict{\\*\\picprop{\\sp}}\\pngblip "
        + content.hex().encode()
        + b"}}{\\nonshppict{\\pict\\wmetafile8 0100}}"
    )
    return b"{\\rtf1\\ansi " + BEFORE.encode() + b"\\par " + shown + b"\\par " + BEHIND.encode() + b"\\par}"


def web(content: bytes) -> bytes:
    """Return a page of HTML."""
    data = base64.b64encode(content).decode()
    return f'<html><body><p>{BEFORE}</p><p><img src="data:image/png;base64,{data}"></p><p>{BEHIND}</p></body></html>'.encode()


def letter(content: bytes) -> bytes:
    """Return a mail that shows its picture."""
    sent = mail()
    sent.set_content(f'<p>{BEFORE}</p><p><img src="cid:one@harrow"></p><p>{BEHIND}</p>', subtype="html")
    sent.add_related(content, "image", "png", cid="<one@harrow>")
    return bytes(sent)


DOCUMENTS: dict[str, Callable[[bytes], bytes]] = {
    "a.docx": word, "a.pptx": slides, "a.xlsx": sheet, "a.odt": open_document,
    "a.ods": lambda content: open_document(content, kind="spreadsheet"),
    "a.odp": lambda content: open_document(content, kind="presentation"),
    "a.epub": book, "a.rtf": rich, "a.html": web, "a.eml": letter,
}  # fmt: skip
