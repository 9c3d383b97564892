"""What stands on a PDF's pages without being part of them: form fields, notes and comments; and the files in it.

A field's value and a text that is drawn on the page are read there. Comments come last, under a heading of their own.
What is set not to be shown is hidden, as is a password.
"""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass

import pypdfium2 as pdfium
from pypdfium2 import raw

from .blocks import GRID, HIDDEN, Box, Output, Page

_ATTACHMENT_BYTES = 100_000_000
_MOST = 20_000  # annotations of a document
_TEXT_BYTES = 2_000_000
_UNSEEN = raw.FPDF_ANNOT_FLAG_HIDDEN | raw.FPDF_ANNOT_FLAG_NOVIEW
_PASSWORD = 1 << 13  # ISO 32000-1, table 228
_FIELDS_WITH_TEXT = {raw.FPDF_FORMFIELD_TEXTFIELD, raw.FPDF_FORMFIELD_COMBOBOX, raw.FPDF_FORMFIELD_LISTBOX}
_TICKS = {raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON}
_NO_COMMENTS = {raw.FPDF_ANNOT_WIDGET, raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP, raw.FPDF_ANNOT_FREETEXT}


@dataclass(frozen=True)
class _Note:
    text: str
    is_comment: bool
    is_hidden: bool
    box: tuple[int, int, int, int]


def read_attachments(document: pdfium.PdfDocument, output: Output) -> None:
    """Hand over the files that the document carries."""
    for number in range(raw.FPDFDoc_GetAttachmentCount(document)):
        _hand_over(raw.FPDFDoc_GetAttachment(document, number), output)


def _hand_over(attachment: raw.FPDF_ATTACHMENT, output: Output) -> None:
    size = ctypes.c_ulong()
    name = (_string(raw.FPDFAttachment_GetName, attachment) if attachment else "") or "attachment"
    if not attachment or not raw.FPDFAttachment_GetFile(attachment, None, 0, size):
        output.miss(name, "damaged")
        return
    if size.value > _ATTACHMENT_BYTES:
        output.miss(name, "too_many_files")
        return
    content = ctypes.create_string_buffer(max(size.value, 1))
    raw.FPDFAttachment_GetFile(attachment, content, size.value, size)
    output.attach(name, content.raw[: size.value])


def read_annotations(document: pdfium.PdfDocument, output: Output) -> None:
    """Add to each page what its fields and notes say, and at the end the comments of all pages."""
    form = None
    if document.get_formtype() != raw.FORMTYPE_NONE:
        document.init_forms()
        form = document.formenv
    comments: list[tuple[int, _Note]] = []
    left = _MOST
    for page in list(output.pages):
        if page.number is None or left <= 0:
            continue
        notes = list(_notes(document, page.number, form, output))
        left -= len(notes)
        comments += [(page.number, note) for note in notes if note.is_comment]
        for note in notes:
            if not note.is_comment:
                _add(output, page, note, "list_item")
    if comments:
        _add_comments(output, comments)


def _add_comments(output: Output, comments: list[tuple[int, _Note]]) -> None:
    heading = Page(comments[0][0])
    output.add(heading, "heading", "Comments", level=1)
    output.pages.append(heading)
    for number, note in comments:
        page = Page(number)
        _add(output, page, note, "list_item")
        output.pages.append(page)


def _add(output: Output, page: Page, note: _Note, kind: str) -> None:
    hidden = HIDDEN if note.is_hidden else None
    boxes: list[Box] = [(0, len(note.text), *note.box)]
    output.add(page, kind, note.text, hidden=hidden, boxes=boxes)


