"""Why a document could not be read: a closed list of codes, each with its reason and its remedy.

A document that gives no text is never "ready" and never "clean".
"""

REASONS: dict[str, str] = {
    "bomb": "The file unpacks to far more than it should. Save it again from the program that wrote it.",
    "damaged": "The file is damaged or incomplete. Open it in its own program, save it again and upload the copy.",
    "document_type": "The file declares its own XML entities, which is a known attack. Save it again from Word.",
    "encrypted": "The file is protected by a password. Remove the password and upload the copy.",
    "interrupted": "Reading was interrupted several times. Try again; if it stays, tell the operator.",
    "memory_limit": "Reading the file needs more memory than is allowed. Split it and upload the parts.",
    "needs_ocr": "The file is a scan, and text recognition (OCR) is not installed here. Ask the operator to run `apt-get install tesseract-ocr`, then try again.",
    "no_text": "The file holds no text that can be read, neither by itself nor by text recognition (OCR). Upload a better scan.",
    "not_confined": "This host cannot confine the parser, so nothing is read. Ask the operator to run `appliance doctor`.",
    "time_limit": "Reading the file takes longer than is allowed. Split it and upload the parts.",
    "too_large_picture": "The picture has more than 100 million points. Save it smaller and upload the copy.",
    "too_deep": "The file is nested too deeply. Save it again from the program that wrote it.",
    "too_many_passages": "The file falls into more than 50,000 passages. Split it and upload the parts.",
    "too_many_pages": "The file has more than 5,000 pages. Split it and upload the parts.",
    "too_much_text": "The file holds more than 20 million characters. Split it and upload the parts.",
    "unsupported": "This kind of file is not supported. Upload a PDF, DOCX, HTML, Markdown or text file, or a picture.",
}

WARNINGS: dict[str, str] = {
    "comments": "Its comments were not made searchable. They were checked.",
    "embedded_files": "It contains other files, which were not read. Upload them one by one.",
    "hidden_text": "It contains text that a reader would not see. That text is not searchable.",
    "macros": "It contains a program (macros), which was neither run nor read.",
    "needs_ocr": "Some of its pages are scans and were left out: text recognition (OCR) is not installed. Ask the operator to run `apt-get install tesseract-ocr`.",
    "ocr_stopped": "Some of its scanned pages were left out: recognising them takes longer than is allowed. Split it and upload the parts.",
    "pages_without_text": "On some of its pages there is no text, not even by text recognition (OCR).",
    "pages_unreadable": "Some of its pages are damaged and were left out.",
}

HELD = "Found: {found}. Remove it and upload the copy, or let an administrator release the document."


class UnreadableDocument(Exception):
    """The document cannot be read; `code` is a key of REASONS."""

    def __init__(self, code: str) -> None:
        self.code = code if code in REASONS else "damaged"
        super().__init__(self.code)

    @property
    def reason(self) -> str:
        return REASONS[self.code]
