"""Text recognition (OCR) of pages that are pictures, by Debian's tesseract: its library, never its program.

Library, languages and the orientation data are loaded before confinement, with nothing of the document read yet.
Source: tesseract's capi.h.
"""

import ctypes
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pypdfium2 as pdfium
from pypdfium2 import raw

from .blocks import GRID, Box, Output, Page, Unreadable
from .raster import Raster, load

_DPI, _POINTS = 300, 25_000_000
_SMALL_WIDTH, _SMALL_HEIGHT = 200, 50  # a logo
_COARSE = 2_000_000  # points: type on a screen is too small to be recognised
_WITH_ORIENTATION = 1  # PSM_AUTO_OSD
_PARAGRAPH, _LINE, _WORD = 1, 2, 3  # RIL_*
_LEAST_WORD, _LEAST_PARAGRAPH = 35.0, 55.0  # of 100: below, it is the grain of a picture
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


@dataclass
class Paragraph:
    """Words as they come, put together."""

    text: str = ""
    boxes: list[Box] = field(default_factory=list)
    confidences: list[float] = field(default_factory=list)

    def take(self, word: Word, width: int, height: int) -> None:
        """Add a word, to a torn one if it goes on."""
        is_torn = word.begins == _LINE and self.text[-2:-1].isalpha() and self.text.endswith("-")
        if is_torn and word.text[:1].islower():
            self.text = self.text[:-1]
            offset, length, *corners = self.boxes[-1]
            self.boxes[-1] = (offset, length - 1, *corners)  # type: ignore[assignment] # four corners
        elif self.text:
            self.text += " "
        left, top, right, bottom = word.corners
        self.boxes.append(
            (len(self.text), len(word.text), left * GRID // width, top * GRID // height,
             min(-(-right * GRID // width), GRID), min(-(-bottom * GRID // height), GRID))
        )  # fmt: skip
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
    output = Output(scans=options["pages"])
    shown = _pages_of_pdf(content) if options["kind"] == "pdf" else _pictures(raster, content, options["kind"])
    for number in options["pages"]:
        page = Page(number)
        output.pages.append(page)
        try:
            with shown(number, tesseract) as size:
                paragraphs = list(_paragraphs(tesseract.words(), size)) if size else []
        except pdfium.PdfiumError:
            output.warn("pages_unreadable")
            continue
        for one in paragraphs:
            output.add(page, "paragraph", one.text, boxes=one.boxes)
    return output


def _paragraphs(words: Iterator[Word], size: tuple[int, int]) -> Iterator[Paragraph]:
    gathered = Paragraph()
    for word in words:
        if word.begins == _PARAGRAPH and gathered.text:
            if gathered.is_read:
                yield gathered
            gathered = Paragraph()
        if word.confidence >= _LEAST_WORD:
            gathered.take(word, *size)
    if gathered.is_read:
        yield gathered


def _pages_of_pdf(content: bytes) -> Any:
    document = pdfium.PdfDocument(content)

    @contextmanager
    def shown(number: int, tesseract: "Tesseract") -> Iterator[tuple[int, int] | None]:
        page = document[number - 1]
        # What is text already is not recognised a second time.
        for item in list(page.get_objects(filter=[raw.FPDF_PAGEOBJ_TEXT], max_depth=1)):
            page.remove_obj(item)
        width, height = page.get_size()
        scale = min(_DPI / 72, (_POINTS / max(width * height, 1)) ** 0.5)
        bitmap = page.render(scale=scale, grayscale=True, draw_annots=False, may_draw_forms=False)
        tesseract.look(bytes(bitmap.buffer), bitmap.width, bitmap.height, bitmap.stride)
        yield bitmap.width, bitmap.height
        bitmap.close()
        page.close()

    return shown


def _pictures(raster: Raster, content: bytes, kind: str) -> Any:
    @contextmanager
    def shown(number: int, tesseract: "Tesseract") -> Iterator[tuple[int, int] | None]:
        with raster.opened(content, kind, number) as pix, raster.grey(pix) as grey:
            width, height = raster.size(grey)
            if width < _SMALL_WIDTH and height < _SMALL_HEIGHT:
                yield None
                return
            scale = 2.0 if width * height < _COARSE else min(1.0, (_POINTS / (width * height)) ** 0.5)
            if scale == 1:
                tesseract.look_at(grey)
                yield width, height
                return
            width, height = max(1, round(width * scale)), max(1, round(height * scale))
            with raster.scaled(grey, width=width, height=height) as scaled:
                tesseract.look_at(scaled)
                yield width, height

    return shown


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
            return
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
