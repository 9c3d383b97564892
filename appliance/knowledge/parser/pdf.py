"""PDF by pdfium: text in its own order, lines put together to paragraphs, headings by type size."""

import ctypes
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pypdfium2 as pdfium
from pypdfium2 import raw

from .annotations import read_annotations, read_attachments
from .appearances import read_appearances
from .blocks import HIDDEN, Output, Page, Span, Unreadable
from .pdfwords import take_words
from .plates import find_plate
from .rest import Rest
from .sight import Budget, Eye, type_size
from .spans import HYPHENS, moved, placed, without_last

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
_UNMAPPED = 12  # letters: no number of a card is shorter
_PICTURE_SHARE, _FEW_CHARACTERS = 0.4, 200  # of the page; what may stand beside a scan: a stamp, a page number


@dataclass(frozen=True)
class Line:
    """A line as it is read. `is_torn`: its last word goes on in the next line."""

    text: str
    size: float
    is_bold: bool
    is_hidden: bool = False
    is_torn: bool = False
    spans: tuple[Span, ...] = ()


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
    read_attachments(document, output)
    if raw.FPDFDoc_GetJavaScriptActionCount(document) > 0:
        output.warn("macros")
    budget, shown = Budget(), set[int]()
    pages = [_read_page(document, index, output, budget, shown) for index in range(len(document))]
    type_sizes = TypeSizes(pages)
    for number, lines in enumerate(pages, start=1):
        _write_page(output, number, lines, type_sizes)
    read_annotations(document, output)
    read_appearances(content, output)
    rest = Rest()
    take_words(content, output, rest)
    if len(output.pages):
        rest.write(output, output.pages[-1])
    return output


def _title(document: pdfium.PdfDocument) -> str:
    title = str(document.get_metadata_value("Title")).strip()
    # What programs write when nobody gave a title.
    return (
        "" if title.lower() in {"(anonymous)", "untitled"} or title.lower().startswith("microsoft word - ") else title
    )


def _read_page(document: pdfium.PdfDocument, index: int, output: Output, budget: Budget, shown: set[int]) -> list[Line]:
    try:
        source = document[index]
        text = source.get_textpage()
    except pdfium.PdfiumError:
        output.warn("pages_unreadable")
        return []
    lines = list(_lines(text, Eye(source, text, budget)))
    written = sum(len(line.text) for line in lines if not line.is_hidden)
    if (
        _is_scan(source, written) or _unmapped(text) >= _UNMAPPED
    ):  # an empty page is empty; one that draws something may draw letters
        output.scans.append(index + 1)
    elif written and (plate := find_plate(source, text)) and not plate.digests <= shown:
        output.figures.append((index + 1, plate.is_large))
        shown |= plate.digests
    text.close()
    source.close()
    return lines


def _unmapped(text: pdfium.PdfTextPage) -> int:
    """Count the letters that are drawn and have no code, so that only a look at the page tells what they are."""
    count = max(text.count_chars(), 0)
    found = start = 0
    for line in _characters(text, count).split("\n") if count else ():
        asked = {start, start + len(line) // 2, start + max(len(line.rstrip()) - 1, 0)}
        unknown = sum(raw.FPDFText_HasUnicodeMapError(text, place) == 1 for place in asked)
        found += len(line) if line.strip() and 2 * unknown > len(asked) else 0
        start += len(line) + 1
    return found


def _is_scan(page: pdfium.PdfPage, written: int) -> bool:
    """Say whether the page is a picture, perhaps with a stamp or a page number set on it."""
    if written > _FEW_CHARACTERS:
        return False
    if written == 0:
        return int(raw.FPDFPage_CountObjects(page)) > 0
    width, height = page.get_size()
    sizes = (item.get_bounds() for item in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE]))
    areas = ((right - left) * (top - bottom) for left, bottom, right, top in sizes)
    return any(area > _PICTURE_SHARE * width * height for area in areas)


def _lines(text: pdfium.PdfTextPage, eye: Eye) -> Iterator[Line]:
    count = text.count_chars()
    if count <= 0:
        return
    units = _characters(text, count)
    start = 0
    for end in (*(place for place, sign in enumerate(units) if sign == "\n"), len(units)):
        line = units[start:end]
        if line.strip():
            first = start + len(line) - len(line.lstrip())
            last = start + len(line.rstrip())
            middle = (first + last) // 2
            # Letters that run up the margin are no heading, however large.
            is_upright = abs(raw.FPDFText_GetCharAngle(text, middle)) < _SLANT
            size = type_size(text, middle) if is_upright else 0.0
            is_bold = raw.FPDFText_GetFontWeight(text, middle) >= _BOLD
            words, spans = placed(units[first:last], first)
            yield Line(words, size, is_bold, not eye.sees(first, last), units[first:last].endswith(HYPHENS), spans)
        elif start != end:
            yield _EMPTY
        start = end + 1


def _characters(text: pdfium.PdfTextPage, count: int) -> str:
    # One call for the page, where each character is one UTF-16 unit: so that places equal pdfium's own indices.
    buffer = (ctypes.c_ushort * (count + 1))()
    written = raw.FPDFText_GetText(text, 0, count, buffer)
    units = bytes(buffer)[: count * 2].decode("utf-16-le", "surrogatepass")
    # Left out were characters without a code, or some are beyond the first plane: one index each, two units.
    is_exact = written == count + 1 and len(units) == count
    return units if is_exact else "".join(_sign(text, place) for place in range(count))


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
    for kind, level, text, spans in _paragraphs(seen, type_sizes):
        output.add(page, kind, text, level=level, spans=spans)
    unseen = [line for line in lines if line.is_hidden]
    if unseen:
        output.add(page, "paragraph", _joined(unseen)[0], hidden=HIDDEN)


Written = tuple[str, int, str, list[Span]]  # kind, level, text, spans


def _paragraphs(lines: list[Line], type_sizes: TypeSizes) -> Iterator[Written]:
    lengths = sorted(len(line.text) for line in lines if line.text)
    width = lengths[len(lengths) * 9 // 10] if lengths else 0
    gathered: list[Line] = []
    gathered_level = 0
    for line in lines:
        level = type_sizes.level(line) or 0
        begins = level != gathered_level or not line.text or line.text.startswith(_BULLETS)
        if gathered and begins:
            yield _block(gathered, gathered_level)
            gathered = []
        if not line.text:
            continue
        gathered.append(line)
        gathered_level = level
        if not level and len(line.text) < width * 0.7 and line.text.endswith((".", "!", "?", ":")):
            yield _block(gathered, 0)
            gathered = []
    if gathered:
        yield _block(gathered, gathered_level)


def _block(lines: list[Line], level: int) -> Written:
    text, spans = _joined(lines)
    # More than a few lines of bold type are a form or an emphasis, not a heading.
    if level and len(lines) <= _HEADING_LINES and len(text) <= _HEADING_LENGTH:
        return "heading", level, text, spans
    first = lines[0].text
    is_item = first.startswith(_BULLETS) and first[1:2].isspace()
    return "list_item" if is_item else "paragraph", 0, text, spans


def _joined(lines: list[Line]) -> tuple[str, list[Span]]:
    text, spans = lines[0].text, list(lines[0].spans)
    for before, line in pairwise(lines):
        if text.endswith("-") and text[-2:-1].isalpha() and line.text[:1].islower():
            text, spans = text[:-1], without_last(spans)
        elif not before.is_torn:
            text += " "
        spans += moved(line.spans, len(text))
        text += line.text
    return text, spans
