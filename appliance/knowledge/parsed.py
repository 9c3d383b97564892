"""A document's text as a parser tells it, and the checks by which a stranger's word becomes it.

Not trusted: the answer. What is not of the shape and within the bounds that any document has raises ValueError,
TypeError, KeyError or OverflowError, and nothing of it is taken.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from appliance.knowledge.formats import MEDIA_TYPES, Format
from appliance.knowledge.places import GRID
from appliance.knowledge.unreadable import GAPS, REASONS, WARNINGS, Unread

Kind = Literal["heading", "paragraph", "list_item", "table_row", "code"]
_KINDS = frozenset({"heading", "paragraph", "list_item", "table_row", "code"})
CONFINEMENT_LAYERS = frozenset({"namespaces", "landlock", "seccomp"})
MOST_BLOCKS = 1_000_000
MOST_UNREAD = 500
_MOST_PAGES = 5_000
_MOST_PLACES = 100_000_000  # the greatest index of a character
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_DEEPEST_HEADING = 9


@dataclass(frozen=True)
class Block:
    """A piece of text. `hidden` says why no reader sees it; `spans` and `boxes` where its characters stand (`places`)."""

    kind: Kind
    text: str
    level: int
    hidden: str | None
    spans: tuple[tuple[int, ...], ...] = ()
    boxes: tuple[tuple[int, ...], ...] = ()

    def lowered(self) -> "Block":
        """Return it as it stands under one heading more."""
        return replace(self, level=min(self.level + 1, _DEEPEST_HEADING)) if self.kind == "heading" else self


@dataclass(frozen=True)
class Page:
    """What stands on a page, or in a part that has no number."""

    number: int | None
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Parsed:
    """A document's text. `warnings` (keys of WARNINGS) and `unread` tell what is missing; `confinement` which layers held."""

    media_type: str
    title: str
    pages: tuple[Page, ...]
    warnings: tuple[str, ...] = ()
    unread: tuple[Unread, ...] = ()
    confinement: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether everything in it that may hold text was read, and so checked."""
        return not self.unread and not GAPS.intersection(self.warnings)

    @property
    def has_text(self) -> bool:
        """Whether a reader would see any of it."""
        return any(not block.hidden for page in self.pages for block in page.blocks)


def checked(answer: dict[str, Any], kind: Format, name: str) -> Parsed:
    """Return what a parser said of a file of this kind; `name` is its title if it has none."""
    if sum(len(page["blocks"]) for page in answer["pages"]) > MOST_BLOCKS:
        raise ValueError("more blocks than any document has")
    return Parsed(
        media_type=MEDIA_TYPES[Format(answer["format"] or kind)],
        title=clean_text(answer["title"])[:300] or name,
        pages=tuple(_page(page) for page in answer["pages"]),
        warnings=tuple(code for code in WARNINGS if code in answer["warnings"]),
        unread=tuple(_missed(part) for part in answer["unread"][:MOST_UNREAD]),
        confinement=tuple(layer for layer in answer["confinement"] if layer in CONFINEMENT_LAYERS),
    )


def _page(page: dict[str, Any]) -> Page:
    number = None if page["number"] is None else page_number(page["number"])
    return Page(number, tuple(_block(block) for block in page["blocks"]))


def _block(block: dict[str, Any]) -> Block:
    if block["kind"] not in _KINDS:
        raise ValueError("not a block")
    hidden = None if block["hidden"] is None else clean_text(block["hidden"])[:80]
    text = clean_text(block["text"])
    spans = _places(block.get("spans", ()), text, size=4, most=_MOST_PLACES)
    boxes = _places(block.get("boxes", ()), text, size=6, most=GRID)
    return Block(block["kind"], text, _bounded(block["level"], most=_DEEPEST_HEADING), hidden, spans, boxes)


def _places(given: Sequence[Sequence[int]], text: str, *, size: int, most: int) -> tuple[tuple[int, ...], ...]:
    """Return places in the order of the text. Raises ValueError for what lies outside of it, or is no place."""
    ends = 0
    places = []
    for offset, length, *rest in given:
        if _bounded(offset, most=len(text)) < ends or len(rest) != size - 2:
            raise ValueError("not a place in the text")
        ends = offset + _bounded(length, most=len(text) - offset)
        places.append((offset, length, *(_bounded(number, most=most) for number in rest)))
    return tuple(places)


def _missed(part: dict[str, Any]) -> Unread:
    if part["code"] not in REASONS:
        raise ValueError("not a reason")
    return Unread(clean_text(part["name"])[:200], part["code"])


def clean_text(value: object) -> str:
    """Return a text that the database takes. Raises ValueError."""
    # The parser cleans its text; one that was taken over does not, and the database would refuse these signs.
    if not isinstance(value, str) or _NOT_TEXT.search(value):
        raise ValueError("not clean text")
    return value


def page_number(value: object) -> int:
    """Return the number of a page. Raises ValueError."""
    return _bounded(value, most=_MOST_PAGES)


def _bounded(value: object, *, most: int) -> int:
    if not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError("not a number of this range")
    return value


def title_of(file_name: str) -> str:
    """Return what a file is called by that says no title."""
    return _NOT_TEXT.sub("", Path(file_name).stem.replace("_", " "))[:300] or "Document"
