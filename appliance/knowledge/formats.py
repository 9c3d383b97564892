"""Which kind of document it is, by its bytes. A name is only asked where bytes cannot tell (Markdown, tables, text).

The parent only looks at the first bytes. What a container holds, and what a text is written in, the confined parser
finds out and says; see `parser.package`, `parser.compound` and `parser.written`.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

_SNIFF = 4096
_MAIL = re.compile(
    rb"(?:>?From [^\n]*\n)?(?:[A-Za-z0-9-]+:[^\n]*\n(?:[ \t][^\n]*\n)*)*?"
    rb"(?:MIME-Version|Received|Message-I[Dd]|Delivered-To|Return-Path|X-Mailer|DKIM-Signature): ?"
)
_LETTER = re.compile(
    rb"(?:From [^\n]*\n)?(?:From|To|Cc|Date|Subject):[^\n]*\n(?:[A-Za-z0-9-]+:[^\n]*\n|[ \t][^\n]*\n)*\r?\n"
)
_LETTER_HEADS = (re.compile(rb"(?m)^From:[^\n]*@"), re.compile(rb"(?m)^(?:Subject|Date):"))


class Format(StrEnum):
    """What the parser reads. The first group is what bytes tell, the second what the parser finds inside."""

    BMP = "bmp"
    COMPOUND = "compound"
    GIF = "gif"
    HTML = "html"
    JPEG = "jpeg"
    MAIL = "mail"
    MARKDOWN = "markdown"
    PACKAGE = "package"
    PDF = "pdf"
    PNG = "png"
    RTF = "rtf"
    TABLES = "tables"
    TEXT = "text"
    TIFF = "tiff"
    WEBP = "webp"
    XML = "xml"

    CSV = "csv"
    DOC = "doc"
    DOCX = "docx"
    EPUB = "epub"
    JSON = "json"
    MSG = "msg"
    ODP = "odp"
    ODS = "ods"
    ODT = "odt"
    PPTX = "pptx"
    XLS = "xls"
    XLSB = "xlsb"
    XLSX = "xlsx"
    ZIP = "zip"


MEDIA_TYPES = {
    Format.CSV: "text/csv",
    Format.DOC: "application/msword",
    Format.DOCX: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    Format.EPUB: "application/epub+zip",
    Format.HTML: "text/html",
    Format.JSON: "application/json",
    Format.MAIL: "message/rfc822",
    Format.MARKDOWN: "text/markdown",
    Format.MSG: "application/vnd.ms-outlook",
    Format.ODP: "application/vnd.oasis.opendocument.presentation",
    Format.ODS: "application/vnd.oasis.opendocument.spreadsheet",
    Format.ODT: "application/vnd.oasis.opendocument.text",
    Format.PDF: "application/pdf",
    Format.PPTX: "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    Format.RTF: "application/rtf",
    Format.TEXT: "text/plain",
    Format.BMP: "image/bmp",
    Format.GIF: "image/gif",
    Format.JPEG: "image/jpeg",
    Format.PNG: "image/png",
    Format.TIFF: "image/tiff",
    Format.WEBP: "image/webp",
    Format.XLS: "application/vnd.ms-excel",
    Format.XLSB: "application/vnd.ms-excel.sheet.binary.macroEnabled.12",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.XML: "application/xml",
    Format.ZIP: "application/zip",
}


class Kind(StrEnum):
    """What people call a document, whatever wrote it."""

    ARCHIVE = "archive"
    MAIL = "mail"
    PDF = "pdf"
    PICTURE = "picture"
    PRESENTATION = "presentation"
    TABLE = "table"
    TEXT = "text"
    WEB = "web"


_KINDS = {
    Format.CSV: Kind.TABLE,
    Format.EPUB: Kind.TEXT,
    Format.HTML: Kind.WEB,
    Format.MAIL: Kind.MAIL,
    Format.MSG: Kind.MAIL,
    Format.ODP: Kind.PRESENTATION,
    Format.ODS: Kind.TABLE,
    Format.PDF: Kind.PDF,
    Format.PPTX: Kind.PRESENTATION,
    Format.XLS: Kind.TABLE,
    Format.XLSB: Kind.TABLE,
    Format.XLSX: Kind.TABLE,
    Format.ZIP: Kind.ARCHIVE,
}
PICTURES = frozenset({Format.BMP, Format.GIF, Format.JPEG, Format.PNG, Format.TIFF, Format.WEBP})
# Whose pages can be drawn, by media type.
PAGED = {MEDIA_TYPES[one]: one for one in (Format.PDF, *sorted(PICTURES))}
_TNEF = b"\x78\x9f\x3e\x22"  # winmail.dat ([MS-OXTNEF]), which may look like a text in UTF-16
_PICTURE_HEADS = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), Format.PNG),
    (re.compile(rb"\xff\xd8\xff"), Format.JPEG),
    (re.compile(rb"GIF8[79]a"), Format.GIF),
    (re.compile(rb"II\*\0|MM\0\*"), Format.TIFF),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), Format.WEBP),
    # Two letters alone may begin a text: the reserved fields and the sizes of the known headers follow.
    (re.compile(rb"BM....\0\0\0\0....[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.DOTALL), Format.BMP),
)
# Where these hold no text, they hold nothing: there is no picture in them that might.
WRITTEN = frozenset({Format.HTML, Format.MAIL, Format.MARKDOWN, Format.TABLES, Format.TEXT, Format.XML})


@dataclass(frozen=True)
class Recognised:
    """A format, or why there is none."""

    format: Format | None
    code: str = ""


def media_types(kind: Kind) -> frozenset[str]:
    """Return the media types of a kind; what is none of the others is text."""
    kinds = dict.fromkeys(MEDIA_TYPES, Kind.TEXT) | dict.fromkeys(PICTURES, Kind.PICTURE) | _KINDS
    return frozenset(MEDIA_TYPES[one] for one, found in kinds.items() if found is kind)


def recognise(content: bytes, file_name: str) -> Recognised:
    """Return the format of the content, or the code of the reason why it cannot be read."""
    head = content[:_SNIFF]
    if is_blank(content):
        return Recognised(None, "no_text")
    if head.startswith(_TNEF):
        return Recognised(None, "unsupported")
    if b"%PDF-" in head[:1024]:
        return Recognised(Format.PDF)
    for begins, picture in _PICTURE_HEADS:
        if begins.match(head):
            return Recognised(picture)
    if head.startswith(b"PK"):
        # What is inside is for the confined parser to say: a directory of a million entries would fill this process.
        return Recognised(Format.PACKAGE)
    if head.startswith(b"\xd0\xcf\x11\xe0"):  # old Office, Outlook's messages, and what is encrypted
        return Recognised(Format.COMPOUND)
    if head.startswith(b"{\\rtf"):
        return Recognised(Format.RTF)
    if _MAIL.match(head) or (_LETTER.match(head) and all(sign.search(head) for sign in _LETTER_HEADS)):
        return Recognised(Format.MAIL)
    return Recognised(_written(head, file_name.lower()))


def is_blank(content: bytes) -> bool:
    """Say whether there is nothing but white space."""
    return not content.strip(b" \t\r\n\0")


def _written(head: bytes, name: str) -> Format:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:512].lower()
    if start.startswith(b"<?xml"):
        return Format.HTML if b"<html" in head.lower() else Format.XML
    if start.startswith((b"<!doctype html", b"<html")) or b"<html" in start or b"<body" in start:
        return Format.HTML
    if name.endswith((".md", ".markdown")):
        return Format.MARKDOWN
    if name.endswith((".html", ".htm", ".xhtml")):
        return Format.HTML
    return Format.TABLES if name.endswith((".csv", ".tsv", ".tab")) else Format.TEXT
