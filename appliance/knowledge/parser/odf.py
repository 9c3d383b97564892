"""OpenDocument: texts, presentations and sheets, with notes, comments, tracked deletions and what is hidden."""

from collections.abc import Callable

from . import properties
from .blocks import ALTERNATIVE, HIDDEN, Output, Page, Unreadable
from .inlaid import Shown, show
from .looks import Looks, attach_objects
from .markup import local as local_name
from .markup import parse, tree
from .opendocument import Table, Text, count, reference
from .parts import Parts
from .rest import Rest
from .rows import Cell, lines
from .sheets import Sheet, Value
from .sweep import take_rest
from .transfer import from_base64

DELETED = "deleted text"
_KINDS = {"text": "odt", "spreadsheet": "ods", "presentation": "odp", "graphics": "odp"}
_REPEATED = 200
_SLIDES = 5_000


def read(parts: Parts, kind: str) -> Output:
    """Return what a package of this kind holds."""
    found = _KINDS.get(kind.removesuffix("-template"))
    manifest = parts.find("META-INF/manifest.xml")
    if manifest and b"encryption-data" in manifest:
        raise Unreadable("encrypted")
    if found is None:
        raise Unreadable("unsupported")
    output, page = Output(format=found), Page(None)
    output.pages.append(page)
    styles = parts.find("styles.xml")
    looks = Looks()
    for part in (styles, parts.read("content.xml")):
        if part:
            looks.read(part)
    shown = Shown(parts, output)
    reader = _Reader(output, page, looks, shown, parts.rest)
    reader.read(parts.read("content.xml"))
    if styles and found == "odt":
        reader.read_margins(styles)
    reader.close()
    meta = parts.find("meta.xml")
    if meta:
        properties.write_part(meta, output, page)
    for part in (styles, meta, manifest):
        parts.rest.take_xml(part or b"<none/>")
    attach_objects(parts, output)
    shown.show_rest(page, (name for name in parts.names if name.startswith(("Pictures/", "media/"))))
    take_rest(parts, output, output.pages[-1], shown)
    if any(name.startswith(("Basic/", "Scripts/")) for name in parts.names):
        output.warn("macros")
    if len(output.pages) > 1 and not page.blocks:
        output.pages.remove(page)
    return output


