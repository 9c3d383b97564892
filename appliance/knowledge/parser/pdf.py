"""PDF by pdfium: text in its own order, lines put together to paragraphs, headings by type size."""

import ctypes
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pypdfium2 as pdfium
from pypdfium2 import raw

from .blocks import HIDDEN, Output, Page, Unreadable
from .sight import Budget, Eye, type_size

_PAGES = 5_000
_HEADING_RATIO = 1.08
_HEADING_LENGTH = 120
_BOLD = 600
_LEVELS = 3
_HEADING_LINES = 3
_RUNNING = 3  # the same line on so many pages is a running head
_SLANT = 0.1  # radians
_BULLETS = ("•", "▪", "◦", "‣", "●", "○", "–", "-", "*", "·")
_NUMBERED = re.compile(r"(\d{1,2}(?:\.\d{1,2}){0,3})\s+[A-ZÄÖÜ]\w")
_SENTENCE = re.compile(r"[a-zäöüß][.!?]\s+[A-ZÄÖÜ]")
_HYPHENS = ("\u0002", "\ufffe", "\u00ad")


@dataclass(frozen=True)
class Line:
    text: str
    size: float
    is_bold: bool
    is_hidden: bool = False


_EMPTY = Line("", 0.0, is_bold=False)


def read(content: bytes, _kind: str) -> Output:
    """Return the text of each page. Raises Unreadable for encrypted, damaged or over-long files."""
    try:
        document = pdfium.PdfDocument(content)
    except pdfium.PdfiumError as error:
        raise Unreadable("encrypted" if "password" in str(error).lower() else "damaged") from error
    if len(document) > _PAGES:
        raise Unreadable("too_many_pages")
    output = Output(title=_title(document))
    if raw.FPDFDoc_GetAttachmentCount(document) > 0:
        output.warn("embedded_files")
    if raw.FPDFDoc_GetJavaScriptActionCount(document) > 0:
        output.warn("macros")
    budget = Budget()
    pages = [_read_page(document, index, output, budget) for index in range(len(document))]
    type_sizes = TypeSizes(pages)
    for number, lines in enumerate(pages, start=1):
        _write_page(output, number, lines, type_sizes)
    return output


def _title(document: pdfium.PdfDocument) -> str:
    title = str(document.get_metadata_value("Title")).strip()
    # What programs write when nobody gave a title.
    return (
        "" if title.lower() in {"(anonymous)", "untitled"} or title.lower().startswith("microsoft word - ") else title
    )


def _read_page(document: pdfium.PdfDocument, index: int, output: Output, budget: Budget) -> list[Line]:
    try:
        source = document[index]
        text = source.get_textpage()
    except pdfium.PdfiumError:
        output.warn("pages_unreadable")
        return []
    lines = list(_lines(text, Eye(source, text, budget)))
    # An empty page is empty; one that draws something may draw letters.
    is_drawn = raw.FPDFPage_CountObjects(source) > 0
    text.close()
    source.close()
    if is_drawn and not lines:
        output.warn("pages_without_text")
    return lines


def _lines(text: pdfium.PdfTextPage, eye: Eye) -> Iterator[Line]:
    count = text.count_chars()
    if count <= 0:
        return
    # One call for the page; UTF-16 units equal pdfium's own indices, so that a line's size can be asked for.
    buffer = (ctypes.c_ushort * (count + 1))()
    raw.FPDFText_GetText(text, 0, count, buffer)
    units = bytes(buffer)[: count * 2].decode("utf-16-le", "surrogatepass")
    if len(units) != count:  # signs beyond the first plane: one index each, two units
        units = "".join(_sign(text, place) for place in range(count))
    start = 0
    for end in (*(place for place, sign in enumerate(units) if sign == "\n"), len(units)):
        line = units[start:end].strip("\r\n")
        if line.strip():
            first = start + len(line) - len(line.lstrip())
            last = start + len(line.rstrip())
            middle = (first + last) // 2
            # Letters that run up the margin are no heading, however large.
            is_upright = abs(raw.FPDFText_GetCharAngle(text, middle)) < _SLANT
            size = type_size(text, middle) if is_upright else 0.0
            is_bold = raw.FPDFText_GetFontWeight(text, middle) >= _BOLD
            yield Line(line, size, is_bold, is_hidden=not eye.sees(first, last))
        elif start != end:
            yield _EMPTY
        start = end + 1


def _sign(text: pdfium.PdfTextPage, place: int) -> str:
    code = raw.FPDFText_GetUnicode(text, place)
    return chr(code) if 0 < code <= sys.maxunicode else " "


