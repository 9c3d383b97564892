"""Chunks: about 800 characters along the document's own structure.

Measured: 800 characters with ±400 at answer time find the span in .909 of cases, 300 in .594.
A chunk never crosses a heading of the first two levels; a table row carries its header from the parser; a list is
not torn while it fits. Hidden text is not indexed: what a reader cannot see must not speak in an answer.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from semantic_text_splitter import TextSplitter

from appliance.knowledge.parsed import Block, Parsed
from appliance.knowledge.places import NOWHERE, Box, Gathering, Places, Range

AIM = 800
MOST = 1_200
_SLICE = 8_000
_LEAST = 200
_HEADING_LENGTH = 300
_SECTION_LEVEL = 2
_APART = "\n\n"


@dataclass(frozen=True)
class Chunk:
    """A piece of a document: exactly the characters start to end of its whole text, on these pages, at these places."""

    position: int
    heading: str
    text: str
    page_from: int | None
    page_to: int | None
    start: int
    end: int
    places: Places = NOWHERE


@dataclass(frozen=True)
class _Piece:
    kind: str
    heading: str
    section: str  # the part of the heading that a chunk never crosses
    page: int | None
    start: int
    end: int


@dataclass
class _Cutter:
    """Gathers pieces until a chunk is full."""

    text: str
    places: Places
    chunks: list[Chunk] = field(default_factory=list)
    gathered: list[_Piece] = field(default_factory=list)

    def take(self, piece: _Piece) -> None:
        if self.gathered and self._ends_before(piece):
            self.cut()
        self.gathered.append(piece)

    def cut(self) -> None:
        if not self.gathered:
            return
        first, last = self.gathered[0], self.gathered[-1]
        pages = [piece.page for piece in self.gathered if piece.page is not None]
        self.chunks.append(
            Chunk(
                position=len(self.chunks),
                heading=first.heading if first.heading == last.heading else first.section,
                text=self.text[first.start : last.end],
                page_from=min(pages, default=None),
                page_to=max(pages, default=None),
                start=first.start,
                end=last.end,
                places=self.places.within(first.start, last.end),
            )
        )
        self.gathered = []

    def _ends_before(self, piece: _Piece) -> bool:
        first, last = self.gathered[0], self.gathered[-1]
        size = last.end - first.start
        if piece.end - first.start > MOST:
            return True
        if piece.heading != last.heading:
            # A few words under a small heading are joined with what follows under the same large one.
            return piece.section != first.section or size >= _LEAST
        is_within_list = piece.kind == last.kind == "list_item"
        return size >= AIM and not is_within_list


def document_text(parsed: Parsed) -> str:
    """Return the visible text, blocks apart by an empty line: what offsets count in."""
    return _APART.join(block.text for page in parsed.pages for block in page.blocks if not block.hidden)


def document_places(parsed: Parsed) -> Places:
    """Return where the visible text stands; offsets count in `document_text`."""
    found, offset = Gathering(), 0
    for page, block in _visible(parsed):
        if page is not None:
            found.ranges += [Range(page, offset + at, *rest) for at, *rest in block.spans]
            found.boxes += [Box(page, offset + at, *rest) for at, *rest in block.boxes]
        offset += len(block.text) + len(_APART)
    return found.places()


def chunk(parsed: Parsed) -> tuple[Chunk, ...]:
    """Return the chunks in order. The same document always gives the same chunks."""
    cutter = _Cutter(document_text(parsed), document_places(parsed))
    for piece in _pieces(parsed):
        cutter.take(piece)
    cutter.cut()
    return tuple(cutter.chunks)


def embedding_text(chunk: Chunk, *, title: str) -> str:
    """Return what is embedded: a header that says where the chunk stands, then the chunk."""
    headings = chunk.heading.split(" › ") if chunk.heading else []
    # Most documents begin with their title as a heading; said once is enough.
    place = " › ".join([title, *(headings[1:] if headings[:1] == [title] else headings)])
    page = f", page {chunk.page_from}" if chunk.page_from is not None else ""
    return f"{place}{page}\n{chunk.text}"


def _pieces(parsed: Parsed) -> Iterator[_Piece]:
    path: list[tuple[int, str]] = []
    offset = 0
    # A heading with nothing under it is text too, or it could never be found: a form, a title page.
    alone: _Piece | None = None
    for page, block in _visible(parsed):
        if block.kind == "heading":
            if alone and block.level <= path[-1][0]:
                yield alone
            path = [(level, text) for level, text in path if level < block.level]
            alone = _Piece("heading", *_named(path), page, offset, offset + len(block.text))
            path.append((block.level, block.text))
        else:
            alone = None
            for start, end in _split(block):
                yield _Piece(block.kind, *_named(path), page, offset + start, offset + end)
        offset += len(block.text) + len(_APART)
    if alone:
        yield alone


def _visible(parsed: Parsed) -> Iterator[tuple[int | None, Block]]:
    return ((page.number, block) for page in parsed.pages for block in page.blocks if not block.hidden)


def _named(path: list[tuple[int, str]]) -> tuple[str, str]:
    heading = " › ".join(text for _, text in path)
    section = " › ".join(text for level, text in path if level <= _SECTION_LEVEL)
    return heading[:_HEADING_LENGTH], section[:_HEADING_LENGTH]


def _split(block: Block) -> Iterator[tuple[int, int]]:
    if len(block.text) <= MOST:
        yield 0, len(block.text)
        return
    for first, last in _slices(block.text):
        for start, text in TextSplitter((AIM // 2, AIM)).chunk_indices(block.text[first:last]):
            yield first + int(start), first + int(start) + len(text)


def _slices(text: str) -> Iterator[tuple[int, int]]:
    """Cut a long text after a white space, where there is one: the splitter's time grows with the square of its text."""
    first = 0
    while first < len(text):
        last = min(first + _SLICE, len(text))
        if last < len(text):
            space = max(text.rfind(sign, first + _SLICE // 2, last) for sign in "\n ")
            last = space + 1 if space >= 0 else last
        yield first, last
        first = last
