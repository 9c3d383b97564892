"""How a PDF's annotations look: stamps, fields and notes may show other words than they say, and pictures.

pdfium reads what a page draws, so that a second copy of the document has its annotations drawn into its pages.
"""

import pypdfium2 as pdfium
from pypdfium2 import raw

from .blocks import METADATA, Output, Page
from .plates import find_plate

_PAGES = 500  # with annotations, of a document
# What carries sound, film or a body in space.
_MEDIA = frozenset(
    {raw.FPDF_ANNOT_SOUND, raw.FPDF_ANNOT_MOVIE, raw.FPDF_ANNOT_SCREEN, raw.FPDF_ANNOT_THREED, raw.FPDF_ANNOT_RICHMEDIA}
)
_NO_LOOK = frozenset({raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP})


def read_appearances(content: bytes, output: Output) -> None:
    """Check the words that annotations show and do not say; tell what of them cannot be read."""
    document = pdfium.PdfDocument(content)
    left = _PAGES
    for page in list(output.pages):
        if page.number is None or page.number > len(document):
            continue
        kinds = _kinds(document, page.number)
        if kinds & _MEDIA:
            output.miss(f"page {page.number}", "unsupported")
        if not kinds - _NO_LOOK:
            continue
        left -= 1
        if left < 0:
            output.warn("pages_unreadable")
            return
        _read_page(document, page, output)


def _kinds(document: pdfium.PdfDocument, number: int) -> set[int]:
    found: set[int] = set()
    try:
        page = document[number - 1]
    except pdfium.PdfiumError:
        return found  # told where its text is read
    for index in range(max(raw.FPDFPage_GetAnnotCount(page), 0)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        if annotation:
            found.add(raw.FPDFAnnot_GetSubtype(annotation))
            raw.FPDFPage_CloseAnnot(annotation)
    page.close()
    return found


def _read_page(document: pdfium.PdfDocument, target: Page, output: Output) -> None:
    number = target.number or 1
    page = document[number - 1]
    before = find_plate(page, None)
    if raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY) != raw.FLATTEN_SUCCESS:
        return
    page.close()
    page = document[number - 1]
    known = {word for block in target.blocks for word in block.text.split()}
    shown = page.get_textpage().get_text_range()
    said = [line for line in shown.splitlines() if not known.issuperset(line.split())]
    output.add(target, "paragraph", "\n".join(said), hidden=METADATA)
    after = find_plate(page, None)
    if after and not (before and after.digests <= before.digests):
        output.miss(f"page {number}", "picture_format")
    page.close()
