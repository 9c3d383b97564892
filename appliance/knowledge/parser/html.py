"""HTML: the text a reader sees, with headings, list items and table rows; scripts and hidden parts are left out or marked."""

from html.parser import HTMLParser

from .blocks import Output, Page, Unreadable
from .plain import decode

_SKIPPED = frozenset({"script", "style", "noscript", "template", "svg", "math", "iframe", "object", "head"})
_BREAKS = frozenset(
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
        "table",
        "tbody",
        "tfoot",
        "thead",
        "tr",
        "ul",
    ]
)
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_DEPTH = 2_000


def read(content: bytes, _kind: str) -> Output:
    """Return the visible text in blocks."""
    reader = _Reader()
    reader.feed(decode(content))
    reader.close()
    return reader.finish()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.output = Output()
        self._page = Page(None)
        self.output.pages.append(self._page)
        self._open: list[tuple[str, bool, bool]] = []  # tag, skipped, hidden
        self._pieces: list[str] = []
        self._kind, self._level = "paragraph", 0
        self._cells: list[str] = []
        self._header: list[str] | None = None
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title":
            self._in_title = True
            return
        if tag == "table":
            self._header = None
        if tag in _BREAKS or tag in _HEADINGS:
            self._flush()
            self._kind = "heading" if tag in _HEADINGS else "list_item" if tag == "li" else "paragraph"
            self._level = _HEADINGS.get(tag, 0)
        if tag in {"td", "th"}:
            self._pieces = []
        if tag in _VOID:
            return
        if len(self._open) >= _DEPTH:
            raise Unreadable("too_deep")
        skipped, hidden = (self._open[-1][1], self._open[-1][2]) if self._open else (False, False)
        self._open.append((tag, skipped or tag in _SKIPPED, hidden or _is_hidden(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
            return
        if tag in {"td", "th"}:
            self._cells.append(" ".join("".join(self._pieces).split()))
            self._pieces = []
        elif tag == "tr":
            self._row()
        elif tag in _BREAKS or tag in _HEADINGS:
            self._flush()
            self._kind, self._level = "paragraph", 0
        if any(name == tag for name, _, _ in self._open):
            while self._open and self._open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.output.title = (self.output.title or "") + data
        elif not (self._open and self._open[-1][1]):
            if self._open and self._open[-1][2]:
                self.output.add(self._page, "paragraph", data, hidden="hidden text")
            else:
                self._pieces.append(data)

    def finish(self) -> Output:
        """Return what was read, also where the file ends in the middle of a tag."""
        self._row()
        self._flush()
        return self.output

    def _flush(self) -> None:
        if self._cells:
            return  # blocks inside a cell belong to its row
        text = " ".join("".join(self._pieces).split())
        self._pieces = []
        self.output.add(self._page, self._kind, text, level=self._level)

    def _row(self) -> None:
        cells, self._cells = self._cells, []
        if not any(cells):
            return
        if self._header is None:
            self._header = cells
            self.output.add(self._page, "table_row", " | ".join(cells))
            return
        labelled = [
            f"{self._header[place]}: {cell}" if place < len(self._header) and self._header[place] and cell else cell
            for place, cell in enumerate(cells)
        ]
        self.output.add(self._page, "table_row", " | ".join(labelled))


def _is_hidden(attrs: list[tuple[str, str | None]]) -> bool:
    given = {name: (value or "").replace(" ", "").lower() for name, value in attrs}
    style = given.get("style", "")
    return "hidden" in given or "display:none" in style or "visibility:hidden" in style