class TypeSizes:
    """The document's own sizes of type: what is body text, and which level a larger size is."""

    def __init__(self, pages: list[list[Line]]) -> None:
        written: Counter[float] = Counter()
        bold = 0
        for line in (line for lines in pages for line in lines if line.text):
            written[round(line.size, 1)] += len(line.text)
            bold += len(line.text) if line.is_bold else 0
        self.body = _median(written)
        repeated = Counter(sign for lines in pages for sign in {_sameness(line) for line in lines if line.text})
        most = max(_RUNNING, len(pages) // 5)
        self._running = {sign for sign, count in repeated.items() if count >= most}
        # Where most is bold, being bold says nothing.
        self._bold_tells = bold * 3 < written.total()
        larger = sorted((size for size in written if 0 < self.body * _HEADING_RATIO <= size), reverse=True)
        self._levels = {size: min(_LEVELS, rank) for rank, size in enumerate(larger, start=1)}

    def level(self, line: Line) -> int | None:
        """Return the level of the heading that the line is, or None."""
        text = line.text.strip()
        if not 2 < len(text) <= _HEADING_LENGTH or text.endswith((".", ",", ";")) or _SENTENCE.search(text):  # noqa: PLR2004 - not a lone sign
            return None
        if text.startswith(_BULLETS) or _sameness(line) in self._running or not any(sign.isalpha() for sign in text):
            return None
        if level := self._levels.get(round(line.size, 1)):
            return level
        if not 0 < self.body * 0.98 <= line.size:
            return None
        numbered = _NUMBERED.match(text) if len(text) <= _HEADING_LENGTH // 2 else None
        if numbered and (line.is_bold or "." in numbered[1]):
            return min(_LEVELS, 2 + numbered[1].count("."))
        is_bold_alone = line.is_bold and self._bold_tells and not text.endswith(":") and text[0].isupper()
        return _LEVELS if is_bold_alone else None


def _sameness(line: Line) -> str:
    """What a running head keeps from page to page."""
    return re.sub(r"\d+", "0", line.text.strip())


def _median(written: "Counter[float]") -> float:
    half, passed = written.total() / 2, 0
    for size in sorted(written):
        passed += written[size]
        if passed >= half:
            return size
    return 0.0


def _write_page(output: Output, number: int, lines: list[Line], type_sizes: TypeSizes) -> None:
    page = Page(number)
    output.pages.append(page)
    seen = [line for line in lines if not line.is_hidden]
    for kind, level, text in _paragraphs(seen, type_sizes):
        output.add(page, kind, text, level=level)
    unseen = [line.text for line in lines if line.is_hidden]
    if unseen:
        output.add(page, "paragraph", _joined(unseen), hidden=HIDDEN)


def _paragraphs(lines: list[Line], type_sizes: TypeSizes) -> Iterator[tuple[str, int, str]]:
    lengths = sorted(len(line.text) for line in lines if line.text)
    width = lengths[len(lengths) * 9 // 10] if lengths else 0
    gathered: list[str] = []
    gathered_level = 0
    for line in lines:
        level = type_sizes.level(line) or 0
        begins = level != gathered_level or not line.text or line.text.lstrip().startswith(_BULLETS)
        if gathered and begins:
            yield _block(gathered, gathered_level)
            gathered = []
        if not line.text:
            continue
        gathered.append(line.text)
        gathered_level = level
        if not level and len(line.text) < width * 0.7 and line.text.rstrip().endswith((".", "!", "?", ":")):
            yield _block(gathered, 0)
            gathered = []
    if gathered:
        yield _block(gathered, gathered_level)


def _block(lines: list[str], level: int) -> tuple[str, int, str]:
    text = _joined(lines)
    # More than a few lines of bold type are a form or an emphasis, not a heading.
    if level and len(lines) <= _HEADING_LINES and len(text) <= _HEADING_LENGTH:
        return "heading", level, text
    first = lines[0].lstrip()
    is_item = first.startswith(_BULLETS) and first[1:2].isspace()
    return "list_item" if is_item else "paragraph", 0, text


def _joined(lines: list[str]) -> str:
    text = lines[0]
    for line in lines[1:]:
        if text.endswith(_HYPHENS) or (text.endswith("-") and text[-2:-1].isalpha() and line[:1].islower()):
            text = text[:-1] + line
        else:
            text = f"{text} {line}"
    for hyphen in _HYPHENS:
        text = text.replace(hyphen, "")
    return text
