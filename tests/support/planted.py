"""A word planted where no reader looks, and whether it was found or told as unread."""

from types import ModuleType

from appliance.knowledge.parser.blocks import Output
from appliance.knowledge.parser.encoded import take_files

WORD = "quokkazebra"


def finds(reader: ModuleType, content: bytes, kind: str = "") -> bool:
    """Say whether the reader hands the word over: in a text, seen or hidden, or in a file inside."""
    output = _read(reader, content, kind)
    texts = " ".join(block.text for page in output.pages for block in page.blocks)
    inside = any(WORD.encode() in file for _, file in output.attached)
    return WORD in "".join(texts.split()) or inside


def told(reader: ModuleType, content: bytes, kind: str = "") -> set[str]:
    """Return the codes of what the reader says that it did not read."""
    output = _read(reader, content, kind)
    return {code for _, code in output.unread}


def pictures(reader: ModuleType, content: bytes, kind: str = "") -> list[bytes]:
    """Return the pictures that text recognition is to look at."""
    return [one.content for one in _read(reader, content, kind).pictures]


def _read(reader: ModuleType, content: bytes, kind: str) -> Output:
    return take_files(reader.read(content, kind))
