"""`data:` links (RFC 2397): files that stand in a page or a drawing as letters."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from .transfer import from_base64

_LINK = re.compile(r"\s*data:([^,]{0,200}),(.*)", re.IGNORECASE | re.DOTALL)
_LINKS = re.compile(r"data:[^,\s\"'()<>]{0,200},[^\s\"'()]*", re.IGNORECASE)
_KIND = re.compile(r"\s*([a-z]+)/([\w.+-]{1,60})", re.IGNORECASE)


@dataclass(frozen=True)
class Linked:
    """What a link holds, and what it says that it is: "image", "png"."""

    family: str
    kind: str
    content: bytes


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


def links_in(text: str) -> Iterator[Linked]:
    """Yield what the links hold that stand in a text, such as a style sheet."""
    if "data:" in text.lower():
        yield from filter(None, (linked(match[0]) for match in _LINKS.finditer(text)))
