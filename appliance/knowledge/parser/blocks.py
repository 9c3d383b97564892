"""What a parser hands over: pages of blocks, as JSON on standard output."""

import json
import re
import unicodedata
from dataclasses import dataclass, field

CHARACTERS = 20_000_000

HIDDEN = "hidden text"

_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_SPACES = re.compile(r"[ \t\u00a0\u2000-\u200a\u202f\u205f\u3000]+")


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


@dataclass
class Page:
    number: int | None
    blocks: list[Block] = field(default_factory=list)


@dataclass
class Output:
    """A whole document, counted as it grows."""

    title: str | None = None
    pages: list[Page] = field(default_factory=list)
    characters: int = 0
    warnings: list[str] = field(default_factory=list)

    def add(self, page: Page, kind: str, text: str, *, level: int = 0, hidden: str | None = None) -> None:
        """Append a block unless it is empty. Raises Unreadable past the limit of characters."""
        text = clean(text, keeps_indent=kind == "code")
        if not text:
            return
        self.characters += len(text)
        if self.characters > CHARACTERS:
            raise Unreadable("too_much_text")
        page.blocks.append(Block(kind, text, level, hidden))

    def warn(self, code: str) -> None:
        """Note, once, that something of the document was not read; codes are those of `knowledge.unreadable.WARNINGS`."""
        if code not in self.warnings:
            self.warnings.append(code)

    def as_json(self, layers: tuple[str, ...]) -> str:
        """Return the output in the form that `knowledge.parsing` reads."""
        if not any(not block.hidden for page in self.pages for block in page.blocks):
            raise Unreadable("no_text")
        if any(block.hidden == HIDDEN for page in self.pages for block in page.blocks):
            self.warn("hidden_text")
        answer = {
            "title": clean(self.title or "")[:300],
            "pages": [{"number": page.number, "blocks": [vars(block) for block in page.blocks]} for page in self.pages],
            "warnings": self.warnings,
            "confinement": layers,
        }
        return json.dumps(answer, ensure_ascii=False)


def clean(text: str, *, keeps_indent: bool = False) -> str:
    """Normalise (NFC), drop control characters that Postgres refuses, and fold spaces."""
    text = unicodedata.normalize("NFC", _CONTROLS.sub("", text))
    if keeps_indent:
        return "\n".join(line.rstrip().expandtabs(4) for line in text.splitlines()).strip("\n")
    return "\n".join(_SPACES.sub(" ", line).strip() for line in text.splitlines()).strip()
