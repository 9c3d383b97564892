"""What a parser hands over: pages of blocks as JSON, then the files and the pictures that were inside, as they are.

The JSON stands behind its length (eight bytes, little-endian). It names the files, then the pictures, and their sizes in
the order in which their bytes follow.
"""

import json
import re
import struct
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

CHARACTERS = 20_000_000
ATTACHED_FILES = 1_000
ATTACHED_BYTES = 100_000_000  # files and pictures together
PICTURES = 500
_NAMED = 200  # parts that are told by name; a file may have a million
_NAME_LENGTH = 200

PICTURE = "picture"  # a block that stands for one, until text recognition has read it
PICTURE_TEXT = "Picture: {text}"
HIDDEN = "hidden text"
ALTERNATIVE = "alternative"
METADATA = "metadata"

_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_SPACES = re.compile(r"[ \t\u00a0\u2000-\u200a\u202f\u205f\u3000]+")


# (offset in the text, length there, pdfium's index of the first character, characters): where a piece stands in a PDF.
Span = tuple[int, int, int, int]
# (offset in the text, length there, left, top, right, bottom) in parts of GRID: where it stands on a picture of the page.
Box = tuple[int, int, int, int, int, int]
GRID = 10_000


class Unreadable(Exception):
    """The document has no readable content for a reason with a stable code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Picture:
    """A picture that stands in the document. `is_large`: of a size that a page or a card has, and a logo seldom."""

    name: str
    kind: str
    content: bytes
    is_large: bool


@dataclass
class Block:
    """One paragraph, heading, list item, table row or picture. `hidden` names why a reader would not see it."""

    kind: str
    text: str
    level: int = 0
    hidden: str | None = None
    spans: Sequence[Span] = ()
    boxes: Sequence[Box] = ()
    picture: int = 0  # of a picture, which one

    def as_json(self) -> dict[str, object]:
        """Return the block without what it has not: most formats know no places."""
        if self.kind == PICTURE:
            return {"kind": self.kind, "picture": self.picture, "hidden": self.hidden}
        answer: dict[str, object] = {"kind": self.kind, "text": self.text, "level": self.level, "hidden": self.hidden}
        if self.spans:
            answer["spans"] = self.spans
        if self.boxes:
            answer["boxes"] = self.boxes
        return answer


@dataclass
class Page:
    number: int | None
    blocks: list[Block] = field(default_factory=list)


@dataclass
class Output:
    """A whole document, counted as it grows.

    `format` is for readers that only find out what it is by reading; `scans` are the pages that only text recognition
    reads, `figures` those with text and pictures on them, and whether one of these may be a document of its own.
    """

    title: str | None = None
    format: str | None = None
    pages: list[Page] = field(default_factory=list)
    characters: int = 0
    warnings: list[str] = field(default_factory=list)
    attached: list[tuple[str, bytes]] = field(default_factory=list)
    attached_bytes: int = 0
    unread: list[tuple[str, str]] = field(default_factory=list)
    scans: list[int] = field(default_factory=list)
    figures: list[tuple[int, bool]] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    numbers: dict[bytes, int] = field(default_factory=dict)  # of the pictures, by what they are

    def add(
        self,
        page: Page,
        kind: str,
        text: str,
        *,
        level: int = 0,
        hidden: str | None = None,
        spans: Sequence[Span] = (),
        boxes: Sequence[Box] = (),
    ) -> None:
        """Append a block unless it is empty. Raises Unreadable past the limit of characters."""
        cleaned = clean(text, keeps_indent=kind == "code")
        if not cleaned:
            return
        self.characters += len(cleaned)
        if self.characters > CHARACTERS:
            raise Unreadable("too_much_text")
        if cleaned != text:  # a place that is not exact is none
            spans, boxes = (), ()
        page.blocks.append(Block(kind, cleaned, level, hidden, spans, boxes))

    def warn(self, code: str) -> None:
        """Note, once, that something of the document was not read; codes are those of `knowledge.unreadable.WARNINGS`."""
        if code not in self.warnings:
            self.warnings.append(code)

    def attach(self, name: str, content: bytes) -> None:
        """Hand over a file that is inside this one: it is parsed in a process of its own, and its text follows."""
        if len(self.attached) >= ATTACHED_FILES or self.attached_bytes + len(content) > ATTACHED_BYTES:
            self.miss(name, "too_many_files")
            return
        self.attached.append((shown(name), content))
        self.attached_bytes += len(content)

    def show(self, page: Page, picture: Picture, *, hidden: str | None = None) -> None:
        """Put a picture on the page. The same one may stand in many places, and is handed over once."""
        if picture.content not in self.numbers:
            is_full = self.attached_bytes + len(picture.content) > ATTACHED_BYTES
            if len(self.pictures) >= PICTURES or is_full:
                if not self.is_full_of_pictures:
                    self.miss("", "too_many_pictures")
                return
            self.numbers[picture.content] = len(self.pictures)
            self.pictures.append(picture)
            self.attached_bytes += len(picture.content)
        page.blocks.append(Block(PICTURE, "", hidden=hidden, picture=self.numbers[picture.content]))

    @property
    def is_full_of_pictures(self) -> bool:
        """Whether no other picture is handed over, so that none needs to be unpacked."""
        return any(code == "too_many_pictures" for _, code in self.unread)

    def add_picture_text(self, page: Page, text: str, *, hidden: str | None = None) -> None:
        """Append what a picture says, marked as such, unless it says nothing."""
        if text.strip():
            self.add(page, "paragraph", PICTURE_TEXT.format(text=text), hidden=hidden)

    def miss(self, name: str, code: str) -> None:
        """Note that a part was not read; codes are those of `knowledge.unreadable.REASONS`, "" is the file itself."""
        if len(self.unread) < _NAMED:
            self.unread.append((shown(name) if name else "", code))
        elif len(self.unread) == _NAMED:
            self.unread.append(("", "more_unread"))

    def take(self, page: Page, other: "Output", *, hidden: str | None = None, is_lowered: bool = False) -> None:
        """Add to a page what another reader found, and hand on its files, what it missed and its warnings."""
        for block in (block for one in other.pages for block in one.blocks):
            if block.kind == PICTURE:
                self.show(page, other.pictures[block.picture], hidden=block.hidden or hidden)
                continue
            level = min(9, block.level + 1) if is_lowered and block.kind == "heading" else block.level
            self.add(page, block.kind, block.text, level=level, hidden=block.hidden or hidden)
        for name, content in other.attached:
            self.attach(name, content)
        for name, code in other.unread:
            self.miss(name, code)
        for code in other.warnings:
            self.warn(code)

    def as_bytes(self, layers: tuple[str, ...]) -> bytes:
        """Return the output in the form that `knowledge.parsing` reads."""
        if not (any(page.blocks for page in self.pages) or self.attached or self.unread or self.scans):
            raise Unreadable("no_text")
        if any(block.hidden == HIDDEN for page in self.pages for block in page.blocks):
            self.warn("hidden_text")
        answer: dict[str, object] = {
            "format": self.format,
            "title": clean(self.title or "")[:300],
            "pages": [
                {"number": page.number, "blocks": [block.as_json() for block in page.blocks]} for page in self.pages
            ],
            "warnings": self.warnings,
            "scans": self.scans,
            "figures": self.figures,
            "attached": [{"name": name, "size": len(content)} for name, content in self.attached],
            "pictures": [
                {"name": shown(one.name), "kind": one.kind, "size": len(one.content), "is_large": one.is_large}
                for one in self.pictures
            ],
            "unread": [{"name": name, "code": code} for name, code in self.unread],
            "confinement": layers,
        }
        files = (content for _, content in self.attached)
        return framed(answer, *files, *(picture.content for picture in self.pictures))


def framed(answer: dict[str, object], *files: bytes) -> bytes:
    """Return an answer behind its length, and the files after it."""
    said = json.dumps(answer, ensure_ascii=False).encode()
    return b"".join((struct.pack("<Q", len(said)), said, *files))


def shown(name: str) -> str:
    """Return a name from inside a file as it may be shown: it is never a path to anything, and turns no text around."""
    signs = "".join(sign for sign in name if unicodedata.category(sign) not in {"Cc", "Cf", "Cs", "Co", "Cn"})
    steps = PurePosixPath(re.sub(r"^[A-Za-z]:", "", signs.replace("\\", "/"))).parts
    kept = "/".join(step.strip() for step in steps if step.strip("/. "))
    if len(kept) > _NAME_LENGTH:
        kept = "…" + kept[1 - _NAME_LENGTH :]
    return clean(kept) or "?"


def clean(text: str, *, keeps_indent: bool = False) -> str:
    """Normalise (NFC), drop control characters that Postgres refuses, and fold spaces."""
    text = unicodedata.normalize("NFC", _CONTROLS.sub("", text))
    if keeps_indent:
        return "\n".join(line.rstrip().expandtabs(4) for line in text.splitlines()).strip("\n")
    return "\n".join(_SPACES.sub(" ", line).strip() for line in text.splitlines()).strip()
