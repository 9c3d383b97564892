"""Text recognition (OCR) of pages that are pictures, by Debian's tesseract: its library, never its program.

Library, languages and the orientation data are loaded before confinement, with nothing of the document read yet.
Source: tesseract's capi.h.
"""

import ctypes
import functools
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pypdfium2 as pdfium
from pypdfium2 import raw

from .annotations import on_grid
from .blocks import GRID, PICTURE_TEXT, Box, Output, Page, Unreadable
from .plates import find_plate
from .raster import Raster, load

_DPI, _POINTS = 300, 25_000_000
_SMALL_WIDTH, _SMALL_HEIGHT = 200, 50  # a logo
_COARSE = 2_000_000  # points: type on a screen is too small to be recognised
_WITH_ORIENTATION = 1  # PSM_AUTO_OSD
_PARAGRAPH, _LINE, _WORD = 1, 2, 3  # RIL_*
_LEAST_WORD, _LEAST_PARAGRAPH = 35.0, 55.0  # of 100: below, it is the grain of a picture
_FEWEST = 3  # letters and digits: less is what the lines of a drawing look like
_SAME = 0.8  # of the words of a paragraph are on the page as text
_Handle = ctypes.c_void_p
_Int = ctypes.c_int
_FUNCTIONS = {
    "TessBaseAPICreate": (_Handle, []),
    "TessBaseAPIInit3": (_Int, [_Handle, ctypes.c_char_p, ctypes.c_char_p]),
    "TessBaseAPISetPageSegMode": (None, [_Handle, _Int]),
    "TessBaseAPISetImage": (None, [_Handle, ctypes.c_void_p, _Int, _Int, _Int, _Int]),
    "TessBaseAPISetImage2": (None, [_Handle, ctypes.c_void_p]),
    "TessBaseAPISetSourceResolution": (None, [_Handle, _Int]),
    "TessBaseAPIAnalyseLayout": (_Handle, [_Handle]),
    "TessBaseAPIRecognize": (_Int, [_Handle, ctypes.c_void_p]),
    "TessBaseAPIGetIterator": (_Handle, [_Handle]),
    "TessBaseAPIClear": (None, [_Handle]),
    "TessResultIteratorGetPageIterator": (_Handle, [_Handle]),
    "TessResultIteratorGetUTF8Text": (ctypes.c_void_p, [_Handle, _Int]),
    "TessResultIteratorConfidence": (ctypes.c_float, [_Handle, _Int]),
    "TessResultIteratorNext": (_Int, [_Handle, _Int]),
    "TessResultIteratorDelete": (None, [_Handle]),
    "TessPageIteratorIsAtBeginningOf": (_Int, [_Handle, _Int]),
    "TessPageIteratorBoundingBox": (_Int, [_Handle, _Int, *[ctypes.POINTER(_Int)] * 4]),
    "TessPageIteratorDelete": (None, [_Handle]),
    "TessDeleteText": (None, [ctypes.c_void_p]),
}


@dataclass(frozen=True)
class Word:
    """`begins`: the paragraph or the line that it is the first word of, if any."""

    text: str
    confidence: float
    corners: tuple[int, int, int, int]
    begins: int | None


