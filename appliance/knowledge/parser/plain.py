"""Text and Markdown: the headings, lists and tables that Markdown's own signs tell."""

import re

from .blocks import METADATA, Output, Page
from .charsets import decode

_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
_ITEM = re.compile(r"^\s*(?:[-*+•]|\d{1,3}[.)])\s+(.*)$")
_FENCE = re.compile(r"^\s*(```|~~~)")
_CIPHERTEXT = re.compile(r"^-----BEGIN (?:PGP MESSAGE|PKCS7|CMS)-----\s*$", re.MULTILINE)
_RULE = re.compile(r"^\s*\|?[\s:|-]+\|?\s*$")


def read(content: bytes, _kind: str) -> Output:
    """Return the headings, paragraphs, list items, code and table rows of Markdown."""
    output, page = Output(), Page(None)
    output.pages.append(page)
    text = decode(content)
    note_ciphertext(output, text)
    _markdown(text, output, page)
    return output


def paragraphs(text: str, output: Output, page: Page, *, hidden: str | None = None) -> None:
    """Add the paragraphs of a plain text."""
    note_ciphertext(output, text)
    for paragraph in re.split(r"\n\s*\n", text.replace("\r\n", "\n").replace("\r", "\n")):
        output.add(page, "paragraph", paragraph, hidden=hidden)


def note_ciphertext(output: Output, text: str) -> None:
    """Note that a text is written for others than us."""
    if _CIPHERTEXT.search(text):
        output.miss("", "encrypted")


def _markdown(text: str, output: Output, page: Page) -> None:
    gathered: list[str] = []
    is_code = False

    def flush() -> None:
        kind = "code" if is_code else "paragraph"
        output.add(page, kind, "\n".join(gathered) if is_code else " ".join(line.strip() for line in gathered))
        gathered.clear()

    for line in text.splitlines():
        if _FENCE.match(line):
            flush()
            output.add(page, "paragraph", line.strip("`~ \t"), hidden=METADATA)  # what the code is written in
            is_code = not is_code
        elif is_code:
            gathered.append(line)
        elif heading := _HEADING.match(line):
            flush()
            output.title = output.title or heading[2]
            output.add(page, "heading", heading[2], level=len(heading[1]))
        elif not line.strip() or _RULE.match(line):
            flush()
        elif line.lstrip().startswith("|"):
            flush()
            output.add(page, "table_row", line.strip().strip("|"))
        elif item := _ITEM.match(line):
            flush()
            output.add(page, "list_item", item[1])
        else:
            gathered.append(line)
    flush()
