"""Reads a document as the house does, and says what of it is seen, hidden and missed."""

import pytest

from appliance.knowledge.parsed import Block, Parsed
from appliance.knowledge.parsing import Limits, parse
from appliance.knowledge.unreadable import UnreadableDocument


def reads(content: bytes, name: str = "a.bin", limits: Limits | None = None) -> Parsed:
    return parse(content, file_name=name, limits=limits or Limits())


def code(content: bytes) -> str:
    """Return why it cannot be read."""
    with pytest.raises(UnreadableDocument) as caught:
        reads(content)
    return caught.value.code


def blocks(parsed: Parsed) -> list[Block]:
    return [block for page in parsed.pages for block in page.blocks]


def seen(parsed: Parsed) -> list[str]:
    return [block.text for block in blocks(parsed) if not block.hidden]


def unseen(parsed: Parsed, why: str) -> list[str]:
    return [block.text for block in blocks(parsed) if block.hidden == why]


def hidden(parsed: Parsed) -> str:
    """Return all that a reader would not see, whatever hides it."""
    return "\n".join(block.text for block in blocks(parsed) if block.hidden)


def missed(parsed: Parsed) -> list[tuple[str, str]]:
    return [(part.name, part.code) for part in parsed.unread]


def headings(parsed: Parsed) -> list[tuple[int, str]]:
    return [(one.level, one.text) for one in blocks(parsed) if one.kind == "heading" and not one.hidden]
