"""DOCX: headings, lists, table rows with their header, notes, comments, and what is hidden or deleted marked as such."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from .blocks import ALTERNATIVE, HIDDEN, PICTURE, Output, Page
from .charts import write_chart
from .inlaid import Shown
from .markup import OFF as _OFF
from .markup import parse
from .parts import Parts, Relation
from .rest import Rest
from .rows import Cell, Row, lines

DELETED = "deleted text"
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_CHART = "http://schemas.openxmlformats.org/drawingml/2006/chart chart"
_MATH = "http://schemas.openxmlformats.org/officeDocument/2006/math t"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELATION = f"{_RELATIONS} id"
# Pictures by the element that names them, and the attribute; the second is the older form, the third beside the first.
_PICTURES = {
    "http://schemas.openxmlformats.org/drawingml/2006/main blip": f"{_RELATIONS} embed",
    "urn:schemas-microsoft-com:vml imagedata": _RELATION,
    "http://schemas.microsoft.com/office/drawing/2016/SVG/main svgBlip": f"{_RELATIONS} embed",
}
# What stands beside the text, and the heading under which it is read. Headers and footers are said once.
_BESIDE = (
    (("header", "footer"), "Header and footer"),
    (("footnotes",), "Footnotes"),
    (("endnotes",), "Endnotes"),
    (("comments",), "Comments"),
)
_FALLBACK = "http://schemas.openxmlformats.org/markup-compatibility/2006 Fallback"
_PRIVATE = 0xF000  # where the numbers of fonts without Unicode begin
_SYMBOL_FONTS = re.compile(r"symbol|wingding|webding|dingbat|marlett", re.IGNORECASE)
_CELL_NOTES = frozenset({"gridSpan", "vMerge", "tblHeader", "tblLook"})
_REMOVED = frozenset({"del", "moveFrom"})


def read(parts: Parts, main: str, output: Output, shown: Shown) -> None:
    """Add headings, paragraphs, list items and table rows in order, then what stands beside them."""
    page = Page(None)
    output.pages.append(page)
    relations = parts.relations(main)
    styles = _styles(parts.read("word/styles.xml")) if "word/styles.xml" in parts.names else Styles()

    def read_part(name: str, target: Page, *, is_main: bool = False) -> None:
        found = relations if is_main else parts.relations(name)

        def draw(place: str) -> None:
            if (chart := found.get(place)) and chart.target:
                write_chart(parts, chart.target, output, target)

        def show(place: str, hidden: str | None, is_preview: bool) -> None:
            if (picture := found.get(place)) and picture.target:
                shown.show(target, picture.target, hidden=hidden, is_preview=is_preview)

        _Reader(output, target, styles, draw, show, parts.rest, has_headings=is_main).read(parts.read(name))

    read_part(main, page, is_main=True)
    for kinds, heading in _BESIDE:
        beside = Page(None)
        for name in _parts_of(parts, relations, kinds):
            read_part(name, beside)
        said: set[str] = set()
        kept = [
            block
            for block in beside.blocks
            if block.kind == PICTURE or not (block.text in said or said.add(block.text))  # type: ignore[func-returns-value]  # add answers None
        ]
        if any(not block.hidden and any(sign.isalpha() for sign in block.text) for block in kept):
            output.add(page, "heading", heading, level=1)
        page.blocks += kept


def _parts_of(parts: Parts, relations: dict[str, Relation], kinds: tuple[str, ...]) -> list[str]:
    found = [relation.target for relation in relations.values() if relation.kind in kinds and relation.target]
    # A damaged package may have lost its relations; what lies under the usual names is read all the same.
    return list(dict.fromkeys(found + [name for kind in kinds if (name := f"word/{kind}.xml") in parts.names]))


@dataclass(frozen=True)
class Styles:
    """What styles say: the level of those that are headings, and which of them hide their text."""

    levels: dict[str, int] = field(default_factory=dict)
    hiding: set[str] = field(default_factory=set)


def _styles(part: bytes) -> Styles:
    styles = Styles()
    found = styles.levels
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
        elif name == f"{_W} vanish" and style and attributes.get(f"{_W} val", "") not in _OFF:
            styles.hiding.add(style)

    parse(part, start, lambda _name: None, lambda _text: None)
    return styles


@dataclass
class _Paragraph:
    runs: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    style: str = ""
    is_item: bool = False


@dataclass
class _Table:
    rows: list[Row] = field(default_factory=list)
    row: Row = field(default_factory=list)
    cell: list[str] = field(default_factory=list)
    above: dict[int, str] = field(default_factory=dict)  # column -> text, for cells merged downwards
    column: int = 0
    span: int = 1
    is_continued: bool = False
    is_header: bool = False
    is_painted: bool = False
    has_header_row: bool = True


class _Reader:
    """Turns the events of one part into blocks."""

    def __init__(
        self, output: Output, page: Page, styles: Styles, draw: Callable[[str], None],
        show: Callable[[str, str | None, bool], None], rest: Rest, *, has_headings: bool,
    ) -> None:  # fmt: skip
        self._output, self._page, self._styles = output, page, styles
        self._draw, self._show, self._has_headings = draw, show, has_headings
        self._rest = rest
        self._unknown: dict[str, list[str]] = {}  # what no reader sees of a paragraph, by the element that holds it
        self._local = ""
        self._held: list[tuple[str, str | None, bool]] = []  # pictures of the paragraph or the table on its way
        self._objects = 0
        self._author = ""
        self._removed = 0
        self._paragraphs: list[_Paragraph] = []
        self._tables: list[_Table] = []
        self._run: dict[str, str] = {}
        self._takes_text = False
        self._skipped = 0

    def read(self, part: bytes) -> None:
        parse(part, self._start, self._end, self._text, aside=self._rest.say)
        self._release()
        self._say_unknown()
        self._rest.say(self._author)  # of a comment without a text

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        # A text box comes twice, once for old programs; the second is left out.
        namespace, _, local = name.rpartition(" ")
        self._local = local
        if attributes:
            self._rest.say_attributes(attributes)
        if name == _FALLBACK or self._skipped:
            self._skipped += 1
            if name in _PICTURES:
                self._held.append((attributes.get(_PICTURES[name], ""), ALTERNATIVE, True))
            return
        if namespace != _W:
            self._takes_text |= name == _MATH
            if name == _CHART:
                self._draw(attributes.get(_RELATION, ""))
            elif name in _PICTURES:
                self._hold(local, attributes.get(_PICTURES[name], ""))
            return
        if local in _REMOVED:
            self._removed += 1
        elif local == "comment":
            self._author = attributes.get(f"{_W} author", "")
        else:
            self._begin(local, attributes)

    def _hold(self, local: str, place: str) -> None:
        hidden = DELETED if self._removed else HIDDEN if self._paragraphs and self._is_unseen() else None
        self._held.append((place, ALTERNATIVE if local == "svgBlip" else hidden, self._objects > 0))

    def _release(self) -> None:
        """Put pictures behind the paragraph or the table in which they stand."""
        if not (self._paragraphs or self._tables):
            for one in self._held:
                self._show(*one)
            self._held = []

    def _begin(self, local: str, attributes: dict[str, str]) -> None:
        if local == "object":
            self._objects += 1
        elif local == "p":
            self._paragraphs.append(_Paragraph())
            self._run = {}
        elif local == "tbl":
            self._tables.append(_Table())
        elif local == "r":
            self._run = {}
        elif local in {"t", "delText"}:
            self._takes_text = True
        elif local == "shd":
            self._note_ground(attributes.get(f"{_W} fill", ""))
        elif local == "sym" and self._paragraphs:
            self._note_sign(attributes)
        elif local in _CELL_NOTES and self._tables:
            self._note_cell(local, attributes)
        elif self._paragraphs:
            self._note(local, attributes.get(f"{_W} val", ""))

    def _note(self, local: str, value: str) -> None:
        paragraph = self._paragraphs[-1]
        if local == "pStyle":
            paragraph.style = value
        elif local == "numPr":
            paragraph.is_item = True
        elif local in {"vanish", "color", "sz", "rStyle"}:
            self._run[local] = value
        elif local in {"tab", "ptab", "br", "cr"}:
            paragraph.runs.append(" ")
        elif local == "noBreakHyphen":
            paragraph.runs.append("-")

    def _note_sign(self, attributes: dict[str, str]) -> None:
        """Take a sign that is given by its number in a font: a letter, unless the font holds pictures."""
        number, font = attributes.get(f"{_W} char", ""), attributes.get(f"{_W} font", "")
        if re.fullmatch("[0-9A-Fa-f]{4}", number) and not _SYMBOL_FONTS.search(font):
            code = int(number, 16)
            self._takes_text = True
            self._text(chr(code - _PRIVATE if code >= _PRIVATE else code))
            self._takes_text = False

    def _note_ground(self, fill: str) -> None:
        is_painted = fill.upper() not in {"", "AUTO", "FFFFFF"}
        if self._paragraphs:
            self._run["ground"] = "painted" if is_painted else ""
        elif self._tables:
            self._tables[-1].is_painted = is_painted

    def _note_cell(self, local: str, attributes: dict[str, str]) -> None:
        table, value = self._tables[-1], attributes.get(f"{_W} val", "")
        if local == "gridSpan":
            table.span = min(int(value), 100) if value.isascii() and value.isdigit() else 1
        elif local == "vMerge":
            table.is_continued = value != "restart"
        elif local == "tblHeader":
            table.is_header = value not in _OFF
        elif local == "tblLook":
            table.has_header_row = attributes.get(f"{_W} firstRow", "1") not in _OFF

    def _end(self, name: str) -> None:
        if self._skipped:
            self._skipped -= 1
            return
        namespace, _, local = name.rpartition(" ")
        if local in {"t", "delText"}:
            self._takes_text = False
        elif namespace != _W:
            return
        elif local in _REMOVED:
            self._removed -= 1
        elif local == "object":
            self._objects -= 1
        elif local == "p" and self._paragraphs:
            self._finish(self._paragraphs.pop())
        elif self._tables:
            self._end_table_part(local)

    def _end_table_part(self, local: str) -> None:
        table = self._tables[-1]
        if local in {"tc", "tr", "tbl"}:
            text = " ".join(part for part in table.cell if part)
            table.cell = []
            if text and (table.is_continued or local != "tc"):  # a merged cell's own text, and what stands in no cell
                self._output.add(self._page, "paragraph", text, hidden=HIDDEN)
        if local == "tc":
            text = table.above.get(table.column, "") if table.is_continued else text
            table.above[table.column] = text
            table.row.append(Cell(text, table.column, table.is_header))
            table.column += max(1, table.span)
            table.span, table.is_continued, table.is_painted = 1, False, False
        elif local == "tr":
            table.rows.append(table.row)
            table.row, table.column, table.is_header = [], 0, False
        elif local == "tbl":
            self._tables.pop()
            self._end_table(table)

    def _end_table(self, table: _Table) -> None:
        for line in lines(table.rows, guess=table.has_header_row):
            # A table inside a cell belongs to that cell.
            if self._tables:
                self._tables[-1].cell.append(line)
            else:
                self._output.add(self._page, "table_row", line)
        self._release()

    def _text(self, text: str) -> None:
        if not (self._takes_text and self._paragraphs) or self._skipped:
            if not text.isspace():
                self._unknown.setdefault(self._local, []).append(text)
        else:
            paragraph = self._paragraphs[-1]
            if self._removed:
                paragraph.deleted.append(text)
            else:
                (paragraph.hidden if self._is_unseen() else paragraph.runs).append(text)

    def _say_unknown(self) -> None:
        """Tell what is in fields, in the forms for old programs, and in elements that are not known here."""
        for local, texts in self._unknown.items():
            self._rest.say(("" if local in {"instrText", "delInstrText", "t", "delText"} else " ").join(texts))
        self._unknown.clear()

    def _is_unseen(self) -> bool:
        run = self._run
        if {run.get("rStyle"), self._paragraphs[-1].style} & self._styles.hiding:
            return True
        if run.get("vanish", "0") not in _OFF or run.get("sz", "99") in {"0", "1", "2"}:
            return True
        # White letters on a painted ground are a heading, not a trick.
        is_painted = run.get("ground") or (self._tables and self._tables[-1].is_painted)
        return run.get("color", "").upper() == "FFFFFF" and not is_painted

    def _finish(self, paragraph: _Paragraph) -> None:
        text = "".join(paragraph.runs)
        if self._author and text.strip():
            text, self._author = f"{self._author}: {text}", ""
        if self._tables:
            self._tables[-1].cell.append(" ".join(text.split()))
        elif (level := self._styles.levels.get(paragraph.style)) and self._has_headings:
            self._output.title = self._output.title or text
            self._output.add(self._page, "heading", text, level=level)
        else:
            is_item = paragraph.is_item or paragraph.style.lower().startswith("list")
            self._output.add(self._page, "list_item" if is_item else "paragraph", text)
        self._output.add(self._page, "paragraph", "".join(paragraph.hidden), hidden=HIDDEN)
        self._output.add(self._page, "paragraph", "".join(paragraph.deleted), hidden=DELETED)
        self._release()
        if self._unknown:
            self._say_unknown()
