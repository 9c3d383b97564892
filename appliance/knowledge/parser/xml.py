"""XML of any kind: a record's fields as one row, prose as paragraphs. A document type declaration ends the reading."""

import re
from dataclasses import dataclass, field
from xml.parsers import expat

from .blocks import METADATA, Output, Page, Unreadable
from .charsets import decode
from .markup import local, refuse

_DEPTH = 2_000
_FIELDS = 60
_DECLARED = re.compile(rb"""<\?xml[^>]{0,100}?encoding\s*=\s*["']([\w.:-]{1,40})["']""")


def read(content: bytes, _kind: str) -> Output:
    """Return the text of the elements. Raises Unreadable for a document type declaration and for broken XML."""
    declared = _DECLARED.search(content[:300])
    output = read_text(decode(content, declared[1].decode() if declared else None), is_sure=True)
    if output is None:
        raise Unreadable("damaged")
    return output


def read_text(text: str, *, is_sure: bool) -> Output | None:
    """Return the text of the elements, or None if it is no XML. `is_sure`: it says itself that it is XML."""
    reader = _Reader()
    try:
        reader.parse(text.lstrip("\ufeff \t\r\n"))
    except expat.ExpatError as error:
        if is_sure or text.lstrip().startswith("<?xml"):
            raise Unreadable("damaged") from error
        return None
    return reader.output


@dataclass
class _Element:
    name: str
    fields: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)  # its own text, and that of elements within a sentence
    has_text: bool = False


class _Reader:
    """Turns the events of one file into blocks."""

    def __init__(self) -> None:
        self.output = Output(format="xml")
        self._page = Page(None)
        self.output.pages.append(self._page)
        self._open: list[_Element] = []

    def parse(self, text: str) -> None:
        parser = expat.ParserCreate("utf-8", namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._text
        parser.CommentHandler = self._unseen
        parser.ProcessingInstructionHandler = lambda target, data: self._unseen(f"{target} {data}")
        parser.StartDoctypeDeclHandler = refuse
        parser.Parse(text.encode("utf-8", "replace"), True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= _DEPTH:
            raise Unreadable("too_deep")
        element = _Element(local(name))
        element.fields = [f"{local(key)}: {value}" for key, value in attributes.items() if value.strip()]
        self._open.append(element)

    def _text(self, text: str) -> None:
        if self._open:
            element = self._open[-1]
            element.words.append(text)
            element.has_text |= not text.isspace()

    def _unseen(self, text: str) -> None:
        self.output.add(self._page, "paragraph", text, hidden=METADATA)

    def _end(self, _name: str) -> None:
        element = self._open.pop()
        text = " ".join("".join(element.words).split())
        above = self._open[-1] if self._open else None
        if above is None:
            self._write(element)
        elif above.has_text:  # it stands within a sentence
            above.words += [" ", *(f"({one}) " for one in element.fields), text, " "]
        elif not element.fields and element.has_text:
            above.fields.append(f"{element.name}: {text}")
            if len(above.fields) >= _FIELDS:
                self._write(above)
        else:
            self._write_open()
            self._write(element)

    def _write_open(self) -> None:
        """Write what came before, so that the order stays that of the file."""
        for element in self._open:
            if not element.has_text:
                self._write(element)

    def _write(self, element: _Element) -> None:
        text = " ".join("".join(element.words).split())
        if element.fields:
            row = " | ".join([*element.fields, text] if text else element.fields)
            self.output.add(self._page, "table_row", f"{element.name}: {row}")
        elif text:
            self.output.add(self._page, "paragraph", text)
        element.fields, element.words, element.has_text = [], [], False
