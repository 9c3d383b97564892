"""What is written in signs: found out from the decoded text, since the first bytes of UTF-16 tell nothing."""

import re

from . import html, records, separated, xml
from .blocks import Output, Page
from .charsets import decode
from .plain import paragraphs

_PAGE = re.compile(r"\s*(?:<!--.*?-->\s*)?<(?:!doctype html|html|body|head|div|p|table)\b", re.IGNORECASE | re.DOTALL)
_XML = re.compile(r"\s*<(?:\?xml\b|[A-Za-z_][\w.:-]*(?:\s+[\w.:-]+\s*=\s*[\"'][^\"'<]*[\"'])*\s*/?>)")
_DATA = re.compile(r"\s*[\[{]")


def read(content: bytes, kind: str) -> Output:
    """Return a text, a table, JSON, XML or a page; `tables` says that by its name it is a table."""
    text = decode(content)
    if _PAGE.match(text):
        return html.read_text(text)
    if _XML.match(text) and (found := xml.read_text(text, is_sure=False)):
        return found
    if _DATA.match(text) and (found := records.read_text(text)):
        return found
    if found := separated.read_text(text, is_sure=kind == "tables"):
        return found
    output, page = Output(format="text"), Page(None)
    output.pages.append(page)
    paragraphs(text, output, page)
    return output
