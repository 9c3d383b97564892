"""Text and Markdown: decoding, and the headings, lists and tables that Markdown's own signs tell."""

import re

from .blocks import Output, Page, Unreadable

_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
_ITEM = re.compile(r"^\s*(?:[-*+•]|\d{1,3}[.)])\s+(.*)$")
_FENCE = re.compile(r"^\s*(```|~~~)")
_RULE = re.compile(r"^\s*\|?[\s:|-]+\|?\s*$")
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_MOSTLY_BINARY = 0.02


def decode(content: bytes) -> str:
    """Return the text: by its byte-order mark, as UTF-8, or as Windows-1252. Raises Unreadable for binary bytes."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    sample = content[:65536]
    controls = sum(byte < 9 or 13 < byte < 32 for byte in sample)  # noqa: PLR2004 - ASCII controls but tab, line ends
    if controls > len(sample) * _MOSTLY_BINARY:
        raise Unreadable("unsupported")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def read(content: bytes, kind: str) -> Output:
    """Return paragraphs; for Markdown also headings, list items, code and table rows."""
    output, page = Output(), Page(None)
    output.pages.append(page)
    text = decode(content)
    if kind == "markdown":
        _markdown(text, output, page)
        return output
    for paragraph in re.split(r"\n\s*\n", text.replace("\r\n", "\n").replace("\r", "\n")):
        output.add(page, "paragraph", paragraph)
    return output


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
