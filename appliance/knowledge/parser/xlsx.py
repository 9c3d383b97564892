"""XLSX and XLSM: sheets in their order, numbers as people see them, comments, and what is hidden marked as such.

Read cell by cell: a sheet with one cell in its last corner costs one cell.
"""

import re
from dataclasses import dataclass, field

from .blocks import Output, Page
from .charts import paragraphs
from .figures import BUILT_IN, general
from .figures import shown as as_shown
from .inlaid import Shown
from .markup import OFF, Node, parse
from .parts import Parts, Relation
from .rest import Rest
from .sheets import Sheet, Value, place

_S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_ROW, _CELL, _VALUE, _INLINE, _TEXT, _COLUMN = (f"{_S} {name}" for name in ("row", "c", "v", "is", "t", "col"))
_ITEM, _PHONETIC = f"{_S} si", f"{_S} rPh"
_MERGED = re.compile(rb"""<(?:\w+:)?mergeCell\s[^>]{0,80}?ref\s*=\s*["']([A-Z]{1,3}\d{1,7}):([A-Z]{1,3}\d{1,7})["']""")
_THREADED = "[Threaded comment]"
_COLUMNS = 16_384


def read(parts: Parts, main: str, output: Output, shown: Shown) -> None:
    """Add the sheets in the order of the workbook."""
    page = Page(None)
    output.pages.append(page)
    workbook, relations = parts.tree(main), parts.relations(main)
    strings: list[str] = []
    styles = _Styles()
    for relation in relations.values():
        if relation.kind == "sharedStrings" and relation.target:
            strings = _strings(parts.read(relation.target), parts.rest)
        elif relation.kind == "styles" and relation.target:
            styles = _styles(parts.tree(relation.target))
    styles.is_1904 = workbook.first("workbookPr").attributes.get("date1904", "0") not in OFF
    persons = _persons(parts, relations)
    used: set[int] = set()
    for node in workbook.first("sheets").below:
        relation = relations.get(node.attributes.get("id", ""), Relation("", ""))
        sheet = Sheet(
            output, page, node.attributes.get("name", "Sheet"),
            is_hidden=node.attributes.get("state", "visible") != "visible",
        )  # fmt: skip
        if relation.kind == "worksheet" and relation.target:
            _Reader(sheet, strings, styles, used, parts.rest).read(parts.read(relation.target))
        inner = parts.relations(relation.target) if relation.target else {}
        _write_drawings(parts, inner, sheet, shown)
        sheet.close(_comments(parts, inner, persons))
    for number, string in enumerate(strings):
        if number not in used:
            parts.rest.say(string)


@dataclass
class _Styles:
    """By the number of a cell's style: its number format, and whether its letters are white on nothing."""

    formats: list[str] = field(default_factory=list)
    unseen: list[bool] = field(default_factory=list)
    is_1904: bool = False


def _styles(root: Node) -> _Styles:
    codes = dict(BUILT_IN)
    for node in root.first("numFmts").below:
        codes[_number(node, "numFmtId")] = node.attributes.get("formatCode", "")
    white = [_is_white(font.first("color")) for font in root.first("fonts").below]
    painted = [fill.first("patternFill").attributes.get("patternType", "none") != "none" or bool(fill.first("gradientFill").name)
               for fill in root.first("fills").below]  # fmt: skip
    styles = _Styles()
    for node in root.first("cellXfs").below:
        styles.formats.append(codes.get(_number(node, "numFmtId"), ""))
        font, fill = _number(node, "fontId"), _number(node, "fillId")
        is_painted = fill < len(painted) and painted[fill]
        styles.unseen.append(font < len(white) and white[font] and not is_painted)
    return styles


def _is_white(colour: Node) -> bool:
    return colour.attributes.get("rgb", "")[-6:].upper() == "FFFFFF" or (
        colour.attributes.get("theme") == "0" and not colour.attributes.get("tint", "").startswith("-")
    )


def _number(node: Node, name: str) -> int:
    value = node.attributes.get(name, "0")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 9 else 0  # noqa: PLR2004 - no number has more


def _strings(part: bytes, rest: Rest) -> list[str]:
    strings: list[str] = []
    words: list[str] = []
    state = {"takes": False, "phonetic": False}

    def start(name: str, _attributes: dict[str, str]) -> None:
        if name == _TEXT:
            state["takes"] = not state["phonetic"]
        elif name == _PHONETIC:
            state["phonetic"] = True

    def end(name: str) -> None:
        if name == _TEXT:
            state["takes"] = False
        elif name == _PHONETIC:
            state["phonetic"] = False
        elif name == _ITEM:
            strings.append(" ".join("".join(words).split()))
            words.clear()

    def text(said: str) -> None:
        if state["takes"]:
            words.append(said)
        else:
            rest.say(said)

    parse(part, start, end, text)
    return strings


