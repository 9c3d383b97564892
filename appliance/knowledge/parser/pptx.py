"""PPTX: slides in their order, each with its title, text, tables, charts, speaker notes and comments."""

from .blocks import ALTERNATIVE, HIDDEN, METADATA, Output, Page, Unreadable
from .charts import paragraph_text, write_chart, write_diagram
from .inlaid import Shown
from .markup import OFF, Node
from .parts import Parts, Relation
from .rows import Cell, Row, lines

_SLIDES = 5_000
_TITLES = frozenset({"title", "ctrTitle"})
_FURNITURE = frozenset({"dt", "ftr", "sldNum", "hdr", "sldImg"})
_TINY = 100  # hundredths of a point


def read(parts: Parts, main: str, output: Output, shown: Shown) -> None:
    """Add the slides in the order of the presentation."""
    presentation, relations = parts.tree(main), parts.relations(main)
    authors = _authors(parts, relations)
    places = [node.attributes.get("id", "") for node in presentation.first("sldIdLst").below]
    slides = [relation.target for place in places if (relation := relations.get(place)) and relation.target]
    if len(slides) > _SLIDES:
        raise Unreadable("too_many_pages")
    furniture: set[str] = set()
    for number, name in enumerate(slides, start=1):
        _Slide(parts, name, output, number, furniture, shown).write(authors)
        parts.rest.settle()


class _Slide:
    def __init__(self, parts: Parts, name: str, output: Output, number: int, furniture: set[str], shown: Shown) -> None:
        self._parts, self._output, self._furniture, self._shown = parts, output, furniture, shown
        self._page = Page(number)
        output.pages.append(self._page)
        self._root = parts.tree(name)
        self._relations = parts.relations(name)
        self._hidden = "hidden slide" if self._root.attributes.get("show", "1") in OFF else None
        if self._hidden:
            output.warn("hidden_text")

    def write(self, authors: dict[str, str]) -> None:
        shapes = self._root.first("spTree").below
        titles = [shape for shape in shapes if _placeholder(shape) in _TITLES and _seen_text(shape)]
        title = " ".join(_seen_text(shape) for shape in titles) or f"Slide {self._page.number}"
        if titles and not self._hidden:
            self._output.title = self._output.title or title
        self._add("heading", title, level=1)
        for shape in shapes:
            self._write_shape(shape, is_title=any(shape is one for one in titles))
        self._write_pictures(self._root.first("bg"), None)
        self._write_notes()
        self._write_comments(authors)

    def _add(self, kind: str, text: str, *, level: int = 0, hidden: str | None = None) -> None:
        self._output.add(self._page, kind, text, level=level, hidden=hidden or self._hidden)

    def _write_shape(self, shape: Node, *, is_title: bool = False) -> None:
        if shape.name == "AlternateContent":
            for inner in (shape.below or [Node("")])[0].below:
                self._write_shape(inner)
            for other in shape.below[1:]:  # the same for old programs
                for blip in other.all("blip"):
                    self._shown.show(self._page, self._target(blip.attributes.get("embed", "")), hidden=ALTERNATIVE)
            return
        about = shape.first("cNvPr").attributes if shape.name != "grpSp" else shape.below[0].first("cNvPr").attributes
        hidden = HIDDEN if about.get("hidden", "0") not in OFF else None
        self._add("paragraph", about.get("descr", ""), hidden=METADATA)
        if shape.name == "grpSp":
            for inner in shape.below[1:]:
                self._write_shape(inner)
        elif shape.name == "graphicFrame":
            self._write_frame(shape, hidden)
        elif shape.name in {"sp", "cxnSp"}:
            self._write_text(shape, hidden, is_title=is_title)
        if shape.name != "grpSp":
            self._write_pictures(shape, hidden)

    def _write_pictures(self, shape: Node, hidden: str | None) -> None:
        previews = {id(one) for frame in shape.all("oleObj") for one in frame.all("blip")}
        for blip in shape.all("blip"):
            name = self._target(blip.attributes.get("embed", ""))
            self._shown.show(self._page, name, hidden=hidden or self._hidden, is_preview=id(blip) in previews)
            for other in blip.all("svgBlip"):
                self._shown.show(self._page, self._target(other.attributes.get("embed", "")), hidden=ALTERNATIVE)

    def _write_text(self, shape: Node, hidden: str | None, *, is_title: bool) -> None:
        kind = _placeholder(shape)
        for paragraph in shape.first("txBody").all("p"):
            seen, unseen = _split(paragraph)
            if kind in _FURNITURE:
                # Dates, page numbers and footers stand on every slide: they speak once.
                hidden = METADATA if seen in self._furniture or kind in {"dt", "sldNum"} else hidden
                self._furniture.add(seen)
            if not is_title:
                self._add("list_item" if kind in {"body", "obj", "subTitle"} else "paragraph", seen, hidden=hidden)
            self._add("paragraph", unseen, hidden=HIDDEN)

    def _write_frame(self, frame: Node, hidden: str | None) -> None:
        hidden = hidden or self._hidden
        for table in frame.all("tbl"):
            given = table.first("tblPr").attributes
            rows = [_row(row, is_header=place == 0 and given.get("firstRow", "0") not in OFF)
                    for place, row in enumerate(table.all("tr"))]  # fmt: skip
            for line in lines(rows, guess=True):
                self._add("table_row", line, hidden=hidden)
        for chart in frame.all("chart"):
            if name := self._target(chart.attributes.get("id", "")):
                write_chart(self._parts, name, self._output, self._page, hidden=hidden)
        for diagram in frame.all("relIds"):
            if name := self._target(diagram.attributes.get("dm", "")):
                write_diagram(self._parts, name, self._output, self._page, hidden=hidden)

    def _target(self, place: str) -> str:
        relation = self._relations.get(place)
        return relation.target if relation else ""

    def _of_kind(self, *kinds: str) -> list[Node]:
        return [self._parts.tree(one.target) for one in self._relations.values() if one.kind in kinds and one.target]

    def _write_notes(self) -> None:
        said = [
            paragraph_text(paragraph)
            for notes in self._of_kind("notesSlide")
            for shape in notes.all("sp")
            if _placeholder(shape) not in _FURNITURE
            for paragraph in shape.first("txBody").all("p")
        ]
        self._write_under("Notes", said)

    def _write_comments(self, authors: dict[str, str]) -> None:
        said = []
        for comments in self._of_kind("comments"):
            for comment in comments.all("cm"):
                author = authors.get(comment.attributes.get("authorId", ""), "")
                texts = [node.text() for node in comment.all("text")] or [
                    paragraph_text(one) for body in comment.all("txBody") for one in body.all("p")
                ]
                said.append(": ".join(part for part in (author, " ".join(texts)) if part))
        self._write_under("Comments", said)

    def _write_under(self, heading: str, said: list[str]) -> None:
        if any(text.strip() for text in said):
            self._add("heading", heading, level=2)
            for text in said:
                self._add("paragraph", text)