class _Reader:
    """Turns the events of content.xml into blocks."""

    def __init__(self, output: Output, page: Page, looks: Looks, shown: Shown, rest: Rest) -> None:
        self._output, self._page, self._looks, self._shown = output, page, looks, shown
        self._rest = rest
        self._frames: list[list[str]] = []  # the pictures of each open frame: forms of one
        self._held: list[tuple[str, str | None]] = []  # those of the paragraph or the table on its way
        self._texts: list[Text] = []
        self._tables: list[Table] = []
        self._hiders: list[tuple[int, str]] = []  # how deep the elements that hide are, and why
        self._depth = 0
        self._items = 0
        self._aside: list[str] = []  # "note", "comment" or "notes" of a slide, the innermost last
        self._gathered: list[tuple[str, str]] = []
        self._words: list[str] = []
        self._takes: str = ""
        self._author = ""
        self._footnotes: list[str] = []
        self._comments: list[str] = []
        self._slide_notes: list[str] = []
        self._slides = 0
        self._slide_title = ""

    def read(self, part: bytes) -> None:
        parse(part, self._start, self._end, self._text, aside=self._rest.say)

    def read_margins(self, part: bytes) -> None:
        """Add headers and footers, each once."""
        said = dict.fromkeys(
            " ".join(node.text().split())
            for margin in tree(part).first("master-styles").all("header", "footer", "header-first", "footer-first")
            for node in margin.all("p", "h")
        )
        self._under("Header and footer", [text for text in said if any(sign.isalpha() for sign in text)], level=1)

    def close(self) -> None:
        self._under("Footnotes", self._footnotes, level=1)
        self._under("Comments", self._comments, level=1)

    def _under(self, heading: str, said: list[str], *, level: int) -> None:
        if said:
            self._add("heading", heading, level=level)
            for text in said:
                self._add("paragraph", text)
            said.clear()

    def _why(self) -> str | None:
        return self._hiders[-1][1] if self._hiders else None

    def _add(self, kind: str, text: str, *, level: int = 0, hidden: str | None = None) -> None:
        self._output.add(self._page, kind, text, level=level, hidden=hidden or self._why())

    def _start(self, full: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        name = local_name(full)
        given = {local_name(key): value for key, value in attributes.items()}
        self._note_hiding(name, given)
        if '"' not in given.get("formula", ""):
            given.pop("formula", None)  # what it counts; what it says would stand in quotes
        self._rest.say_attributes(given)
        if name in {"p", "h"}:
            self._begin_text(name, given)
        elif name in _STARTS:
            _STARTS[name](self, given)
        elif name in {"note-citation", "binary-data"} or (name in {"creator", "date-string", "date"} and self._aside):
            self._takes = name

    def _note_hiding(self, name: str, given: dict[str, str]) -> None:
        if name in {"tracked-changes", "deletion"}:
            self._hiders.append((self._depth, DELETED))
        elif name in {"hidden-text", "hidden-paragraph"}:
            self._hiders.append((self._depth, HIDDEN))
        elif name == "page" and given.get("style-name") in self._looks.hiding:
            self._hiders.append((self._depth, "hidden slide"))
            self._output.warn("hidden_text")
        elif name in {"span", "p", "h", "section"} and (
            given.get("style-name") in self._looks.hiding or (name == "section" and given.get("display") == "none")
        ):
            self._hiders.append((self._depth, HIDDEN))

    def _begin_text(self, name: str, given: dict[str, str]) -> None:
        level = given.get("outline-level", "1")
        is_heading = name == "h" and not self._aside
        kind = "heading" if is_heading else "list_item" if self._items else "paragraph"
        self._texts.append(Text(kind, min(int(level), 9) if is_heading and level.isdigit() else 0, self._why()))

    def begin_table(self, given: dict[str, str]) -> None:
        is_hidden = given.get("style-name") in self._looks.hiding
        is_sheet = self._output.format == "ods" and not self._tables
        sheet = Sheet(self._output, self._page, given.get("name", "Sheet"), is_hidden=is_hidden) if is_sheet else None
        self._tables.append(Table(sheet))

    def begin_columns(self, given: dict[str, str]) -> None:
        if self._tables:
            table, columns = self._tables[-1], count(given, "number-columns-repeated", most=16_384)
            if given.get("visibility", "visible") != "visible":
                table.hidden_columns.update(range(table.columns, table.columns + columns))
            table.columns += columns

    def begin_header(self, _given: dict[str, str]) -> None:
        if self._tables:
            self._tables[-1].is_header = True

    def begin_row(self, given: dict[str, str]) -> None:
        if self._tables:
            table = self._tables[-1]
            table.row, table.column = [], 0
            table.row_repeats = count(given, "number-rows-repeated", most=1_048_576)
            table.is_hidden_row = given.get("visibility", "visible") != "visible"

    def begin_cell(self, given: dict[str, str]) -> None:
        if self._tables:
            table = self._tables[-1]
            self._say_outside(table)
            table.cell, table.repeats = [], count(given, "number-columns-repeated", most=16_384)
            table.is_number = given.get("value-type", "string") not in {"string", "boolean"}

    def _say_outside(self, table: Table) -> None:
        """Write what stands in no cell: the texts of shapes that lie over a sheet."""
        if table.sheet:
            for text in table.cell:
                table.sheet.add("paragraph", text)
            table.cell = []

    def begin_slide(self, _given: dict[str, str]) -> None:
        self._slides += 1
        if self._slides > _SLIDES:
            raise Unreadable("too_many_pages")
        self._page = Page(self._slides)
        self._output.pages.append(self._page)
        self._slide_title = ""
        self._add("heading", f"Slide {self._slides}", level=1)

    def begin_frame(self, given: dict[str, str]) -> None:
        self._frames.append([])
        if given.get("class") == "title":
            self._slide_title = "wanted"

    def take_picture(self, given: dict[str, str]) -> None:
        name = given.get("href", "").removeprefix("./")
        if self._frames:
            self._frames[-1].append(name)
        else:
            self._held.append((name, self._why()))

    def begin_aside(self, kind: str) -> None:
        self._aside.append(kind)
        self._author = ""

    def begin_item(self, _given: dict[str, str]) -> None:
        self._items += 1

    def space(self, given: dict[str, str]) -> None:
        if self._texts:
            self._texts[-1].seen.append(" " * count(given, "c", most=100))

    def _text(self, text: str) -> None:
        if self._takes == "creator":
            self._author += text
        elif self._texts and not self._takes:
            paragraph = self._texts[-1]
            is_hidden_within = self._why() is not None and self._why() != paragraph.hidden
            (paragraph.unseen if is_hidden_within else paragraph.seen).append(text)
        if self._takes == "binary-data":
            self._words.append(text)
        elif self._takes or not self._texts:
            self._rest.say(text)

    def _end(self, full: str) -> None:
        name = local_name(full)
        if name in {"p", "h"} and self._texts:
            self._end_text(self._texts.pop())
        elif name in _ENDS:
            _ENDS[name](self)
        elif name == self._takes:
            self._takes = ""
            if self._words:
                content, self._words = from_base64("".join(self._words).encode("ascii", "replace")), []
                show(self._output, self._page, "picture", content, hidden=self._why())
        if self._hiders and self._hiders[-1][0] == self._depth:
            self._hiders.pop()
        self._depth -= 1

    def _end_text(self, text: Text) -> None:
        said = "".join(text.seen)
        self._add("paragraph", "".join(text.unseen), hidden=HIDDEN)
        if self._aside:
            self._gathered.append((self._aside[-1], said))
        elif text.hidden:
            self._output.add(self._page, "paragraph", said, hidden=text.hidden)
        elif self._tables:
            self._tables[-1].cell.append(" ".join(said.split()))
        elif self._slide_title == "wanted" and said.strip() and not self._why():
            self._name_slide(said)
        else:
            if text.kind == "heading":
                self._output.title = self._output.title or said
            self._add(text.kind, said, level=text.level)
        self._release()

    def _name_slide(self, title: str) -> None:
        self._slide_title = ""
        self._page.blocks[0].text = " ".join(title.split())
        self._output.title = self._output.title or title

    def end_aside(self) -> None:
        if not self._aside:
            return
        kind = self._aside.pop()
        said = " ".join(text for where, text in self._gathered if where == kind).strip()
        rest = [(where, text) for where, text in self._gathered if where != kind]
        if kind == "notes":
            self._slide_notes += [text for where, text in self._gathered if where == kind and text.strip()]
        elif kind == "comment" and said:
            table = self._tables[-1] if self._tables else None
            if table and table.sheet:
                table.comments.append((reference(table.number, table.column), self._author, said))
            else:
                self._comments.append(": ".join(part for part in (self._author, said) if part))
        elif said:
            self._footnotes.append(said)
        self._gathered = rest

    def end_cell(self) -> None:
        if not self._tables:
            return
        table = self._tables[-1]
        text = " ".join(part for part in table.cell if part)
        if text:
            for column in range(table.column, table.column + min(table.repeats, _REPEATED)):
                table.row.append(Cell(text, column, table.is_header or not table.is_number))
        elif not table.sheet:
            table.row.append(Cell("", table.column, table.is_header))
        table.column += table.repeats
        table.cell = []

    def end_row(self) -> None:
        if not self._tables:
            return
        table = self._tables[-1]
        table.number += table.row_repeats
        if table.sheet is None:
            table.rows.append([Cell(cell.text, cell.column, table.is_header) for cell in table.row])
            return
        values = [Value(cell.column, cell.text, not cell.is_header) for cell in table.row]
        seen = [value for value in values if value.column not in table.hidden_columns and not table.is_hidden_row]
        if len(seen) < len(values):
            table.sheet.unseen(
                [value for value in values if value.column in table.hidden_columns or table.is_hidden_row]
            )
        if seen or not table.is_hidden_row:
            table.sheet.row(seen, is_header=table.is_header and bool(seen))

    def end_header(self) -> None:
        if self._tables:
            self._tables[-1].is_header = False

    def end_table(self) -> None:
        if not self._tables:
            return
        table = self._tables.pop()
        self._say_outside(table)
        if table.sheet:
            table.sheet.close(table.comments)
            return
        for line in lines(table.rows, guess=True):
            if self._tables:
                self._tables[-1].cell.append(line)
            else:
                self._add("table_row", line)
        self._release()

    def end_item(self) -> None:
        self._items -= 1

    def end_frame(self) -> None:
        if self._slide_title == "wanted":
            self._slide_title = ""
        forms = self._frames.pop() if self._frames else []
        # The form for programs that cannot draw the others comes last: points, which are what is read.
        self._held += [(name, ALTERNATIVE) for name in forms[:-1]] + [(name, self._why()) for name in forms[-1:]]
        self._release()

    def _release(self) -> None:
        """Put pictures behind the paragraph or the table in which they stand."""
        if self._texts or any(table.sheet is None for table in self._tables):
            return
        sheet = self._tables[-1].sheet if self._tables else None
        for name, hidden in self._held:
            if sheet:
                sheet.show(self._shown, name, is_alternative=hidden == ALTERNATIVE)
            else:
                self._shown.show(self._page, name, hidden=hidden)
        self._held = []

    def end_slide(self) -> None:
        self._under("Notes", self._slide_notes, level=2)
        self._under("Comments", self._comments, level=2)


_STARTS: dict[str, Callable[[_Reader, dict[str, str]], None]] = {
    "table": _Reader.begin_table,
    "table-column": _Reader.begin_columns,
    "table-header-rows": _Reader.begin_header,
    "table-row": _Reader.begin_row,
    "table-cell": _Reader.begin_cell,
    "covered-table-cell": _Reader.begin_cell,
    "page": _Reader.begin_slide,
    "frame": _Reader.begin_frame,
    "image": _Reader.take_picture,
    "list-item": _Reader.begin_item,
    "s": _Reader.space,
    "tab": _Reader.space,
    "line-break": _Reader.space,
    "note": lambda reader, _given: reader.begin_aside("note"),
    "annotation": lambda reader, _given: reader.begin_aside("comment"),
    "notes": lambda reader, _given: reader.begin_aside("notes"),
}
_ENDS: dict[str, Callable[[_Reader], None]] = {
    "table": _Reader.end_table,
    "table-header-rows": _Reader.end_header,
    "table-row": _Reader.end_row,
    "table-cell": _Reader.end_cell,
    "covered-table-cell": _Reader.end_cell,
    "page": _Reader.end_slide,
    "frame": _Reader.end_frame,
    "list-item": _Reader.end_item,
    "note": _Reader.end_aside,
    "annotation": _Reader.end_aside,
    "notes": _Reader.end_aside,
}