@dataclass(frozen=True)
class Sheet:
    """Width and height of the page in points, where on it the part begins that is looked at, and what is text there."""

    width: int
    height: int
    left: int = 0
    top: int = 0
    written: frozenset[str] = frozenset()

    def on_grid(self, corners: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        """Return corners in parts of GRID of the page."""
        left, right = corners[0] + self.left, corners[2] + self.left
        top, bottom = corners[1] + self.top, corners[3] + self.top
        return (
            left * GRID // self.width, top * GRID // self.height,
            min(-(-right * GRID // self.width), GRID), min(-(-bottom * GRID // self.height), GRID),
        )  # fmt: skip


@dataclass
class Paragraph:
    """Words as they come, put together."""

    text: str = ""
    boxes: list[Box] = field(default_factory=list)
    confidences: list[float] = field(default_factory=list)

    def take(self, word: Word, sheet: "Sheet") -> None:
        """Add a word, to a torn one if it goes on."""
        is_torn = word.begins == _LINE and self.text[-2:-1].isalpha() and self.text.endswith("-")
        if is_torn and word.text[:1].islower():
            self.text = self.text[:-1]
            offset, length, *corners = self.boxes[-1]
            self.boxes[-1] = (offset, length - 1, *corners)  # type: ignore[assignment] # four corners
        elif self.text:
            self.text += " "
        self.boxes.append((len(self.text), len(word.text), *sheet.on_grid(word.corners)))
        self.text += word.text
        self.confidences.append(word.confidence)

    @property
    def is_read(self) -> bool:
        """Whether these are words, and not the grain of a picture."""
        has_words = any(sign.isalnum() for sign in self.text)
        return has_words and sum(self.confidences) >= _LEAST_PARAGRAPH * len(self.confidences)


def prepare(options: dict[str, Any]) -> Callable[[bytes, str], Output]:
    """Load what is needed. Raises Unreadable("needs_ocr") where a library or a language is missing."""
    tesseract = Tesseract(options["tessdata"], options["languages"])
    return functools.partial(_read, tesseract, Raster(), options)


def _read(tesseract: "Tesseract", raster: Raster, options: dict[str, Any], content: bytes, _kind: str) -> Output:
    output, is_inlaid = Output(scans=options["pages"]), options["kind"] in {"plates", "pictures"}
    document = pdfium.PdfDocument(content) if options["kind"] in {"pdf", "plates"} else None
    for number in options["pages"]:
        page = Page(number)
        output.pages.append(page)
        try:
            with _shown(raster, options, document or content, number)(tesseract) as sheet:
                paragraphs = list(_paragraphs(tesseract.words(), sheet)) if sheet else []
            if is_inlaid and sum(sign.isalnum() for one in paragraphs for sign in one.text) < _FEWEST:
                paragraphs = []
        except pdfium.PdfiumError:
            output.warn("pages_unreadable")
            continue
        except Unreadable as error:
            if options["kind"] != "pictures":
                raise
            output.miss(str(number), error.code)
            continue
        _write(output, page, paragraphs, is_marked=options["kind"] == "plates")
    return output


def _write(output: Output, page: Page, paragraphs: list[Paragraph], *, is_marked: bool) -> None:
    for place, one in enumerate(paragraphs):
        text, boxes = one.text, one.boxes
        if is_marked and place == 0:
            text = PICTURE_TEXT.format(text=text)
            boxes = [(offset + len(text) - len(one.text), *rest) for offset, *rest in boxes]  # type: ignore[misc] # a box
        output.add(page, "paragraph", text, boxes=boxes)


def _paragraphs(words: Iterator[Word], sheet: Sheet) -> Iterator[Paragraph]:
    gathered = Paragraph()
    for word in words:
        if word.begins == _PARAGRAPH and gathered.text:
            if gathered.is_read and not _is_written(gathered, sheet):
                yield gathered
            gathered = Paragraph()
        if word.confidence >= _LEAST_WORD:
            gathered.take(word, sheet)
    if gathered.is_read and not _is_written(gathered, sheet):
        yield gathered


def _is_written(paragraph: Paragraph, sheet: Sheet) -> bool:
    """Say whether the page has this paragraph as text already."""
    words = paragraph.text.lower().split()
    return bool(sheet.written) and sum(word in sheet.written for word in words) >= _SAME * len(words)


Shown = Callable[["Tesseract"], AbstractContextManager[Sheet | None]]


def _shown(raster: Raster, options: dict[str, Any], content: bytes | pdfium.PdfDocument, number: int) -> Shown:
    """Return what shows a page, a part of a page, or a picture to text recognition."""
    kind = options["kind"]
    if isinstance(content, pdfium.PdfDocument):
        return functools.partial(_page_of_pdf if kind == "pdf" else _plate_of_pdf, content, number)
    if kind != "pictures":
        return functools.partial(_picture, raster, content, kind, number)
    place = options["pages"].index(number)
    begin = sum(size for _, size in options["pictures"][:place])
    kind, size = options["pictures"][place]
    return functools.partial(_picture, raster, content[begin : begin + size], kind, 1, is_inlaid=True)


@contextmanager
def _page_of_pdf(document: pdfium.PdfDocument, number: int, tesseract: "Tesseract") -> Iterator[Sheet | None]:
    page = _without_text(document, number)
    width, height = page.get_size()
    scale = min(_DPI / 72, (_POINTS / max(width * height, 1)) ** 0.5)
    bitmap = page.render(scale=scale, grayscale=True, draw_annots=False, may_draw_forms=False)
    tesseract.look(bytes(bitmap.buffer), bitmap.width, bitmap.height, bitmap.stride)
    yield Sheet(bitmap.width, bitmap.height)
    bitmap.close()
    page.close()


@contextmanager
def _plate_of_pdf(document: pdfium.PdfDocument, number: int, tesseract: "Tesseract") -> Iterator[Sheet | None]:
    page = document[number - 1]
    plate = find_plate(page, None)
    if plate is None:
        yield None
        return
    left, top, right, bottom = (edge / GRID for edge in on_grid(page, *plate.box))
    written = frozenset(page.get_textpage().get_text_range().lower().split())
    page = _without_text(document, number)
    width, height = page.get_size()
    area = max((right - left) * width * (bottom - top) * height, 1)
    scale = min(_DPI / 72, (_POINTS / area) ** 0.5)
    crop = (left * width, (1 - bottom) * height, (1 - right) * width, top * height)
    bitmap = page.render(scale=scale, crop=crop, grayscale=True, draw_annots=False, may_draw_forms=False)
    tesseract.look(bytes(bitmap.buffer), bitmap.width, bitmap.height, bitmap.stride)
    yield Sheet(
        math.ceil(width * scale), math.ceil(height * scale), math.ceil(crop[0] * scale), math.ceil(crop[3] * scale),
        written,
    )  # fmt: skip
    bitmap.close()
    page.close()


def _without_text(document: pdfium.PdfDocument, number: int) -> pdfium.PdfPage:
    """Return a page without what is text already, which is not recognised a second time."""
    page = document[number - 1]
    text = page.get_textpage()
    unknown = _without_code(text)
    for item in list(page.get_objects(filter=[raw.FPDF_PAGEOBJ_TEXT], max_depth=1)):
        if ctypes.addressof(item.raw.contents) not in unknown:
            page.remove_obj(item)
    text.close()
    return page


def _without_code(text: pdfium.PdfTextPage) -> set[int]:
    """Return where the objects are whose letters are known by their looks alone: their font tells no codes."""
    items = (
        raw.FPDFText_GetTextObject(text, place)
        for place in range(max(text.count_chars(), 0))
        if raw.FPDFText_HasUnicodeMapError(text, place) == 1
    )
    return {ctypes.addressof(item.contents) for item in items if item}


@contextmanager
def _picture(
    raster: Raster, content: bytes, kind: str, number: int, tesseract: "Tesseract", *, is_inlaid: bool = False
) -> Iterator[Sheet | None]:
    with raster.opened(content, kind, number) as pix, raster.grey(pix) as grey:
        width, height = raster.size(grey)
        if width < _SMALL_WIDTH and height < _SMALL_HEIGHT and not is_inlaid:
            yield None
            return
        scale = 2.0 if width * height < _COARSE else min(1.0, (_POINTS / (width * height)) ** 0.5)
        if scale == 1:
            tesseract.look_at(grey)
            yield Sheet(width, height)
            return
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
        with raster.scaled(grey, width=width, height=height) as scaled:
            tesseract.look_at(scaled)
            yield Sheet(width, height)


class Tesseract:
    """The library with its languages. Make it before confinement."""

    def __init__(self, tessdata: str, languages: str) -> None:
        self._library = load("libtesseract.so.5", _FUNCTIONS)
        self._api = ctypes.c_void_p(self._library.TessBaseAPICreate())
        if self._library.TessBaseAPIInit3(self._api, tessdata.encode(), languages.encode()):
            raise Unreadable("needs_ocr")
        self._library.TessBaseAPISetPageSegMode(self._api, _WITH_ORIENTATION)
        # Tesseract loads the data for orientation when it first looks at something: a blank sheet.
        self.look(b"\xff" * 10_000, 100, 100, 100)
        self._library.TessPageIteratorDelete(self._library.TessBaseAPIAnalyseLayout(self._api))
        self._library.TessBaseAPIClear(self._api)

    def look(self, pixels: bytes, width: int, height: int, stride: int) -> None:
        """Take a picture in shades of grey, one byte a point."""
        self._library.TessBaseAPISetImage(self._api, pixels, width, height, 1, stride)
        self._library.TessBaseAPISetSourceResolution(self._api, _DPI)

    def look_at(self, pix: ctypes.c_void_p) -> None:
        """Take a picture of leptonica's."""
        self._library.TessBaseAPISetImage2(self._api, pix)
        self._library.TessBaseAPISetSourceResolution(self._api, _DPI)

    def words(self) -> Iterator[Word]:
        """Yield the words of the picture in reading order."""
        library = self._library
        if library.TessBaseAPIRecognize(self._api, None):
            raise Unreadable("damaged")
        iterator = library.TessBaseAPIGetIterator(self._api)
        if not iterator:
            return
        page = library.TessResultIteratorGetPageIterator(iterator)  # the same object by another name
        while True:
            if word := self._word(iterator, page):
                yield word
            if not library.TessResultIteratorNext(iterator, _WORD):
                break
        library.TessResultIteratorDelete(iterator)
        library.TessBaseAPIClear(self._api)

    def _word(self, iterator: int, page: int) -> Word | None:
        library = self._library
        corners = [_Int() for _ in range(4)]
        said = library.TessResultIteratorGetUTF8Text(iterator, _WORD)
        if not said:
            return None
        text = ctypes.string_at(said).decode("utf-8", "replace").strip()
        library.TessDeleteText(said)
        if not text or not library.TessPageIteratorBoundingBox(page, _WORD, *corners):
            return None
        begins = next(
            (level for level in (_PARAGRAPH, _LINE) if library.TessPageIteratorIsAtBeginningOf(page, level)), None
        )
        left, top, right, bottom = (corner.value for corner in corners)
        return Word(text, library.TessResultIteratorConfidence(iterator, _WORD), (left, top, right, bottom), begins)
