"""What a parser hands over: pages of blocks, as JSON on standard output."""

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

CHARACTERS = 20_000_000

HIDDEN = "hidden text"

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


@dataclass
class Block:
    """One paragraph, heading, list item or table row. `hidden` names why a reader would not see it."""

    kind: str
    text: str
    level: int = 0
    hidden: str | None = None
    spans: Sequence[Span] = ()
    boxes: Sequence[Box] = ()

    def as_json(self) -> dict[str, object]:
        """Return the block without what it has not: most formats know no places."""
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
    """A whole document, counted as it grows. `scans` are the pages that only text recognition can read."""

    title: str | None = None
    pages: list[Page] = field(default_factory=list)
    characters: int = 0
    warnings: list[str] = field(default_factory=list)
    scans: list[int] = field(default_factory=list)

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

    def attach(self, name: str, content: bytes) -> None:
        """Hand over a file that the document carries."""
        del name, content
        self.warn("embedded_files")

    def warn(self, code: str) -> None:
        """Note, once, that something of the document was not read; codes are those of `knowledge.unreadable.WARNINGS`."""
        if code not in self.warnings:
            self.warnings.append(code)

    def as_json(self, layers: tuple[str, ...]) -> str:
        """Return the output in the form that `knowledge.parsing` reads."""
        if not self.scans and not any(not block.hidden for page in self.pages for block in page.blocks):
            raise Unreadable("no_text")
        if any(block.hidden == HIDDEN for page in self.pages for block in page.blocks):
            self.warn("hidden_text")
        answer = {
            "title": clean(self.title or "")[:300],
            "pages": [
                {"number": page.number, "blocks": [block.as_json() for block in page.blocks]} for page in self.pages
            ],
            "warnings": self.warnings,
            "scans": self.scans,
            "confinement": layers,
        }
        return json.dumps(answer, ensure_ascii=False)


def clean(text: str, *, keeps_indent: bool = False) -> str:
    """Normalise (NFC), drop control characters that Postgres refuses, and fold spaces."""
    text = unicodedata.normalize("NFC", _CONTROLS.sub("", text))
    if keeps_indent:
        return "\n".join(line.rstrip().expandtabs(4) for line in text.splitlines()).strip("\n")
    return "\n".join(_SPACES.sub(" ", line).strip() for line in text.splitlines()).strip()
