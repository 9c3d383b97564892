"""DOC of Word 97 to 2003 ([MS-DOC]): the text by its piece table, with headings, tables, notes, comments, and what is hidden.

A quick save leaves older words in the stream; only what the piece table (2.4.1) names is text.
"""

import re
import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import olefile

from .blips import show_pictures
from .blocks import HIDDEN, METADATA, Output, Page, Unreadable
from .embedded import attach_storage
from .properties import offer_title
from .rows import Cell, Row, lines

DELETED = "deleted text"
_STREAM_BYTES = 150_000_000
_WORD_97 = 0xC1
_ENCRYPTED, _SECOND_TABLE = 0x0100, 0x0200
_COUNTS, _CLX, _CHARACTERS, _PARAGRAPHS = 0x4C, 0x1A2, 0xFA, 0x102  # offsets in the FIB
_PAGE = 512
_VANISH, _REMOVED, _SIZE = 0x083C, 0x0800, 0x4A43
_IN_TABLE, _ROW_END, _OUTLINE, _LIST = 0x2416, 0x2417, 0x2640, 0x460B
_OPERANDS = (1, 1, 2, 4, 2, 2, 0, 3)  # by the upper three bits of a property's number; 0: its length goes before
_MARK = re.compile("[\r\x07\x0c]")
_NOT_SHOWN = {**dict.fromkeys(range(9)), 0x0B: " ", 0x0E: " ", 0x1E: "-", 0x1F: None, 0x28: "(", 0x09: " "}
_FIELD_BEGINS, _FIELD_SHOWS, _FIELD_ENDS = "\x13", "\x14", "\x15"
# The parts of the text in their order, and the heading under which each is read.
_PARTS = ("", "Footnotes", "Header and footer", "", "Comments", "Endnotes", "Text boxes", "Header and footer")
_HEADINGS = 9
_UTF_8 = 65001  # as a code page
_POOLED = 2  # steps on the way to an object: the pool, and the object


def read(file: olefile.OleFileIO) -> Output:
    """Return the text in blocks."""
    output, page = Output(format="doc"), Page(None)
    output.pages.append(page)
    try:
        document = _Document(file)
        for number, heading in enumerate(_PARTS):
            beside = Page(None)
            _Writer(output, beside if heading else page, document, has_headings=not heading).write(
                *document.span(number)
            )
            said = [block for block in beside.blocks if block.hidden or any(sign.isalnum() for sign in block.text)]
            if any(not block.hidden for block in said) and heading not in {block.text for block in page.blocks[-50:]}:
                output.add(page, "heading", heading, level=1)
            page.blocks += said
    except (struct.error, IndexError) as error:
        raise Unreadable("damaged") from error
    show_pictures(file, output, page)
    _write_properties(file, output, page)
    _attach(file, output)
    return output


def is_told(way: Sequence[str]) -> bool:
    """Say whether a stream is read as what it is: the text, its pictures, objects, or macros."""
    return way[0] in {"WordDocument", "0Table", "1Table", "Data", "ObjectPool", "Macros"}


def _write_properties(file: olefile.OleFileIO, output: Output, page: Page) -> None:
    about = file.get_metadata()
    said = []
    for name in ("title", "subject", "author", "keywords", "comments", "last_saved_by", "company", "manager"):
        value = getattr(about, name, None)
        text = (
            value.decode("utf-8" if about.codepage == _UTF_8 else "cp1252", "replace")
            if isinstance(value, bytes)
            else value
        )
        if isinstance(text, str) and text.strip("\0 "):
            said.append(f"{name}: {text.strip(chr(0))}")
            if name == "title":
                offer_title(output, text.strip("\0"))
    output.add(page, "paragraph", "\n".join(said), hidden=METADATA)


def _attach(file: olefile.OleFileIO, output: Output) -> None:
    storages = [
        way for way in file.listdir(streams=False, storages=True) if way[:1] == ["ObjectPool"] and len(way) == _POOLED
    ]
    for way in storages:
        attach_storage(output, file, way, None, name=f"object {way[1].strip('_')}")
    if file.exists("Macros"):
        output.warn("macros")


@dataclass(frozen=True)
class _Piece:
    """Characters start to end of the text, and where their bytes stand."""

    start: int
    end: int
    place: int
    size: int  # bytes of a character


