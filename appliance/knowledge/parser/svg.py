"""SVG: the texts in a drawing, and the pictures that stand in it. What is drawn as outlines is not read."""

import re
from dataclasses import dataclass, field

from .datalinks import linked, links_in
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
    drawn, words, depth = Drawn(), list[str](), [0]

    def start(full: str, attributes: dict[str, str]) -> None:
        name = local(full)
        if name in _SPOKEN or depth[0]:
            depth[0] += 1
            words.append(" ")
        for key, value in attributes.items():
            if local(key) == "href" and value.strip()[:5].lower() == "data:":
                _take(drawn, [found.content for found in [linked(value)] if found], is_shown=name in _SHOWN)
            else:
                _take(drawn, [found.content for found in links_in(value)])
                if local(key) not in _DRAWN and _WORDED.search(value):
                    drawn.unseen[value] = None

    def end(_full: str) -> None:
        if depth[0]:
            depth[0] -= 1
            if not depth[0] and (line := " ".join("".join(words).split())):
                drawn.lines.append(line)
            if not depth[0]:
                words.clear()

    def text(said: str) -> None:
        if depth[0]:
            words.append(said)
        elif said.strip():
            drawn.unseen[said] = None
            _take(drawn, [found.content for found in links_in(said)])

    parse(_DOCTYPE.sub(b"", content, count=1), start, end, text, aside=lambda said: drawn.unseen.update({said: None}))
    return drawn


def _take(drawn: Drawn, contents: list[bytes], *, is_shown: bool = True) -> None:
    for content in contents:
        if content and len(drawn.pictures) < _MOST_PICTURES:
            drawn.pictures.append(content)
        else:
            drawn.is_whole &= not is_shown