def _notes(
    document: pdfium.PdfDocument, number: int, form: pdfium.PdfFormEnv | None, output: Output
) -> Iterator[_Note]:
    try:
        page = document[number - 1]
    except pdfium.PdfiumError:
        return
    for index in range(min(raw.FPDFPage_GetAnnotCount(page), _MOST)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        if raw.FPDFAnnot_GetSubtype(annotation) == raw.FPDF_ANNOT_FILEATTACHMENT:
            _hand_over(raw.FPDFAnnot_GetFileAttachment(annotation), output)
        if text := _text(annotation, form):
            yield _Note(
                text,
                raw.FPDFAnnot_GetSubtype(annotation) not in _NO_COMMENTS,
                bool(raw.FPDFAnnot_GetFlags(annotation) & _UNSEEN) or _is_password(annotation, form),
                _box(page, annotation),
            )
        raw.FPDFPage_CloseAnnot(annotation)
    page.close()


def _text(annotation: raw.FPDF_ANNOTATION, form: pdfium.PdfFormEnv | None) -> str:
    kind = raw.FPDFAnnot_GetSubtype(annotation)
    if kind == raw.FPDF_ANNOT_WIDGET:
        return _field(annotation, form) if form else ""
    if kind in {raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP}:
        return ""
    said = _value(annotation, b"Contents")
    author = _value(annotation, b"T")
    return f"{author}: {said}" if said and author and kind != raw.FPDF_ANNOT_FREETEXT else said


def _field(annotation: raw.FPDF_ANNOTATION, form: pdfium.PdfFormEnv) -> str:
    kind = raw.FPDFAnnot_GetFormFieldType(form, annotation)
    name = _string(raw.FPDFAnnot_GetFormFieldAlternateName, form, annotation)
    name = name or _string(raw.FPDFAnnot_GetFormFieldName, form, annotation)
    if kind in _TICKS:
        value = _string(raw.FPDFAnnot_GetFormFieldExportValue, form, annotation)
        return f"{name}: {value or 'Yes'}" if raw.FPDFAnnot_IsChecked(form, annotation) else ""
    if kind not in _FIELDS_WITH_TEXT:
        return ""
    value = _string(raw.FPDFAnnot_GetFormFieldValue, form, annotation)
    return _one_line(f"{name}: {value}" if name and value else value)


def _is_password(annotation: raw.FPDF_ANNOTATION, form: pdfium.PdfFormEnv | None) -> bool:
    if form is None or raw.FPDFAnnot_GetSubtype(annotation) != raw.FPDF_ANNOT_WIDGET:
        return False
    is_text = raw.FPDFAnnot_GetFormFieldType(form, annotation) == raw.FPDF_FORMFIELD_TEXTFIELD
    return is_text and bool(raw.FPDFAnnot_GetFormFieldFlags(form, annotation) & _PASSWORD)


def _value(annotation: raw.FPDF_ANNOTATION, key: bytes) -> str:
    return _one_line(_string(raw.FPDFAnnot_GetStringValue, annotation, key))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _string(ask: object, *arguments: object) -> str:
    """Ask pdfium for a text: first for its size, then for itself."""
    size = ask(*arguments, None, 0)  # type: ignore[operator] # pdfium's functions are ctypes
    if not 2 < size <= _TEXT_BYTES:  # noqa: PLR2004 - two bytes are the end of an empty text
        return ""
    buffer = (ctypes.c_ushort * (size // 2 + 1))()
    ask(*arguments, buffer, size)  # type: ignore[operator]
    return bytes(buffer)[:size].decode("utf-16-le", "replace").rstrip("\0")


def _box(page: pdfium.PdfPage, annotation: raw.FPDF_ANNOTATION) -> tuple[int, int, int, int]:
    rectangle = raw.FS_RECTF()
    raw.FPDFAnnot_GetRect(annotation, rectangle)
    return on_grid(page, rectangle.left, rectangle.bottom, rectangle.right, rectangle.top)


def on_grid(page: pdfium.PdfPage, left: float, bottom: float, right: float, top: float) -> tuple[int, int, int, int]:
    """Return a rectangle of page space as (left, top, right, bottom) of the page as it is shown, in parts of GRID."""
    across, down = ctypes.c_int(), ctypes.c_int()
    corners = []
    for x, y in ((left, bottom), (right, top)):
        raw.FPDF_PageToDevice(page, 0, 0, GRID, GRID, 0, x, y, across, down)
        corners.append((min(max(across.value, 0), GRID), min(max(down.value, 0), GRID)))
    (x0, y0), (x1, y1) = corners
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)
