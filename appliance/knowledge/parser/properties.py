"""What a document says of itself: checked, not searched. Its title is taken where the text has none."""

from .blocks import METADATA, Output, Page
from .markup import tree
from .parts import Parts

_NO_TITLES = frozenset({"powerpoint presentation", "powerpoint-präsentation", "document", "untitled"})
_OF_THE_PROGRAM = frozenset({"Manager", "Company", "HyperlinkBase"})
_COUNTS = frozenset({"created", "modified", "revision", "creation-date", "date", "editing-cycles", "editing-duration"})


def write(parts: Parts, output: Output, page: Page) -> None:
    """Add the properties of an OOXML package."""
    for name in ("docProps/core.xml", "docProps/app.xml", "docProps/custom.xml"):
        part = parts.find(name)
        if part is not None:
            write_part(part, output, page, takes_title=name == "docProps/core.xml")


def write_part(part: bytes, output: Output, page: Page, *, takes_title: bool = True) -> None:
    """Add the properties that are written as elements with text."""
    said = []
    root = tree(part)
    holders = list(root.all("meta")) or [root]
    for node in (node for holder in holders for node in holder.below):
        text = " ".join(node.text().split())
        if node.name == "title" and takes_title:
            offer_title(output, text)
        if not takes_title and node.name not in _OF_THE_PROGRAM | {"property"}:
            continue  # what the program says of itself
        if text and node.name not in _COUNTS and not text.isdigit():
            name = node.attributes.get("name", node.name)
            said.append(f"{name}: {text}")
    output.add(page, "paragraph", "\n".join(said), hidden=METADATA)


def offer_title(output: Output, title: str) -> None:
    """Take a title unless the document's text gave one, or it is one that a program makes up."""
    title = title.strip()
    if title and title.lower() not in _NO_TITLES and not title.startswith("Microsoft Word - "):
        output.title = output.title or title
