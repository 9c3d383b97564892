"""RTF 1.9: paragraphs, headings, table rows, notes, comments, and what is hidden or deleted marked as such.

A group that begins with a sign we do not know is skipped where the writer marked it so; files inside are handed over.
"""

import re
from dataclasses import dataclass, field, replace

from .blocks import ALTERNATIVE, HIDDEN, METADATA, Output, Page, Unreadable
from .dimensions import measured
from .embedded import attach_object
from .inlaid import DRAWING, show
from .properties import offer_title
from .rest import Rest
from .rows import Cell, Row, lines

DELETED = "deleted text"
_TOKEN = re.compile(
    rb"\\'([0-9a-fA-F]{2})|\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\([^a-zA-Z])|([{}])|([^\\{}\r\n]+)|[\r\n]+"
)
_DEPTH = 1_000
_CODE_PAGES = {77: "mac_roman", 128: "cp932", 129: "cp949", 134: "gbk", 136: "big5", 161: "cp1253", 162: "cp1254",
               177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250"}  # fmt: skip
_SIGNS = {
    "emdash": "—", "endash": "–", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”", "bullet": "•",
    "tab": " ", "line": " ", "emspace": " ", "enspace": " ", "~": " ", "_": "-",
}  # fmt: skip
# Where the text of a group goes: "" is what is checked and not shown.
_GROUPS = {
    "fonttbl": "fonts", "stylesheet": "styles", "info": "info", "annotation": "comment", "atnauthor": "author",
    "footnote": "note", "header": "margin", "headerl": "margin", "headerr": "margin", "headerf": "margin",
    "footer": "margin", "footerl": "margin", "footerr": "margin", "footerf": "margin", "objdata": "object",
    "shptxt": "body", "shppict": "body", "pict": "picture", "colortbl": "", "filetbl": "", "revtbl": "",
    "listtable": "", "listoverridetable": "", "rsidtbl": "", "generator": "", "fldinst": "", "themedata": "",
    "colorschememapping": "", "datastore": "", "latentstyles": "", "xmlnstbl": "", "mmathPr": "", "atnid": "",
    "atnref": "", "atndate": "", "atnparent": "", "atrfstart": "", "atrfend": "", "bkmkstart": "", "bkmkend": "",
    "pntext": "", "listtext": "", "objclass": "", "objname": "", "wgrffmtfilter": "", "pgptbl": "", "template": "",
}  # fmt: skip
_UNSHOWN = frozenset({"", "fonts", "styles"})
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){16,}")
_LONG_SKIP = 2  # bytes: a sign for programs without Unicode is no longer
_ASIDE = {"note": "Footnotes", "margin": "Header and footer", "comment": "Comments"}
_INFO = frozenset({"title", "subject", "author", "manager", "company", "operator", "keywords", "comment", "doccomm"})


@dataclass(slots=True)
class _State:
    """What a group inherits and may change."""

    where: str = "body"
    hidden: str | None = None
    page: str = "cp1252"
    font: int = -1
    skip: int = 1  # bytes that stand for a sign given by number
    info: str = ""
    is_preview: bool = False  # what is drawn for an object that is read by itself


@dataclass
class _Table:
    rows: list[Row] = field(default_factory=list)
    row: Row = field(default_factory=list)
    cell: list[str] = field(default_factory=list)
    is_header: bool = False


def read(content: bytes, _kind: str) -> Output:
    """Return the text in blocks."""
    reader = _Reader()
    reader.read(content)
    return reader.finish()


