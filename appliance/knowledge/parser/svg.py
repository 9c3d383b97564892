"""SVG: the texts in a drawing, and the pictures that stand in it. What is drawn as outlines is not read."""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from .markup import local, parse
from .transfer import from_base64

_BEGINS = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml.{0,200}?\?>\s*)?(?:<!--.{0,2000}?-->\s*|<!DOCTYPE[^>\[]{0,300}>\s*)*<(?:\w+:)?svg\b",
    re.DOTALL,
)
_DOCTYPE = re.compile(rb"<!DOCTYPE[^>\[]{0,300}>")  # without declarations of its own, as programs wrote it for years
_PICTURE = re.compile(r"data:image/[\w.+-]{1,60}(?:;[\w=.-]+)*?;base64,([A-Za-z0-9+/=\s%]+)")
_MOST_PICTURES = 100
_SHOWN = frozenset({"image", "feImage"})
_SPOKEN = frozenset({"text", "title", "desc", "foreignObject"})


@dataclass
class Drawn:
    """What a drawing says, a line for each of its texts, and the pictures in it."""

    lines: list[str] = field(default_factory=list)
    pictures: list[bytes] = field(default_factory=list)
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
        if name in _SHOWN:
            _take(drawn, [value.strip() for key, value in attributes.items() if local(key) == "href"])

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

    parse(_DOCTYPE.sub(b"", content, count=1), start, end, text)
    return drawn


def _take(drawn: Drawn, references: list[str]) -> None:
    for reference in references:
        if reference[:5].lower() != "data:":
            continue
        embedded = _PICTURE.fullmatch(reference)
        if embedded and len(drawn.pictures) < _MOST_PICTURES:
            drawn.pictures.append(from_base64(unquote(embedded[1]).encode("ascii", "replace")))
        else:
            drawn.is_whole = False
