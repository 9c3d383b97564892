"""HTML: the text a reader sees, with headings, list items and table rows.

What the markup hides, navigation, scripts, comments and texts in attributes are handed over as hidden: searched for what
must not be there, never indexed. Files that stand in a page (`data:`) are handed over as files. Style sheets are not computed, so hiding by a class is not seen.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import unquote

from .archive import words
from .blocks import HIDDEN, METADATA, Output, Page, Unreadable
from .charsets import decode
from .datalinks import Linked, linked, links_in
from .encoded import is_file, is_picture
from .inlaid import show
from .rows import Cell, Row, lines

_SKIPPED = frozenset(
    [
        "script",
        "style",
        "noscript",
        "template",
        "svg",
        "math",
        "iframe",
        "object",
        "head",
        "audio",
        "video",
        "canvas",
        "select",
        "datalist",
    ]
)
_NAVIGATION = frozenset({"nav"})
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BREAKS = _HEADINGS.keys() | frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "br",
        "caption",
        "center",
        "dd",
        "details",
        "dialog",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "header",
        "hr",
        "html",
        "legend",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "ul",
    ]
)
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
# An opened tag ends these open ones, though nothing says so; the search stops at the second set (HTML 13.1.2.4).
_ENDS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "li": (frozenset({"li"}), frozenset({"ul", "ol", "table"})),
    "dt": (frozenset({"dt", "dd"}), frozenset({"dl"})),
    "dd": (frozenset({"dt", "dd"}), frozenset({"dl"})),
    "td": (frozenset({"td", "th"}), frozenset({"tr", "table"})),
    "th": (frozenset({"td", "th"}), frozenset({"tr", "table"})),
    "tr": (frozenset({"tr"}), frozenset({"table"})),
    "tbody": (frozenset({"tr", "thead", "tbody", "tfoot"}), frozenset({"table"})),
}
_DEPTH = 2_000
_DECLARED = re.compile(rb"""(?i)<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{1,40})""")
_PLACING = frozenset(
    {"class", "id", "for", "width", "height", "colspan", "rowspan", "rel", "type", "role", "lang", "dir"}
)
_REFERENCES = frozenset({"src", "href", "data", "xlink:href", "background", "poster", "srcset"})
_DRAWN = frozenset(
    {"img", "image", "input", "object", "embed", "body", "table", "td", "th", "source", "video"}
)  # what shows a picture
_SMALLEST_FILE = 512  # what draws a bullet or a line
_STYLED = re.compile(r"""["']|url\(|--""", re.IGNORECASE)
_NESTED = 3  # pages in pages
_LAYOUT_LENGTH = 1_500
_UNSEEN = re.compile(
    r"display:none|visibility:hidden|font-size:0(?:px|pt|em|%)?(?:;|$)|opacity:0(?:\.0+)?(?:;|$)|"
    r"(?:^|;)color:(?:#fff(?:fff)?|white|transparent|rgb\(255,255,255\))(?:;|!|$)|(?:text-indent|left|top):-\d{4}"
)
_BACKGROUND = re.compile(r"background(?:-color)?:(?!#fff|white|none|transparent)")

Piece = tuple[str, str, int]  # kind, text, level
Find = Callable[[str], tuple[str, bytes] | None]  # (where a page says that a picture is) -> its name and content


def read(content: bytes, _kind: str) -> Output:
    """Return the visible text in blocks."""
    declared = _DECLARED.search(content[:4096])
    return read_text(decode(content, declared[1].decode("ascii", "replace") if declared else None))


def read_text(text: str, find: Find = lambda _place: None, *, depth: int = 0) -> Output:
    """Return the visible text of a decoded page; `find` finds the pictures that came with it."""
    reader = _Reader(find, depth)
    reader.feed(text)
    reader.close()
    return reader.finish()


@dataclass
class _Element:
    tag: str
    skipped: bool
    hidden: str | None
    painted: bool


@dataclass
class _Table:
    rows: list[Row] = field(default_factory=list)
    row: Row = field(default_factory=list)
    cell: list[Piece] | None = None
    column: int = 0
    span: int = 1
    is_header: bool = False
    is_layout: bool = False
    pieces: list[Piece] = field(default_factory=list)
    outside: list[Piece] = field(default_factory=list)  # a caption, and text beside the cells


