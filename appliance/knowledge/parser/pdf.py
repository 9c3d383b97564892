"""PDF by pdfium: text in its own order, lines put together to paragraphs, headings by type size."""

import ctypes
import re
import statistics
from collections.abc import Iterator
from dataclasses import dataclass

import pypdfium2 as pdfium
from pypdfium2 import raw

from .blocks import Output, Page, Unreadable

_PAGES = 5_000
_HEADING_RATIO = 1.05
_HEADING_LENGTH = 120
_BULLETS = ("•", "▪", "◦", "‣", "–", "-", "*", "·")
_NUMBERED = re.compile(r"\d{1,2}(?:\.\d{1,2}){0,3}\.?\s+[A-ZÄÖÜ]\w")
_HYPHENS = ("\u0002", "\ufffe", "\u00ad")


@dataclass(frozen=True)
class Line:
    text: str
    size: float


def read(content: bytes, _kind: str) -> Output:
    """Return the text of each page. Raises Unreadable for encrypted, damaged or over-long files."""
    try:
        document = pdfium.PdfDocument(content)
    except pdfium.PdfiumError as error:
        raise Unreadable("encrypted" if "password" in str(error).lower() else "damaged") from error
    if len(document) > _PAGES:
        raise Unreadable("too_many_pages")
    output = Output(title=document.get_metadata_value("Title"))
    for index in range(len(document)):
        page = Page(index + 1)
        output.pages.append(page)
        _read_page(document, index, page, output)
    return output


def _read_page(document: pdfium.PdfDocument, index: int, page: Page, output: Output) -> None:
    try:
        source = document[index]
        text = source.get_textpage()
    except pdfium.PdfiumError:
        output.add(page, "paragraph", f"[page {index + 1} could not be read]", hidden="unreadable")
        return
    lines = list(_lines(text))
    text.close()
    source.close()
    for kind, paragraph in _paragraphs(lines):
        output.add(page, kind, paragraph, level=2 if kind == "heading" else 0)


def _lines(text: pdfium.PdfTextPage) -> Iterator[Line]:
    count = text.count_chars()
    if count <= 0:
        return
    # One call for the page; UTF-16 units equal pdfium's own indices, so that a line's size can be asked for.
    buffer = (ctypes.c_ushort * (count + 1))()
    raw.FPDFText_GetText(text, 0, count, buffer)
    units = bytes(buffer)[: count * 2].decode("utf-16-le", "replace")
    start = 0
    for end in (*(place for place, sign in enumerate(units) if sign == "\n"), len(units)):
        line = units[start:end].strip("\r\n")
        if line.strip():
            yield Line(line, raw.FPDFText_GetFontSize(text, start + len(line) // 2))
        elif start != end:
            yield Line("", 0.0)
        start = end + 1


def _paragraphs(lines: list[Line]) -> Iterator[tuple[str, str]]:
    written = [line for line in lines if line.text]
    if not written:
        return
    body = statistics.median(line.size for line in written for _ in range(1 + len(line.text) // 20))
    width = statistics.quantiles([len(line.text) for line in written], n=10)[-1] if len(written) > 1 else 0
    gathered: list[str] = []
    for line in lines:
        is_heading = _looks_like_heading(line, body)
        begins = is_heading or not line.text or line.text.lstrip().startswith(_BULLETS)
        if begins and gathered:
            yield _kind(gathered), _joined(gathered)
            gathered = []
        if is_heading and line.text:
            yield "heading", line.text
            continue
        if line.text:
            gathered.append(line.text)
            if len(line.text) < width * 0.7 and line.text.rstrip().endswith((".", "!", "?", ":")):
                yield _kind(gathered), _joined(gathered)
                gathered = []
    if gathered:
        yield _kind(gathered), _joined(gathered)


def _looks_like_heading(line: Line, body: float) -> bool:
    text = line.text.strip()
    if not 2 < len(text) <= _HEADING_LENGTH or text.endswith((".", ",", ";")):  # noqa: PLR2004 - not a lone sign
        return False
    return line.size >= body * _HEADING_RATIO or bool(_NUMBERED.match(text) and len(text) <= _HEADING_LENGTH // 2)


def _kind(lines: list[str]) -> str:
    return "list_item" if lines[0].lstrip().startswith(_BULLETS[:4]) else "paragraph"


def _joined(lines: list[str]) -> str:
    text = lines[0]
    for line in lines[1:]:
        if text.endswith(_HYPHENS) or (text.endswith("-") and line[:1].islower()):
            text = text[:-1] + line
        else:
            text = f"{text} {line}"
    for hyphen in _HYPHENS:
        text = text.replace(hyphen, "")
    return text
