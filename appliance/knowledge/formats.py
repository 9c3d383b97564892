"""Which kind of document it is, by its bytes. A name is only asked where bytes cannot tell (Markdown, text)."""

import re
from dataclasses import dataclass
from enum import StrEnum

_SNIFF = 4096
_MAIL = re.compile(rb"(?:[A-Za-z-]+: [^\n]*\n(?:[ \t][^\n]*\n)*)*?(?:MIME-Version|Received|Message-I[Dd]): ")


class Format(StrEnum):
    """What the parser reads."""

    BMP = "bmp"
    DOCX = "docx"
    GIF = "gif"
    HTML = "html"
    JPEG = "jpeg"
    MARKDOWN = "markdown"
    PDF = "pdf"
    PNG = "png"
    TEXT = "text"
    TIFF = "tiff"
    WEBP = "webp"


MEDIA_TYPES = {
    Format.DOCX: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    Format.HTML: "text/html",
    Format.MARKDOWN: "text/markdown",
    Format.PDF: "application/pdf",
    Format.TEXT: "text/plain",
    Format.BMP: "image/bmp",
    Format.GIF: "image/gif",
    Format.JPEG: "image/jpeg",
    Format.PNG: "image/png",
    Format.TIFF: "image/tiff",
    Format.WEBP: "image/webp",
}
# Whose pages can be drawn, by media type.
PAGED = {
    MEDIA_TYPES[one]: one
    for one in (Format.PDF, Format.BMP, Format.GIF, Format.JPEG, Format.PNG, Format.TIFF, Format.WEBP)
}
_PICTURES = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), Format.PNG),
    (re.compile(rb"\xff\xd8\xff"), Format.JPEG),
    (re.compile(rb"GIF8[79]a"), Format.GIF),
    (re.compile(rb"II\*\0|MM\0\*"), Format.TIFF),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), Format.WEBP),
    # Two letters alone may begin a text: the reserved fields and the sizes of the known headers follow.
    (re.compile(rb"BM....\0\0\0\0....[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.DOTALL), Format.BMP),
)


@dataclass(frozen=True)
class Recognised:
    """A format, or why there is none."""

    format: Format | None
    code: str = ""


def recognise(content: bytes, file_name: str) -> Recognised:
    """Return the format of the content, or the code of the reason why it cannot be read."""
    head = content[:_SNIFF]
    if not content.strip(b" \t\r\n\0"):
        return Recognised(None, "no_text")
    if b"%PDF-" in head[:1024]:
        return Recognised(Format.PDF)
    for begins, picture in _PICTURES:
        if begins.match(head):
            return Recognised(picture)
    if head.startswith(b"PK"):
        # Whether a word-processing document is inside is for the confined parser to say: a directory of a million
        # entries would fill this process.
        return Recognised(Format.DOCX)
    if head.startswith(b"\xd0\xcf\x11\xe0"):  # compound file: old Office, or an encrypted new one
        is_encrypted = "EncryptedPackage".encode("utf-16-le") in content
        return Recognised(None, "encrypted" if is_encrypted else "unsupported")
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Recognised(None, "unsupported")
    if head.startswith(b"{\\rtf") or (head.lstrip().startswith(b"<?xml") and b"<html" not in head) or _MAIL.match(head):
        return Recognised(None, "unsupported")
    return Recognised(_written(head, file_name.lower()))


def _written(head: bytes, name: str) -> Format:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:512].lower()
    if start.startswith((b"<!doctype html", b"<html")) or b"<html" in start or b"<body" in start:
        return Format.HTML
    if name.endswith((".md", ".markdown")):
        return Format.MARKDOWN
    if name.endswith((".html", ".htm", ".xhtml")):
        return Format.HTML
    return Format.TEXT
