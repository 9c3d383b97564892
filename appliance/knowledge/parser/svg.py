"""SVG: the texts in a drawing, and the pictures that stand in it. What is drawn as outlines is not read."""

import re
from dataclasses import dataclass, field

from .datalinks import linked, links_in
from .dimensions import measured
from .markup import local, parse

_BEGINS = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml.{0,200}?\?>\s*)?(?:<!--.{0,2000}?-->\s*|<!DOCTYPE[^>\[]{0,300}>\s*)*<(?:\w+:)?svg\b",
    re.DOTALL,
)
_DOCTYPE = re.compile(rb"<!DOCTYPE[^>\[]{0,300}>")  # without declarations of its own, as programs wrote it for years
_WORDED = re.compile(r"[^\W\d_]{3,}")
_DRAWN = frozenset({"d", "points", "style", "transform", "class", "id"})
_MOST_PICTURES = 100
_SHOWN = frozenset({"image", "feImage"})
_SPOKEN = frozenset({"text", "title", "desc", "foreignObject"})


@dataclass
class Drawn:
    """What a drawing says, a line for each of its texts, and the pictures in it."""

    lines: list[str] = field(default_factory=list)
    pictures: list[bytes] = field(default_factory=list)
    unseen: dict[str, None] = field(default_factory=dict)  # what is written in it and not shown
    is_whole: bool = True  # no picture in it was left out

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def is_svg(content: bytes) -> bool:
    """Say whether it is a drawing in SVG."""
    return bool(_BEGINS.match(content[:8_000]))


def read(content: bytes) -> Drawn:
    """Return texts and pictures. Raises Unreadable for what is no XML."""
    reader = _Reader()
    parse(_DOCTYPE.sub(b"", content, count=1), reader.start, reader.end, reader.text, aside=reader.note)
    return reader.drawn


class _Reader:
    def __init__(self) -> None:
        self.drawn = Drawn()
        self._words: list[str] = []
        self._depth = 0

    def start(self, full: str, attributes: dict[str, str]) -> None:
        name = local(full)
        if name in _SPOKEN or self._depth:
            self._depth += 1
            self._words.append(" ")
        for key, value in attributes.items():
            self._take_attribute(local(key), value, is_shown=name in _SHOWN)

    def _take_attribute(self, key: str, value: str, *, is_shown: bool) -> None:
        if key == "href" and (found := linked(value)):
            self._take(found.content, is_shown=is_shown)
            return
        for one in links_in(value):
            self._take(one.content)
        if key not in _DRAWN and _WORDED.search(value):
            self.note(value)

    def end(self, _full: str) -> None:
        if self._depth:
            self._depth -= 1
            if not self._depth:
                if line := " ".join("".join(self._words).split()):
                    self.drawn.lines.append(line)
                self._words.clear()

    def text(self, said: str) -> None:
        if self._depth:
            self._words.append(said)
        elif said.strip():
            self.note(said)
            for one in links_in(said):
                self._take(one.content)

    def note(self, said: str) -> None:
        """Take what is written and not shown."""
        self.drawn.unseen[said] = None

    def _take(self, content: bytes, *, is_shown: bool = False) -> None:
        if not (is_shown or measured(content) or is_svg(content)):
            return  # a font, a style sheet
        if content and len(self.drawn.pictures) < _MOST_PICTURES:
            self.drawn.pictures.append(content)
        else:
            self.drawn.is_whole = False