class _Reader:
    def __init__(self) -> None:
        self.output, self._page = Output(), Page(None)
        self.output.pages.append(self._page)
        self._state, self._stack = _State(), list[_State]()
        self._texts: dict[str, list[tuple[str, str | None]]] = {}
        self._bytes = bytearray()
        self._left_to_skip = 0
        self._fonts: dict[int, str] = {}
        self._levels: dict[int, int] = {}
        self._style, self._level = 0, 0
        self._is_item = self._in_table = False
        self._table = _Table()
        self._aside: dict[str, list[str]] = {}
        self._info: list[str] = []
        self._is_starred = False
        self._object: list[bytes] = []
        self._raw = bytearray()  # of a picture
        self._rest, self._unshown = Rest(), list[str]()
        self._author = ""
        self._high = 0

    def read(self, content: bytes) -> None:
        place = 0
        while match := _TOKEN.match(content, place):
            place = match.end()
            code, word, number, sign, brace, text = match.groups()
            if brace:
                self._brace(brace)
            elif text:
                self._take_bytes(text)
            elif code:
                self._take_bytes(bytes.fromhex(code.decode()))
            elif word:
                if word == b"bin":  # raw bytes follow
                    begin, place = place, place + max(0, int(number or 0))
                    if self._state.where in {"picture", "object"}:
                        self._raw += content[begin:place]
                    else:
                        self._rest.take_bytes(content[begin:place])
                self._word(word.decode(), int(number) if number else None)
            elif sign:
                self._word(sign.decode("latin-1"), None)

    def finish(self) -> Output:
        """Write what is left, then what stands beside the text."""
        self._end_paragraph("body")
        self._end_torn_row()
        self._end_table()
        self._flush()
        self._say_unshown()
        for where, heading in _ASIDE.items():
            said = [text for text in dict.fromkeys(self._aside.get(where, [])) if any(sign.isalnum() for sign in text)]
            if said:
                self.output.add(self._page, "heading", heading, level=1)
            for text in said:
                self.output.add(self._page, "paragraph", text)
        self.output.add(self._page, "paragraph", "\n".join(self._info), hidden=METADATA)
        self._rest.write(self.output, self._page)
        return self.output

    def _end_torn_row(self) -> None:
        table = self._table
        if table.cell:
            table.row.append(Cell(" ".join(table.cell), len(table.row)))
        if table.row:
            table.rows.append(table.row)
        table.row, table.cell = [], []

    def _say_unshown(self) -> None:
        """Take what a group said that is not shown: words, or bytes in hexadecimal."""
        text, self._unshown = "".join(self._unshown), []
        digits = "".join(text.split())
        if _HEX.fullmatch(digits):
            self._rest.take_bytes(bytes.fromhex(digits))
        else:
            self._rest.say(text)

    def _brace(self, brace: bytes) -> None:
        self._flush()
        if brace == b"{":
            if len(self._stack) >= _DEPTH:
                raise Unreadable("too_deep")
            self._stack.append(self._state)
            self._state = replace(self._state)
            self._is_starred = False
        elif self._stack:
            ended, self._state = self._state, self._stack.pop()
            if ended.where != self._state.where or ended.info != self._state.info:
                self._end_group(ended)

    def _end_group(self, ended: _State) -> None:
        if ended.where in _UNSHOWN or self._unshown:
            self._say_unshown()
        if ended.where in _ASIDE:
            self._end_paragraph(ended.where)
        elif ended.where == "author":
            self._author = self._said("author")[0]
        elif ended.where == "info" and ended.info:
            text = " ".join(self._said("info")[0].split())
            if ended.info == "title":
                offer_title(self.output, text)
            if text:
                self._info.append(f"{ended.info}: {text}")
        elif ended.where in {"object", "picture"}:
            self._end_file(ended)

    def _end_file(self, ended: _State) -> None:
        digits = b"".join(self._object).translate(None, b" \t\r\n")
        self._object = []
        try:
            content = bytes.fromhex(digits.decode("ascii")) + self._raw
        except ValueError:
            self.output.miss(ended.where, "damaged")
            return
        finally:
            self._raw.clear()
        if ended.where == "object":
            attach_object(self.output, content, is_ole1=True)
        elif ended.hidden == ALTERNATIVE and not (measured(content) or DRAWING.match(content)):
            self._rest.take_bytes(content)
        else:
            show(self.output, self._page, "picture", content, hidden=ended.hidden, is_preview=ended.is_preview)

    def _take_bytes(self, text: bytes) -> None:
        if self._left_to_skip:
            skipped = min(self._left_to_skip, len(text))
            self._left_to_skip -= skipped
            if skipped > _LONG_SKIP:
                self._rest.say(text[:skipped].decode(self._state.page, "replace"))
            text = text[skipped:]
        if self._state.where in {"object", "picture"}:
            self._object.append(text)
        else:
            self._bytes += text

    def _flush(self) -> None:
        if not self._bytes:
            return
        page = self._fonts.get(self._state.font, self._state.page)
        text = self._bytes.decode(page, "replace")
        self._bytes.clear()
        if self._state.where == "styles":
            self._name_style(text)
        if self._state.where in _UNSHOWN:
            self._unshown.append(text)
        else:
            self._write(text)

    def _write(self, text: str) -> None:
        if self._state.where == "info" and not self._state.info:
            self._unshown.append(text)
            return
        self._texts.setdefault(self._state.where, []).append((text, self._state.hidden))

    def _name_style(self, name: str) -> None:
        words = name.strip().rstrip(";").lower().split()
        if len(words) == 2 and words[0] in {"heading", "überschrift"} and words[1].isdigit():  # noqa: PLR2004 - "heading 2"
            self._levels[self._style] = min(int(words[1]), 9)
        elif words == ["title"]:
            self._levels[self._style] = 1

    def _word(self, word: str, number: int | None) -> None:
        self._flush()
        if word in _GROUPS and not (word in {"header", "footer"} and self._state.where != "body"):
            self._state.where = _GROUPS[word] if self._state.where else ""
        elif self._is_starred and word != "*":
            self._state.where = _STARRED.get(word, "") if self._state.where else ""
        elif self._state.where == "info" and word in _INFO:
            self._state.info = word
        elif word in {"result", "nonshppict"}:
            self._state.is_preview = True
            if word == "nonshppict":
                self._state.hidden = ALTERNATIVE
        elif word in {"fs", "v", "deleted", "plain"}:
            self._look(word, number)
        elif word in {"par", "sect", "page", "cell", "row", "nestcell", "nestrow"}:
            self._end(word)
        elif word in {"pard", "s", "outlinelevel", "ls", "intbl", "trhdr", "trowd"}:
            self._note_paragraph(word, number)
        elif word in {"u", "uc", "ansicpg", "mac", "pc", "pca", "f", "deff", "fcharset"}:
            self._encode(word, number)
        else:
            self._write_sign(word)
        self._is_starred = word == "*"

    def _write_sign(self, word: str) -> None:
        if word in _SIGNS and self._state.where not in {"", "picture"}:
            self._write(_SIGNS[word])
        elif len(word) == 1 and word in "\\{}":
            self._take_bytes(word.encode())

    def _look(self, word: str, number: int | None) -> None:
        state = self._state
        if word == "plain":
            state.hidden = None
        elif word == "fs":
            if state.hidden in {None, HIDDEN} and number is not None:
                state.hidden = HIDDEN if number <= 2 else None  # noqa: PLR2004 - half points
        else:
            state.hidden = (DELETED if word == "deleted" else HIDDEN) if number != 0 else None

    def _note_paragraph(self, word: str, number: int | None) -> None:
        if word == "pard":
            self._style, self._level, self._is_item, self._in_table = 0, 0, False, False
        elif word == "s":
            self._style = number or 0
        elif word == "outlinelevel":
            self._level = (number or 0) + 1 if (number or 0) < 9 else 0  # noqa: PLR2004 - 9 is body text
        elif word == "ls":
            self._is_item = True
        elif word == "intbl":
            self._in_table = True
        elif word == "trhdr":
            self._table.is_header = True
        elif word == "trowd":
            self._table.is_header = False

    def _encode(self, word: str, number: int | None) -> None:
        if word == "u" and number is not None:
            self._write_unicode(number % 65536)
            self._left_to_skip = self._state.skip
        elif word == "uc":
            self._state.skip = min(max(number or 0, 0), 100)
        elif word == "ansicpg" and number:
            name = f"cp{number}"
            self._state.page = name if _is_encoding(name) else "utf-8" if number == 65001 else "cp1252"  # noqa: PLR2004 - UTF-8
        elif word in {"mac", "pc", "pca"}:
            self._state.page = {"mac": "mac_roman", "pc": "cp437", "pca": "cp850"}[word]
        elif word == "f":
            self._state.font = number or 0
        elif word == "fcharset" and self._state.where == "fonts" and number in _CODE_PAGES:
            self._fonts[self._state.font] = _CODE_PAGES[number]

    def _write_unicode(self, number: int) -> None:
        if 0xD800 <= number < 0xDC00:  # noqa: PLR2004 - the first half of a pair
            self._high = number
            return
        if 0xDC00 <= number < 0xE000 and self._high:  # noqa: PLR2004 - and the second
            number = 0x10000 + ((self._high - 0xD800) << 10) + number - 0xDC00
        self._high = 0
        if self._state.where in _UNSHOWN:
            self._unshown.append(chr(number))
        elif self._state.where not in {"object", "picture"}:
            self._write(chr(number))

    def _said(self, where: str) -> tuple[str, list[tuple[str, str]]]:
        """Return what was written to a place, and apart from it what is hidden there and why."""
        pieces = self._texts.pop(where, [])
        unseen: dict[str, str] = {}
        for text, hidden in pieces:
            if hidden:
                unseen[hidden] = unseen.get(hidden, "") + text
        return "".join(text for text, hidden in pieces if not hidden), list(unseen.items())

    def _end(self, word: str) -> None:
        if self._state.where in _ASIDE:
            self._write(" ")
        elif word in {"cell", "nestcell"}:
            text = " ".join(self._visible("body").split())
            table = self._table
            table.row.append(Cell(" ".join([*table.cell, text]).strip(), len(table.row), table.is_header))
            table.cell = []
        elif word in {"row", "nestrow"}:
            if self._table.row:
                self._table.rows.append(self._table.row)
            self._table.row = []
        elif self._in_table:
            self._table.cell.append(" ".join(self._visible("body").split()))
        else:
            self._end_paragraph("body")

    def _visible(self, where: str) -> str:
        text, unseen = self._said(where)
        for why, said in unseen:
            self.output.add(self._page, "paragraph", said, hidden=why)
        return text

    def _end_paragraph(self, where: str) -> None:
        text = self._visible(where)
        if where in _ASIDE:
            said = " ".join(text.split())
            if where == "comment" and self._author:
                said, self._author = f"{self._author}: {said}", ""
            self._aside.setdefault(where, []).append(said)
            return
        if not text.strip():
            return
        self._end_table()
        level = self._level or self._levels.get(self._style, 0)
        if level:
            self.output.title = self.output.title or text.strip()
            self.output.add(self._page, "heading", text, level=level)
        else:
            self.output.add(self._page, "list_item" if self._is_item else "paragraph", text)

    def _end_table(self) -> None:
        rows, self._table = self._table.rows, _Table(row=self._table.row)
        for line in lines(rows, guess=True):
            self.output.add(self._page, "table_row", line)


_STARRED = {"shptxt": "body", "shpinst": "body", "flddata": ""}


def _is_encoding(name: str) -> bool:
    try:
        b"".decode(name)
    except LookupError:
        return False
    return True