def _authors(parts: Parts, relations: dict[str, Relation]) -> dict[str, str]:
    found = {}
    for relation in relations.values():
        if relation.kind in {"commentAuthors", "authors"} and relation.target:
            for node in parts.tree(relation.target).all("cmAuthor", "author"):
                found[node.attributes.get("id", "")] = node.attributes.get("name", "")
    return found


def _placeholder(shape: Node) -> str:
    place = shape.first("ph") if shape.name == "sp" else Node("")
    return place.attributes.get("type", "obj") if place.name else ""


def _seen_text(shape: Node) -> str:
    return " ".join(text for one in shape.first("txBody").all("p") if (text := _split(one)[0].strip()))


def _split(paragraph: Node) -> tuple[str, str]:
    """Return what is seen of a paragraph, and what is too small or has no colour at all."""
    seen: list[str] = []
    unseen: list[str] = []
    for run in paragraph.below:
        if run.name == "br":
            seen.append(" ")
        elif run.name in {"r", "fld"}:
            look = run.first("rPr")
            size = look.attributes.get("sz", "")
            is_tiny = size.isascii() and size.isdigit() and int(size) <= _TINY
            is_unpainted = any(node.name == "noFill" for node in look.below)
            (unseen if is_tiny or is_unpainted else seen).append(run.first("t").text())
        else:
            seen += [node.text() for node in run.all("t")]
    return "".join(seen), "".join(unseen)


def _row(row: Node, *, is_header: bool) -> Row:
    cells, above = [], ""
    for column, cell in enumerate(row.all("tc")):
        text = " ".join(paragraph_text(one) for one in cell.all("p"))
        is_merged = cell.attributes.get("hMerge", "0") not in OFF
        above = above if is_merged and not text.strip() else text
        cells.append(Cell(" ".join(above.split()), column, is_header))
    return cells