class _Reader(HTMLParser):
    def __init__(self, find: Find, depth: int) -> None:
        super().__init__(convert_charrefs=True)
        self._find, self._nesting = find, depth
        self._whispered: set[str] = set()  # values of attributes, each once
        self._held: list[tuple[str, bytes, str | None]] = []  # pictures of the text on its way
        self.output = Output()
        self._page = Page(None)
        self.output.pages.append(self._page)
        self._open: list[_Element] = []
        self._count: Counter[str] = Counter()
        self._tables: list[_Table] = []
        self._text: list[str] = []
        self._hidden: str | None = None
        self._kind, self._level = "paragraph", 0
        self._in_title = False
        self._unspoken: list[str] = []
        self._unspoken_name = ""
        self._files = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._take_attributes(tag, attrs)
        if tag == "title" and not self._count["svg"]:
            self._in_title = True
            return
        if tag in _ENDS:
            self._end_implied(*_ENDS[tag])
        elif tag in _BREAKS and self._open and self._open[-1].tag == "p":
            self._close(1)
        if tag in _BREAKS:
            self._begin("heading" if tag in _HEADINGS else _KINDS.get(tag, "paragraph"), _HEADINGS.get(tag, 0))
        if tag not in _VOID:
            self._push(tag, attrs)
        self._begin_table_part(tag, dict(attrs))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)  # HTML ignores the slash, except on what is void anyway

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        elif self._count[tag]:
            place = next(place for place in range(len(self._open) - 1, -1, -1) if self._open[place].tag == tag)
            self._close(len(self._open) - place)

    def handle_data(self, data: str) -> None:
        element = self._open[-1] if self._open else None
        if self._in_title:
            self.output.title = (self.output.title or "") + data
            self._whisper("title", data)
        elif element is None or not element.skipped:
            hidden = element.hidden if element else None
            if hidden != self._hidden:
                self._flush()
                self._hidden = hidden
            self._text.append(data)
        else:
            self._whisper(element.tag, data)
            self._take_links(data)

    def handle_comment(self, data: str) -> None:
        self._whisper("comment", data)
        self._take_links(data)

    def handle_decl(self, decl: str) -> None:
        self._whisper("declaration", decl if decl.lower() != "doctype html" else "")

    def unknown_decl(self, data: str) -> None:
        self.handle_decl(data)

    def handle_pi(self, data: str) -> None:
        self._whisper("instruction", data)

    def finish(self) -> Output:
        """Return what was read, also where the file ends in the middle of a tag, a style sheet or a script."""
        self._whisper("rest", self.rawdata)
        self._take_links(self.rawdata)
        self._close(len(self._open))
        self._tables = []
        self._flush()
        self._whisper("", "")
        return self.output

    def _take_attributes(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        hidden = _hidden(attrs, _style(attrs), painted=False)
        for name, value in attrs:
            if not value or name in _PLACING:
                continue
            is_shown = name in _REFERENCES and tag in _DRAWN
            if name in {"style", "srcset"}:
                if name == "srcset" or _STYLED.search(value):
                    self._whisper_once(value)
                    self._take_links(value, hidden, is_shown=True)
            elif held := linked(value):
                self._take_linked(held, hidden, is_shown=is_shown)
            else:
                if is_shown and (found := self._find(value)):
                    self._hold(*found, hidden)
                self._whisper_once(unquote(value) if name in _REFERENCES else value)
                if name == "srcdoc" and self._nesting < _NESTED:
                    self.output.take(self._page, read_text(value, self._find, depth=self._nesting + 1), hidden=METADATA)

    def _whisper_once(self, value: str) -> None:
        if len(value) > 1 and value not in self._whispered:
            self._whispered.add(value)
            self._whisper("attribute", value + "\n")

    def _take_links(self, text: str, hidden: str | None = METADATA, *, is_shown: bool = False) -> None:
        """Take the files that a style sheet or a script holds; what is no picture there draws letters, or nothing."""
        for held in links_in(text):
            if is_picture(held.content) or is_file(held.content):
                self._take_linked(held, hidden, is_shown=is_shown)

    def _take_linked(self, held: Linked, hidden: str | None, *, is_shown: bool) -> None:
        """Take what stands in the page: a picture is shown, any other file is handed over, a text is checked."""
        self._files += 1
        name = f"{held.family}-{self._files}.{held.kind}"
        if is_picture(held.content) or held.family == "image":
            self._hold(name, held.content, hidden if is_shown else METADATA)
        elif is_file(held.content) or (held.family != "text" and len(held.content) >= _SMALLEST_FILE):
            self.output.attach(name, held.content)
        elif held.content:
            try:
                self._whisper("attribute", decode(held.content) + "\n")
            except Unreadable:
                self._whisper("attribute", words(held.content) + "\n")

    def _hold(self, name: str, content: bytes, hidden: str | None) -> None:
        above = self._open[-1].hidden if self._open else None
        self._held.append((name, content, above or hidden))

    def _whisper(self, name: str, text: str) -> None:
        """Gather what nobody reads; what follows under the same name belongs together."""
        if name != self._unspoken_name and self._unspoken:
            self.output.add(self._page, "paragraph", "".join(self._unspoken), hidden=METADATA)
            self._unspoken = []
        self._unspoken_name = name
        self._unspoken.append(text)

    def _push(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if len(self._open) >= _DEPTH:
            raise Unreadable("too_deep")
        above = self._open[-1] if self._open else _Element("", skipped=False, hidden=None, painted=False)
        style = _style(attrs)
        painted = above.painted or bool(_BACKGROUND.search(style))
        hidden = above.hidden or ("navigation" if tag in _NAVIGATION else _hidden(attrs, style, painted=painted))
        self._open.append(_Element(tag, above.skipped or tag in _SKIPPED, hidden, painted))
        self._count[tag] += 1

    def _end_implied(self, ended: frozenset[str], fences: frozenset[str]) -> None:
        for place in range(len(self._open) - 1, -1, -1):
            if self._open[place].tag in ended:
                self._close(len(self._open) - place)
                return
            if self._open[place].tag in fences:
                return

    def _close(self, count: int) -> None:
        for _ in range(count):
            tag = self._open.pop().tag
            self._count[tag] -= 1
            if tag in _BREAKS:
                self._begin("paragraph", 0)
            elif self._tables:
                self._end_table_part(tag)

    def _begin(self, kind: str, level: int) -> None:
        self._flush()
        self._kind, self._level = kind, level

    def _flush(self) -> None:
        text = "".join(self._text)
        self._text = []
        text = text.strip("\n") if self._kind == "code" else " ".join(text.split())
        if text and self._hidden:
            self.output.add(self._page, "paragraph", text, hidden=self._hidden)
        elif text:
            self._emit((self._kind, text, self._level))
        if not self._tables:  # a table is written at its end, and the pictures in it behind it
            for name, content, hidden in self._held:
                show(self.output, self._page, name, content, hidden=hidden)
            self._held = []

    def _emit(self, piece: Piece) -> None:
        if not self._tables:
            self.output.add(self._page, piece[0], piece[1], level=piece[2])
        elif self._tables[-1].cell is not None:
            self._tables[-1].cell.append(piece)
        else:
            self._tables[-1].pieces.append(piece)
            self._tables[-1].outside.append(piece)

    def _begin_table_part(self, tag: str, given: dict[str, str | None]) -> None:
        if tag == "table":
            self._begin("paragraph", 0)
            self._tables.append(_Table())
        elif tag in {"td", "th"} and self._tables:
            self._begin("paragraph", 0)
            table, span = self._tables[-1], given.get("colspan") or "1"
            table.cell, table.is_header = [], tag == "th"
            table.span = min(int(span), 100) if span.isascii() and span.isdigit() else 1

    def _end_table_part(self, tag: str) -> None:
        table = self._tables[-1]
        if tag in {"td", "th"} and table.cell is not None:
            self._begin("paragraph", 0)
            if any(kind in {"heading", "table_row"} for kind, _, _ in table.cell):
                table.is_layout = True
            text = " ".join(text for _, text, _ in table.cell)
            table.is_layout |= len(text) > _LAYOUT_LENGTH
            table.row.append(Cell(text, table.column, table.is_header))
            table.column += max(1, table.span)
            table.pieces += table.cell
            table.cell = None
        elif tag == "tr":
            table.rows.append(table.row)
            table.row, table.column = [], 0
        elif tag == "table":
            self._end_table()

    def _end_table(self) -> None:
        self._begin("paragraph", 0)
        table = self._tables.pop()
        if table.row:
            table.rows.append(table.row)
        if table.is_layout:  # it only places things on the page
            for piece in table.pieces:
                self._emit(piece)
            return
        for piece in table.outside:
            self._emit(piece)
        widest = max((len(row) for row in table.rows), default=0)
        for line in lines(table.rows, guess=widest > 2):  # noqa: PLR2004 - two columns are as often name and value
            self._emit(("table_row", line, 0))


_KINDS = {"li": "list_item", "pre": "code"}


def _style(attrs: list[tuple[str, str | None]]) -> str:
    given = next((value for name, value in attrs if name == "style"), None) or ""
    colour = any(name == "bgcolor" for name, _ in attrs)
    return re.sub(r"\s", "", given).lower() + (";background:bgcolor" if colour else "")


def _hidden(attrs: list[tuple[str, str | None]], style: str, *, painted: bool) -> str | None:
    if any(name == "hidden" for name, _ in attrs):
        return HIDDEN
    found = _UNSEEN.search(style)
    if found is None or (painted and "color:" in found[0]):
        return None  # white letters on a painted ground are seen
    return HIDDEN
