"""DOCX: headings, lists, table rows with their header, and hidden text marked as such.

Read with expat and no entity: a document type declaration ends the reading (XXE, billion laughs).
Sizes are checked while inflating, never trusted from the archive's directory.
"""

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from .blocks import Output, Page, Unreadable

_PART_BYTES = 150_000_000
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_PARTS = (
    ("word/document.xml", None),
    ("word/footnotes.xml", None),
    ("word/comments.xml", "comment"),
)
_OFF = {"0", "false", "none", "off"}


def read(content: bytes, _kind: str) -> Output:
    """Return headings, paragraphs, list items and table rows in order."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        names = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise Unreadable("damaged") from error
    if "EncryptedPackage" in names or any(entry.flag_bits & 1 for entry in archive.infolist()):
        raise Unreadable("encrypted")
    output = Output()
    page = Page(None)
    output.pages.append(page)
    styles = _heading_styles(_part(archive, "word/styles.xml")) if "word/styles.xml" in names else {}
    for name, hidden in _PARTS:
        if name in names:
            _Reader(output, page, styles, hidden).read(_part(archive, name))
    return output


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        with archive.open(name) as file:
            part = file.read(_PART_BYTES + 1)
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, KeyError) as error:
        raise Unreadable("damaged") from error
    if len(part) > _PART_BYTES:
        raise Unreadable("bomb")
    return part


def _heading_styles(part: bytes) -> dict[str, int]:
    """Return the level of each style that has an outline level or is named like a heading."""
    found: dict[str, int] = {}
    style = ""

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal style
        if name == f"{_W} style":
            style = attributes.get(f"{_W} styleId", "")
        elif name == f"{_W} name" and style:
            words = attributes.get(f"{_W} val", "").lower().split()
            if len(words) == 2 and words[0] == "heading" and words[1].isdigit():  # noqa: PLR2004 - "heading 2"
                found[style] = int(words[1])
            elif words == ["title"]:
                found[style] = 1
        elif name == f"{_W} outlineLvl" and style and attributes.get(f"{_W} val", "9").isdigit():
            level = int(attributes.get(f"{_W} val", "9")) + 1
            if level < 10:  # noqa: PLR2004 - 9 means body text
                found.setdefault(style, level)

    parse(part, start, lambda _name: None, lambda _text: None)
    return found


def parse(part: bytes, start: object, end: object, text: object) -> None:
    """Run expat over one part, refusing any document type declaration. Names come as "namespace local"."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text  # type: ignore[assignment]

    def refuse(*_declaration: object) -> None:
        raise Unreadable("document_type")

    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(part, True)
    except expat.ExpatError as error:
        raise Unreadable("damaged") from error


@dataclass
class _Paragraph:
    runs: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    style: str = ""
    is_item: bool = False


@dataclass
class _Table:
    header: list[str] | None = None
    cells: list[str] = field(default_factory=list)
    cell: list[str] = field(default_factory=list)


class _Reader:
    """Turns the events of one part into blocks."""

    def __init__(self, output: Output, page: Page, styles: dict[str, int], hidden: str | None) -> None:
        self._output, self._page, self._styles, self._hidden = output, page, styles, hidden
        self._paragraphs: list[_Paragraph] = []
        self._tables: list[_Table] = []
        self._run_is_hidden = False
        self._takes_text = False

    def read(self, part: bytes) -> None:
        parse(part, self._start, self._end, self._text)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(" ")
        if namespace != _W:
            return
        if local == "p":
            self._paragraphs.append(_Paragraph())
        elif local == "tbl":
            self._tables.append(_Table())
        elif local == "r":
            self._run_is_hidden = False
        elif local == "t":
            self._takes_text = True
        elif self._paragraphs:
            self._note(local, attributes.get(f"{_W} val", ""))

    def _note(self, local: str, value: str) -> None:
        paragraph = self._paragraphs[-1]
        if local == "pStyle":
            paragraph.style = value
        elif local == "numPr":
            paragraph.is_item = True
        elif (local == "vanish" and value not in _OFF) or (local == "color" and value.upper() == "FFFFFF"):
            self._run_is_hidden = True
        elif local in {"tab", "br", "cr"}:
            paragraph.runs.append(" ")

    def _end(self, name: str) -> None:
        namespace, _, local = name.rpartition(" ")
        if namespace != _W:
            return
        if local == "t":
            self._takes_text = False
        elif local == "p" and self._paragraphs:
            self._finish(self._paragraphs.pop())
        elif local == "tc" and self._tables:
            self._tables[-1].cells.append(" ".join(self._tables[-1].cell))
            self._tables[-1].cell = []
        elif local == "tr" and self._tables:
            self._row(self._tables[-1])
        elif local == "tbl" and self._tables:
            self._tables.pop()

    def _text(self, text: str) -> None:
        if self._takes_text and self._paragraphs:
            paragraph = self._paragraphs[-1]
            (paragraph.hidden if self._run_is_hidden else paragraph.runs).append(text)

    def _finish(self, paragraph: _Paragraph) -> None:
        text = "".join(paragraph.runs)
        if self._tables:
            self._tables[-1].cell.append(text.strip())
        elif (level := self._styles.get(paragraph.style)) and not self._hidden:
            self._output.title = self._output.title or text
            self._output.add(self._page, "heading", text, level=level)
        else:
            is_item = paragraph.is_item or paragraph.style.lower().startswith("list")
            self._output.add(self._page, "list_item" if is_item else "paragraph", text, hidden=self._hidden)
        self._output.add(self._page, "paragraph", "".join(paragraph.hidden), hidden="hidden text")

    def _row(self, table: _Table) -> None:
        cells, table.cells = table.cells, []
        if table.header is None:
            table.header = cells
            self._output.add(self._page, "table_row", " | ".join(cells))
            return
        self._output.add(self._page, "table_row", " | ".join(_labelled(table.header, cells)))


def _labelled(header: list[str], cells: list[str]) -> Iterator[str]:
    for place, cell in enumerate(cells):
        label = header[place] if place < len(header) else ""
        yield f"{label}: {cell}" if label and cell and label != cell else cell
