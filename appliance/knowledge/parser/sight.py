"""Would a reader see this line of a PDF? Asked of the rendered page, and only for lines that look suspicious.

A line is suspicious when its letters are pale, transparent, invisible, tiny or off the page. It is seen when the
rendered page shows contrast where it stands: so white letters on a dark heading are seen, white on white are not,
and the invisible layer that text recognition puts behind a scan counts as seen, because the scan shows there.
"""

import ctypes
import math
from dataclasses import dataclass

import pypdfium2 as pdfium
from pypdfium2 import raw

_PALE, _FAINT, _TINY = 190, 64, 2.0  # of 255, of 255, points
_CONTRAST = 28
_RENDERED_PAGES = 200  # rendering a scan costs about 50 ms, and a document may have thousands
_UNICODE = 0xFFFFF
_SCALE = 1.5
_INVISIBLE = {3, 7}  # text render modes of ISO 32000-1, 9.3.6: neither fill nor stroke


def type_size(text: pdfium.PdfTextPage, place: int) -> float:
    """Return the size of a character in points. The nominal size alone says little: many programs write 1 and scale."""
    matrix = raw.FS_MATRIX()
    nominal = float(raw.FPDFText_GetFontSize(text, place))
    return nominal * math.hypot(matrix.c, matrix.d) if raw.FPDFText_GetMatrix(text, place, matrix) else nominal


@dataclass
class Budget:
    """How many pages of this document may still be rendered."""

    pages: int = _RENDERED_PAGES


@dataclass(frozen=True)
class _Shot:
    pixels: bytes
    width: int
    height: int
    stride: int


class Eye:
    """Looks at one page. The page is rendered when the first suspicious line asks."""

    def __init__(self, page: pdfium.PdfPage, text: pdfium.PdfTextPage, budget: Budget) -> None:
        self._page, self._text, self._budget = page, text, budget
        self._shot: _Shot | None = None
        left, bottom, right, top = page.get_cropbox()
        self._frame = (left, bottom, right, top)

    def sees(self, start: int, end: int) -> bool:
        """Return whether the characters start to end are seen; three of them are asked."""
        places = sorted({start, (start + end) // 2, end - 1})
        doubts = [self._doubt(place) for place in places]
        if not any(doubts):
            return True
        if "outside" in doubts:
            return False
        if self._shot is None and self._budget.pages <= 0:
            # Unchecked: an invisible layer is nearly always text recognition, pale letters without proof stay hidden.
            return all(doubt in {"", "invisible"} for doubt in doubts)
        return self._contrast(start, end) >= _CONTRAST

    def _doubt(self, place: int) -> str:
        box = self._box(place)
        if box is None:
            return ""
        left, bottom, right, top = box
        if right < self._frame[0] or left > self._frame[2] or top < self._frame[1] or bottom > self._frame[3]:
            return "outside"
        object_ = raw.FPDFText_GetTextObject(self._text, place)
        sign = chr(raw.FPDFText_GetUnicode(self._text, place) & _UNICODE)
        if not object_ or sign.isspace() or not sign.isprintable():
            return ""  # a space or line end, perhaps one that pdfium added: nothing to see
        if raw.FPDFTextObj_GetTextRenderMode(object_) in _INVISIBLE:
            return "invisible"
        red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
        if not raw.FPDFText_GetFillColor(self._text, place, red, green, blue, alpha):
            return ""
        if alpha.value < _FAINT or min(red.value, green.value, blue.value) > _PALE:
            return "pale"
        return "tiny" if 0 < type_size(self._text, place) < _TINY and top - bottom < _TINY else ""

    def _box(self, place: int) -> tuple[float, float, float, float] | None:
        left, right, bottom, top = (ctypes.c_double() for _ in range(4))
        if not raw.FPDFText_GetCharBox(self._text, place, left, right, bottom, top):
            return None
        return left.value, bottom.value, right.value, top.value

    def _contrast(self, start: int, end: int) -> int:
        boxes = [box for place in range(start, min(end, start + 400)) if (box := self._box(place))]
        if not boxes:
            return 255
        shot = self._shot = self._shot or self._render()
        if max(box[3] - box[1] for box in boxes) < _TINY / 2:
            return 0
        corners = [self._pixel(shot, box[i], box[j]) for box in boxes for i, j in ((0, 1), (2, 3))]
        left, right = max(0, min(x for x, _ in corners)), min(shot.width, max(x for x, _ in corners) + 1)
        top, bottom = max(0, min(y for _, y in corners)), min(shot.height, max(y for _, y in corners) + 1)
        rows = [shot.pixels[y * shot.stride + left : y * shot.stride + right] for y in range(top, bottom)]
        seen = b"".join(rows)
        return max(seen) - min(seen) if seen else 0

    def _pixel(self, shot: _Shot, x: float, y: float) -> tuple[int, int]:
        across, down = ctypes.c_int(), ctypes.c_int()
        raw.FPDF_PageToDevice(self._page, 0, 0, shot.width, shot.height, 0, x, y, across, down)
        return across.value, down.value

    def _render(self) -> _Shot:
        self._budget.pages -= 1
        width, height = self._page.get_size()
        # A page may claim to be as large as a house.
        scale = min(_SCALE, 2_000 / max(width, height, 1))
        bitmap = self._page.render(scale=scale, grayscale=True, draw_annots=False, may_draw_forms=False)
        shot = _Shot(bytes(bitmap.buffer), bitmap.width, bitmap.height, bitmap.stride)
        bitmap.close()
        return shot