@dataclass
class _Runs:
    """Properties by where they begin in the stream."""

    places: list[int] = field(default_factory=list)
    found: list[tuple[int, dict[int, int]]] = field(default_factory=list)  # end, properties

    def at(self, place: int) -> tuple[int, dict[int, int]]:
        """Return where the run around a place ends, and its properties."""
        number = bisect_right(self.places, place) - 1
        if number >= 0 and place < self.found[number][0]:
            return self.found[number]
        following = self.places[number + 1] if number + 1 < len(self.places) else place + _STREAM_BYTES
        return following, {}


class _Document:
    """The streams of a document, and what the FIB says where."""

    def __init__(self, file: olefile.OleFileIO) -> None:
        self.main: bytes = file.openstream("WordDocument").read(_STREAM_BYTES)
        version, flags = struct.unpack_from("<H6xH", self.main, 2)
        if flags & _ENCRYPTED:
            raise Unreadable("encrypted")
        if version < _WORD_97:
            raise Unreadable("unsupported")
        name = "1Table" if flags & _SECOND_TABLE else "0Table"
        if not file.exists(name):
            raise Unreadable("damaged")
        self._table: bytes = file.openstream(name).read(_STREAM_BYTES)
        self._counts = struct.unpack_from("<8i", self.main, _COUNTS)
        if any(count < 0 for count in self._counts):
            raise Unreadable("damaged")
        self.pieces = list(self._pieces())
        self.characters = self._runs(_CHARACTERS, is_paragraph=False)
        self.paragraphs = self._runs(_PARAGRAPHS, is_paragraph=True)

    def span(self, number: int) -> tuple[int, int]:
        """Return the first and the end of a part's characters."""
        first = sum(self._counts[:number])
        return first, first + self._counts[number]

    def segments(self, first: int, last: int) -> Iterator[tuple[str, int, int, dict[int, int]]]:
        """Yield text of one look each, with its place, its bytes a character and its properties."""
        for piece in self.pieces:
            start, end = max(first, piece.start), min(last, piece.end)
            place = piece.place + (start - piece.start) * piece.size
            until = piece.place + (end - piece.start) * piece.size
            while place < until:
                following, look = self.characters.at(place)
                stop = min(until, following + (following - place) % piece.size)
                text = self.main[place:stop].decode("cp1252" if piece.size == 1 else "utf-16-le", "replace")
                yield text, place, piece.size, look
                place = stop

    def _pieces(self) -> Iterator[_Piece]:
        start, length = struct.unpack_from("<II", self.main, _CLX)
        clx = self._table[start : start + length]
        place = 0
        while clx[place] == 1:  # properties of pieces, which change no text
            place += 3 + struct.unpack_from("<H", clx, place + 1)[0]
        (length,) = struct.unpack_from("<I", clx, place + 1)
        plc = clx[place + 5 : place + 5 + length]
        count = (len(plc) - 4) // 12
        ends = struct.unpack_from(f"<{count + 1}I", plc)
        for number in range(count):
            (where,) = struct.unpack_from("<I", plc, 4 * (count + 1) + 8 * number + 2)
            is_compressed = bool(where & 0x40000000)
            where &= 0x3FFFFFFF
            if ends[number] < ends[number + 1]:
                yield _Piece(
                    ends[number], ends[number + 1], where // 2 if is_compressed else where, 1 if is_compressed else 2
                )

    def _runs(self, offset: int, *, is_paragraph: bool) -> _Runs:
        start, length = struct.unpack_from("<II", self.main, offset)
        plc = self._table[start : start + length]
        count = (len(plc) - 4) // 8
        found: dict[int, tuple[int, dict[int, int]]] = {}
        for number in range(count):
            (page,) = struct.unpack_from("<I", plc, 4 * (count + 1) + 4 * number)
            page = (page & 0x3FFFFF) * _PAGE
            if page + _PAGE <= len(self.main):
                found.update(_runs_of_page(self.main[page : page + _PAGE], is_paragraph=is_paragraph))
        places = sorted(found)
        return _Runs(places, [found[place] for place in places])


def _runs_of_page(page: bytes, *, is_paragraph: bool) -> Iterator[tuple[int, tuple[int, dict[int, int]]]]:
    count, width = page[_PAGE - 1], 13 if is_paragraph else 1
    if 4 * (count + 1) + width * count > _PAGE:
        return
    places = struct.unpack_from(f"<{count + 1}I", page)
    for number in range(count):
        where = 2 * page[4 * (count + 1) + width * number]
        look: dict[int, int] = {}
        if where:
            look = _paragraph_look(page, where) if is_paragraph else _look(page[where + 1 : where + 1 + page[where]])
        yield places[number], (places[number + 1], look)


