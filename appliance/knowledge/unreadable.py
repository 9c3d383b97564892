"""Why a document, or a part of it, could not be read: a closed list of codes, each with its reason and its remedy.

A document that gives no text is never "ready" and never "clean". One of which a part was not read is held back until
somebody who may release it does.
"""

from dataclasses import dataclass

REASONS: dict[str, str] = {
    "already_there": "Another document of this collection holds the same file by now. Delete one of the two.",
    "bomb": "The file unpacks to far more than it should. Save it again from the program that wrote it.",
    "damaged": "The file is damaged or incomplete. Open it in its own program, save it again and upload the copy.",
    "document_type": "The file declares its own XML entities, which is a known attack. Save it again without a document type.",
    "encrypted": "The file is protected by a password. Remove the password and upload the copy.",
    "incomplete": "Parts of it could not be read, so nobody has checked them. Upload those parts in a readable form, or let an administrator release what was read.",
    "interrupted": "Reading was interrupted several times. Try again; if it stays, tell the operator.",
    "memory_limit": "Reading the file needs more memory than is allowed. Split it and upload the parts.",
    "more_unread": "More of its parts could not be read than are listed here. Unpack it and upload the parts.",
    "needs_ocr": "The file is a scan, and text recognition (OCR) is not installed here. Ask the operator to run `apt-get install tesseract-ocr`, then try again.",
    "no_text": "The file holds no text that can be read, neither by itself nor by text recognition (OCR). Upload a better scan.",
    "no_words": "The file was looked at whole, and nothing is written in it. There is nothing to search.",
    "not_confined": "This host cannot confine the parser, so nothing is read. Ask the operator to run `appliance doctor`.",
    "nothing_readable": "None of the files inside could be read. Upload them one by one to see why.",
    "picture_format": "A picture in it is of a kind that cannot be read, such as WMF or EMF. Replace it by PNG or JPEG, or save the document as PDF, and upload the copy.",
    "time_limit": "Reading the file takes longer than is allowed. Split it and upload the parts.",
    "too_large_picture": "The picture has more than 100 million points. Save it smaller and upload the copy.",
    "too_deep": "The file is nested too deeply. Save it again from the program that wrote it.",
    "too_many_files": "It holds more than is read of one upload, 1,000 files and 200 MB. Unpack it and upload the parts.",
    "too_many_passages": "The file falls into more than 50,000 passages. Split it and upload the parts.",
    "too_many_pages": "The file has more than 5,000 pages. Split it and upload the parts.",
    "too_many_pictures": "It holds more pictures than are read of one file, 500 and 100 MB. Split it and upload the parts.",
    "too_much_text": "The file holds more than 20 million characters. Split it and upload the parts.",
    "unchecked": "It could not be looked at for what your organisation's policy forbids, so nobody has checked it. Try again; if it stays, tell the operator.",
    "unsupported": "This kind of file is not supported. Save it as PDF, DOCX, XLSX, PPTX, HTML, text or a picture and upload the copy.",
}

# Stored with documents: "comments" and "embedded_files" are what earlier readers said, and stay for what they read.
WARNINGS: dict[str, str] = {
    "comments": "Its comments were not made searchable. They were checked.",
    "embedded_files": "It contains other files, which were not read. Upload them one by one.",
    "hidden_text": "It contains text that a reader would not see. That text is not searchable.",
    "macros": "It contains a program (macros), which was neither run nor read.",
    "needs_ocr": "Some of its pages are scans and were left out: text recognition (OCR) is not installed. Ask the operator to run `apt-get install tesseract-ocr`.",
    "ocr_stopped": "Some of its scanned pages or pictures were left out: recognising them takes longer than is allowed. Split it and upload the parts, or ask the operator to allow more.",
    "pages_without_text": "On some of its pages there is no text, not even by text recognition (OCR).",
    "pages_unreadable": "Some of its pages are damaged and were left out.",
    "pictures_need_ocr": "It contains pictures that are large enough for a page, a card or a passport. They were not read: text recognition (OCR) is not installed. Ask the operator to run `apt-get install tesseract-ocr`, then try again.",
    "small_pictures": "It contains small pictures, as logos are, or pictures of its template. They were not read: text recognition (OCR) is not installed.",
    "removed": "What your organisation's policy has removed was taken out of it before it became searchable. Its report says of what kind it was.",
    "warned": "It holds what your organisation's policy warns of. Its report says of what kind.",
}

# What these tell of may hold text that nobody has checked.
GAPS = frozenset({"embedded_files", "macros", "needs_ocr", "ocr_stopped", "pages_unreadable", "pictures_need_ocr"})

HELD = "Found: {found}. Remove it and upload the copy, or let an administrator release the document."

BLOCKED = "Found: {found}. Your organisation's policy keeps no such file, so it was erased. Remove what was found and upload the copy."
REJECTED = "Whoever reviewed what was found in the file rejected it, so it was erased. Remove what was found and upload the copy."


@dataclass(frozen=True)
class Unread:
    """A part that was not read: the way to it, "outer.zip › inner.docx", and a key of REASONS."""

    name: str
    code: str


class UnreadableDocument(Exception):
    """The document cannot be read; `code` is a key of REASONS, `unread` tells which of its parts are why."""

    def __init__(self, code: str, *, unread: tuple[Unread, ...] = (), cpu_seconds: float = 0.0) -> None:
        self.code = code if code in REASONS else "damaged"
        self.unread, self.cpu_seconds = unread, cpu_seconds
        super().__init__(self.code)

    @property
    def reason(self) -> str:
        return REASONS[self.code]