class _Reader:
    """Turns the cells of one part into the rows of a sheet."""

    def __init__(self, sheet: Sheet, strings: list[str], styles: _Styles, used: set[int], rest: Rest) -> None:
        self._used, self._rest, self._is_in_cell = used, rest, False
        self._sheet, self._strings, self._styles = sheet, strings, styles
        self._values: list[Value] = []
        self._unseen: list[Value] = []
        self._words: list[str] = []
        self._takes_text = False
        self._is_hidden = False
        self._row, self._column = -1, -1
        self._kind, self._style = "n", 0
        self._hidden_columns: list[tuple[int, int]] = []
        self._spans: dict[int, list[tuple[int, int]]] = {}

    def read(self, part: bytes) -> None:
        for first, last in _MERGED.findall(part):
            (row, column), (_, end) = place(first.decode()), place(last.decode())
            if end > column:
                self._spans.setdefault(row, []).append((column, end))
        parse(part, self._start, self._end, self._text, aside=self._rest.say)
        self._is_hidden = False
        self._end_row()  # cells that stand in no row

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name in (_VALUE, _TEXT):
            self._takes_text = True
        elif name == _CELL:
            reference = attributes.get("r", "")
            self._column = place(reference)[1] if reference else self._column + 1
            self._is_in_cell = True
            self._kind, style = attributes.get("t", "n"), attributes.get("s", "0")
            self._style = int(style) if style.isascii() and style.isdigit() else 0
            self._words = []
        elif name == _ROW:
            number = attributes.get("r", "")
            row = int(number) - 1 if number.isascii() and number.isdigit() else self._row + 1
            if row > self._row + 1:
                self._sheet.row([])
            self._row, self._column = row, -1
            self._is_hidden = attributes.get("hidden", "0") not in OFF
            if self._values:  # cells that stand in no row
                self._sheet.unseen(self._values)
            self._values, self._unseen = [], []
        elif name == _COLUMN and attributes.get("hidden", "0") not in OFF:
            node = Node("", attributes)
            self._hidden_columns.append((_number(node, "min") - 1, _number(node, "max") - 1))
        elif attributes:
            self._rest.say_attributes(attributes)

    def _text(self, text: str) -> None:
        if self._takes_text and self._is_in_cell:
            self._words.append(text)
        elif not self._is_in_cell or '"' in text:  # of a formula only what it says, not what it counts
            self._rest.say(text)

    def _end(self, name: str) -> None:
        if name in (_VALUE, _TEXT):
            self._takes_text = False
        elif name == _CELL:
            self._is_in_cell = False
            if self._words:
                self._take("".join(self._words))
        elif name == _ROW:
            self._end_row()

    def _take(self, said: str) -> None:
        text, is_number = self._shown(said)
        column = min(self._column, _COLUMNS)
        is_unseen = self._style < len(self._styles.unseen) and self._styles.unseen[self._style]
        if not text and is_number:
            text, is_unseen = said, True  # a format such as ";;;" hides the number
        if not text:
            return
        is_unseen = is_unseen or any(first <= column <= last for first, last in self._hidden_columns)
        (self._unseen if is_unseen or self._is_hidden else self._values).append(Value(column, text, is_number))

    def _shown(self, said: str) -> tuple[str, bool]:
        if self._kind == "s":
            place = int(said) if said.isascii() and said.isdigit() else len(self._strings)
            self._used.add(place)
            return (self._strings[place] if place < len(self._strings) else ""), False
        if self._kind == "b":
            return ("FALSE" if said in OFF else "TRUE"), False
        if self._kind != "n":
            return " ".join(said.split()), self._kind == "d"
        try:
            value = float(said)
        except ValueError:
            return said, False
        code = self._styles.formats[self._style] if self._style < len(self._styles.formats) else ""
        if not abs(value) < 1e300:  # noqa: PLR2004 - no number, or none that can be written
            return said, True
        return as_shown(value, code, is_1904=self._styles.is_1904) if code else general(value), True

    def _end_row(self) -> None:
        if self._unseen:
            self._sheet.unseen(self._unseen)
            self._unseen = []
        if self._is_hidden:
            return
        spans = self._spans.get(self._row, [])
        # A name that spans columns names each of them.
        for value in list(self._values) if spans and len(self._values) > 1 else []:
            for first, last in spans:
                if first == value.column:
                    self._values += [
                        Value(column, value.text) for column in range(first + 1, min(last, first + 50) + 1)
                    ]
        if spans:
            self._values.sort(key=lambda value: value.column)
        self._sheet.row(self._values, spans=bool(spans))
        self._values = []


def _persons(parts: Parts, relations: dict[str, Relation]) -> dict[str, str]:
    found = {}
    for relation in relations.values():
        if relation.kind == "person" and relation.target:
            for node in parts.tree(relation.target).all("person"):
                found[node.attributes.get("id", "")] = node.attributes.get("displayName", "")
    return found


def _comments(parts: Parts, relations: dict[str, Relation], persons: dict[str, str]) -> list[tuple[str, str, str]]:
    found = []
    for relation in relations.values():
        if relation.kind not in {"comments", "threadedComment"} or not relation.target:
            continue
        root = parts.tree(relation.target)
        authors = [node.text() for node in root.all("author")]
        for author in authors:
            parts.rest.say(author)
        for node in root.all("comment", "threadedComment"):
            number = _number(node, "authorId")
            author = authors[number] if number < len(authors) else persons.get(node.attributes.get("personId", ""), "")
            text = " ".join("".join(one.text() for one in node.all("t", "text") if one.name).split())
            # The older form of a thread says only that the newer one exists.
            if text.startswith(_THREADED):
                parts.rest.say(text)
            elif text:
                author = "" if author.startswith("tc=") or text.startswith(f"{author}:") else author
                found.append((node.attributes.get("ref", ""), author, text))
    return found


def _write_drawings(parts: Parts, relations: dict[str, Relation], sheet: Sheet, shown: Shown) -> None:
    for relation in relations.values():
        if relation.kind == "drawing" and relation.target:
            drawing, inner = parts.tree(relation.target), parts.relations(relation.target)
            for text in paragraphs(drawing):
                sheet.add("paragraph", text)
            for blip in drawing.all("blip"):
                for one in (blip, *blip.all("svgBlip")):
                    picture = inner.get(one.attributes.get("embed", ""), Relation("", ""))
                    sheet.show(shown, picture.target, is_alternative=one is not blip)
            for chart in inner.values():
                if chart.kind == "chart" and chart.target:
                    # Its numbers stand in the cells; what is new are its titles.
                    for title in parts.tree(chart.target).all("title"):
                        for text in paragraphs(title):
                            sheet.add("paragraph", text)
