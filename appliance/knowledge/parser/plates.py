"""Pictures on a PDF's page that has text as well: which part of the page they take, for text recognition to look at.

A page of which text recognition wrote the text (invisible letters, or letters beneath the picture) is not read a second
time, and neither is a picture that an earlier page has.
"""

import ctypes
import os
from dataclasses import dataclass, field
from functools import reduce

import pypdfium2 as pdfium
from pypdfium2 import raw

from .inlaid import is_decoration, may_be_document

# A card at its real size takes 7 % of a sheet of A4; a logo in a letterhead about 2 %.
_LEAST_SHARE = 0.05
_LARGE_SHARE = 0.15
_WHOLE_SHARE = 0.8
_FEW_LETTERS = 20
_ASKED = 400  # letters of a page
_INVISIBLE = {3, 7}  # text render modes of ISO 32000-1, 9.3.6: neither fill nor stroke
_DEPTH = 8
_PICTURE_BYTES = 100_000_000

Rectangle = tuple[float, float, float, float]  # left, bottom, right, top


@dataclass(frozen=True)
class Plate:
    """The part of a page that pictures take. `is_large`: one of them may be a page, a card or a passport."""

    box: Rectangle
    is_large: bool
    digests: frozenset[int]


@dataclass
class _Found:
    box: Rectangle
    points: tuple[int, int]
    item: raw.FPDF_PAGEOBJECT
    texts_before: int


@dataclass
class _Items:
    """What a page draws, as far as it matters here."""

    texts: int = 0
    pictures: list[_Found] = field(default_factory=list)


def find_plate(page: pdfium.PdfPage, text: pdfium.PdfTextPage | None) -> Plate | None:
    """Return where pictures stand on a page with text, or None if there is none that is large enough.

    Without `text` it is not asked whether text recognition was there before.
    """
    items = _Items()
    _look(items, page.raw, raw.FPDFPage_CountObjects, raw.FPDFPage_GetObject, (), 0)
    left, bottom, right, top = page.get_cropbox()
    size = max((right - left) * (top - bottom), 1.0)
    found = []
    for one in items.pictures:
        one.box = (max(one.box[0], left), max(one.box[1], bottom), min(one.box[2], right), min(one.box[3], top))
        if one.box[0] < one.box[2] and one.box[1] < one.box[3] and not is_decoration(*one.points):
            found.append(one)
    share = sum(_area(one.box) for one in found) / size
    if share < _LEAST_SHARE:
        return None
    box = reduce(_joined, (one.box for one in found))
    if text and (_is_beneath(items, found, share) or _is_over(text, box)):
        return None
    is_large = share >= _LARGE_SHARE or any(may_be_document(*one.points) for one in found)
    return Plate(box, is_large, frozenset(_digest(one.item) for one in found))


def _look(
    items: _Items, holder: object, count: object, get: object, matrices: tuple[raw.FS_MATRIX, ...], depth: int
) -> None:
    for number in range(max(count(holder), 0)):  # type: ignore[operator] # pdfium's functions are ctypes
        item = get(holder, number)  # type: ignore[operator]
        kind = raw.FPDFPageObj_GetType(item)
        if kind == raw.FPDF_PAGEOBJ_TEXT:
            items.texts += 1
        elif kind == raw.FPDF_PAGEOBJ_IMAGE:
            width, height = ctypes.c_uint(), ctypes.c_uint()
            raw.FPDFImageObj_GetImagePixelSize(item, width, height)
            items.pictures.append(_Found(_bounds(item, matrices), (width.value, height.value), item, items.texts))
        elif kind == raw.FPDF_PAGEOBJ_FORM and depth < _DEPTH:
            matrix = raw.FS_MATRIX()
            raw.FPDFPageObj_GetMatrix(item, matrix)
            _look(items, item, raw.FPDFFormObj_CountObjects, raw.FPDFFormObj_GetObject, (matrix, *matrices), depth + 1)


def _bounds(item: raw.FPDF_PAGEOBJECT, matrices: tuple[raw.FS_MATRIX, ...]) -> Rectangle:
    edges = [ctypes.c_float() for _ in range(4)]
    if not raw.FPDFPageObj_GetBounds(item, *edges):
        return 0.0, 0.0, 0.0, 0.0
    left, bottom, right, top = (edge.value for edge in edges)
    for one in matrices:  # from the form to the page
        corners = [
            (one.a * x + one.c * y + one.e, one.b * x + one.d * y + one.f) for x in (left, right) for y in (bottom, top)
        ]
        left, right = min(x for x, _ in corners), max(x for x, _ in corners)
        bottom, top = min(y for _, y in corners), max(y for _, y in corners)
    return left, bottom, right, top


def _area(box: Rectangle) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _joined(one: Rectangle, other: Rectangle) -> Rectangle:
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def _is_beneath(items: _Items, found: list[_Found], share: float) -> bool:
    """Say whether the page's letters lie under a picture of the whole page, as some scanning programs put them."""
    return share > _WHOLE_SHARE and items.texts > 0 and min(one.texts_before for one in found) == items.texts


def _is_over(text: pdfium.PdfTextPage, box: Rectangle) -> bool:
    """Say whether invisible letters lie over the picture: the layer that text recognition writes."""
    count = max(text.count_chars(), 0)
    step = max(1, count // _ASKED)
    asked = [place for place in range(0, count, step) if _is_within(text, place, box)]
    unseen = sum(_is_invisible(text, place) for place in asked)
    return len(asked) * step >= _FEW_LETTERS and unseen * 2 > len(asked)


def _is_within(text: pdfium.PdfTextPage, place: int, box: Rectangle) -> bool:
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    if not raw.FPDFText_GetCharBox(text, place, left, right, bottom, top):
        return False
    x, y = (left.value + right.value) / 2, (bottom.value + top.value) / 2
    return left.value < right.value and box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _is_invisible(text: pdfium.PdfTextPage, place: int) -> bool:
    item = raw.FPDFText_GetTextObject(text, place)
    return bool(item) and raw.FPDFTextObj_GetTextRenderMode(item) in _INVISIBLE


def _digest(item: raw.FPDF_PAGEOBJECT) -> int:
    # Python's hash is keyed anew in each process: nobody outside can make two pictures equal by it.
    size = raw.FPDFImageObj_GetImageDataRaw(item, None, 0)
    if not 0 < size <= _PICTURE_BYTES:
        return hash(os.urandom(16))  # like no other
    buffer = ctypes.create_string_buffer(size)
    raw.FPDFImageObj_GetImageDataRaw(item, buffer, size)
    return hash(buffer.raw)
