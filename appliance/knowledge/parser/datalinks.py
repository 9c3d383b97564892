"""Files that stand in a text as letters: `data:` links (RFC 2397), and base64 of which the first bytes tell what it is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from . import svg
from .blocks import METADATA, Output, Page
from .dimensions import measured
from .inlaid import show
from .transfer import from_base64

_LINK = re.compile(r"\s*data:([^,]{0,200}),(.*)", re.IGNORECASE | re.DOTALL)
_LINKS = re.compile(r"data:[^,\s\"'()<>]{0,200},[^\s\"'()]*", re.IGNORECASE)
_KIND = re.compile(r"\s*([a-z]+)/([\w.+-]{1,60})", re.IGNORECASE)
# How base64 begins of PNG, JPEG, GIF, WEBP, TIFF, PDF, ZIP, compound files, RTF and SVG.
_ENCODED = re.compile(
    r"(?<![A-Za-z0-9+/])(?:iVBORw0KGgo|/9j/|R0lGOD|UklGR|SUkqA|TU0AK|JVBERi0|UEsDB|0M8R4KGx|e1xydGY|PHN2Zy)[A-Za-z0-9+/\s]{100,}={0,2}"
)
_FILE = re.compile(rb"PK\x03\x04|%PDF-|\xd0\xcf\x11\xe0|\{\\rtf")
_SMALLEST = 120  # signs: no file is smaller


@dataclass(frozen=True)
class Linked:
    """What a link holds, and what it says that it is: "image", "png"."""

    family: str
    kind: str
    content: bytes

    @property
    def is_picture(self) -> bool:
        return bool(measured(self.content)) or svg.is_svg(self.content)

    @property
    def is_file(self) -> bool:
        """Whether its first bytes say that it is a document or an archive."""
        return bool(_FILE.match(self.content))


def linked(value: str) -> Linked | None:
    """Return what a link holds, or None if it holds nothing itself."""
    match = _LINK.match(value)
    if match is None:
        return None
    content = unquote_to_bytes(match[2].encode("utf-8", "replace"))
    if match[1].lower().rstrip().endswith("base64"):
        content = from_base64(content)
    kind = _KIND.match(match[1])
    return Linked(kind[1].lower() if kind else "text", kind[2] if kind else "plain", content)


def links_in(text: str) -> Iterator[str]:
    """Yield the links that stand in a text, such as a style sheet."""
    return (match[0] for match in _LINKS.finditer(text))


def take_files(output: Output) -> Output:
    """Hand over the files that stand as base64 in a document's texts, whatever its format; return the output."""
    last = output.pages[-1] if output.pages else Page(None)
    texts = [block.text for page in output.pages for block in page.blocks if len(block.text) > _SMALLEST]
    for number, encoded in enumerate((match[0] for text in texts for match in _ENCODED.finditer(text)), start=1):
        content = from_base64(encoded.encode())
        found = Linked("", "", content)
        if found.is_picture:
            show(output, last, f"picture-{number}", content, hidden=METADATA)
        elif found.is_file:
            output.attach(f"file-{number}", content)
    return output