def _paragraph_look(page: bytes, where: int) -> dict[int, int]:
    half = page[where]
    begin, length = (where + 1, 2 * half - 1) if half else (where + 2, 2 * page[where + 1])
    look = _look(page[begin + 2 : begin + length])
    return {**look, 0: int.from_bytes(page[begin : begin + 2], "little")}  # 0: the number of its style


def _look(properties: bytes) -> dict[int, int]:
    look, place = {}, 0
    while place + 2 < len(properties):
        number = int.from_bytes(properties[place : place + 2], "little")
        place += 2
        size = _OPERANDS[number >> 13]
        if size == 0:
            long = number == 0xD608  # noqa: PLR2004 - sprmTDefTable has a length of two bytes
            size = int.from_bytes(properties[place : place + 2], "little") + 1 if long else properties[place] + 1
        look[number] = int.from_bytes(properties[place : place + min(size, 4)], "little")
        place += size
    return look


class _Writer:
    """Turns a part's characters into blocks."""

    def __init__(self, output: Output, page: Page, document: _Document, *, has_headings: bool) -> None:
        self._output, self._page, self._document, self._has_headings = output, page, document, has_headings
        self._seen: list[str] = []
        self._unseen: dict[str, list[str]] = {}
        self._fields: list[bool] = []  # for each open field: are we past its instruction?
        self._rows: list[Row] = []
        self._row: Row = []
        self._cell: list[str] = []

    def write(self, first: int, last: int) -> None:
        for text, place, size, look in self._document.segments(first, last):
            begin = 0
            for mark in _MARK.finditer(text):
                self._take(text[begin : mark.start()], look)
                self._end(mark[0], self._document.paragraphs.at(place + mark.start() * size)[1])
                begin = mark.end()
            self._take(text[begin:], look)
        self._end("\r", {})
        self._end_table()

    def _take(self, text: str, look: dict[int, int]) -> None:
        for part in re.split(f"([{_FIELD_BEGINS}{_FIELD_SHOWS}{_FIELD_ENDS}])", text):
            if part == _FIELD_BEGINS:
                self._fields.append(False)
            elif part == _FIELD_SHOWS and self._fields:
                self._fields[-1] = True
            elif part == _FIELD_ENDS and self._fields:
                self._fields.pop()
            elif part and all(self._fields):
                self._place(part.translate(_NOT_SHOWN), look)
            elif part:
                self._unseen.setdefault(METADATA, []).append(part.translate(_NOT_SHOWN))

    def _place(self, text: str, look: dict[int, int]) -> None:
        if look.get(_REMOVED, 0):
            self._unseen.setdefault(DELETED, []).append(text)
        elif look.get(_VANISH, 0) in {1, 0x81} or look.get(_SIZE, 99) <= 2:  # noqa: PLR2004 - half points
            self._unseen.setdefault(HIDDEN, []).append(text)
        else:
            self._seen.append(text)

    def _end(self, mark: str, look: dict[int, int]) -> None:
        text, self._seen = "".join(self._seen), []
        if look.get(_ROW_END, 0):
            self._rows.append(self._row)
            self._row = []
        elif mark == "\x07":
            self._row.append(Cell(" ".join(" ".join([*self._cell, text]).split()), len(self._row)))
            self._cell = []
        elif look.get(_IN_TABLE, 0):
            self._cell.append(text)
        elif text.strip():
            self._end_table()
            self._add(text, look)
        for why, said in self._unseen.items():
            self._output.add(self._page, "paragraph", "".join(said), hidden=why)
        self._unseen = {}

    def _add(self, text: str, look: dict[int, int]) -> None:
        style, outline = look.get(0, 0), look.get(_OUTLINE, _HEADINGS)
        level = style if 1 <= style <= _HEADINGS else outline + 1 if outline < _HEADINGS else 0
        if level and self._has_headings:
            self._output.title = self._output.title or text.strip()
            self._output.add(self._page, "heading", text, level=level)
        else:
            self._output.add(self._page, "list_item" if look.get(_LIST, 0) else "paragraph", text)

    def _end_table(self) -> None:
        rows, self._rows = self._rows, []
        for line in lines(rows, guess=True):
            self._output.add(self._page, "table_row", line)
