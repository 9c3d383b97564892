"""Draws a page for the viewer, and says where on it the wanted characters stand.

A PDF is drawn by pdfium, a picture by leptonica. Nothing in a document is run: pdfium is built without scripts.
"""

import base64
import ctypes
import functools
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pypdfium2 as pdfium
from pypdfium2 import raw

from .annotations import on_grid
from .blocks import Unreadable, framed
from .raster import Raster

_POINTS = 12_000_000
_MOST_MARKS = 1_000
_COMPRESSION = 3


@dataclass
class Drawing:
    """A page: its size, the rectangles of each group of characters in parts of GRID, and the PNG if it was drawn."""

    width: int
    height: int
    marks: dict[str, list[tuple[int, int, int, int]]] = field(default_factory=dict)
    png: bytes = b""

    def as_bytes(self, _layers: tuple[str, ...]) -> bytes:
        """Return the drawing in the form that `knowledge.viewing` reads."""
        return framed(
            {
                "width": self.width,
                "height": self.height,
                "marks": self.marks,
                "png": base64.b64encode(self.png).decode(),
            }
        )


def prepare(options: dict[str, Any]) -> Callable[[bytes, str], Drawing]:
    """Load what is needed. Raises Unreadable("needs_ocr") for a picture where leptonica is missing."""
    if options["kind"] == "pdf":
        return functools.partial(_draw_pdf, options)
    return functools.partial(_draw_picture, options, Raster())


def _draw_pdf(options: dict[str, Any], content: bytes, _kind: str) -> Drawing:
    try:
        document = pdfium.PdfDocument(content)
        if options["draws"] and document.get_formtype() != raw.FORMTYPE_NONE:
            document.init_forms()
        page = document[options["page"] - 1]
    except (pdfium.PdfiumError, IndexError) as error:
        raise Unreadable("damaged") from error
    width, height = page.get_size()
    scale = min(options["width"] / max(width, 1), (_POINTS / max(width * height, 1)) ** 0.5)
    drawing = Drawing(max(1, round(width * scale)), max(1, round(height * scale)))
    text = page.get_textpage()
    for name, ranges in options["ranges"].items():
        drawing.marks[name] = [box for first, count in ranges for box in _rectangles(page, text, first, count)][
            :_MOST_MARKS
        ]
    if options["draws"]:
        bitmap = page.render(scale=scale, rev_byteorder=True)
        drawing.width, drawing.height = bitmap.width, bitmap.height
        drawing.png = _png(bytes(bitmap.buffer), bitmap.width, bitmap.height, bitmap.stride, bitmap.n_channels)
    return drawing


def _rectangles(
    page: pdfium.PdfPage, text: pdfium.PdfTextPage, first: int, count: int
) -> Iterator[tuple[int, int, int, int]]:
    for number in range(max(raw.FPDFText_CountRects(text, first, count), 0)):
        left, top, right, bottom = (ctypes.c_double() for _ in range(4))
        if raw.FPDFText_GetRect(text, number, left, top, right, bottom):
            yield on_grid(page, left.value, bottom.value, right.value, top.value)


def _png(pixels: bytes, width: int, height: int, stride: int, channels: int) -> bytes:
    """Return the bitmap as a PNG file (RFC 2083): in shades of grey where it has no colours."""
    lines = [pixels[row * stride : row * stride + width * channels] for row in range(height)]
    if channels > 3:  # noqa: PLR2004 - red, green, blue and a filler, or transparency over white
        lines = [b"".join(line[place : place + 3] for place in range(0, len(line), channels)) for line in lines]
    kind = 2
    if channels == 1 or all(line[::3] == line[1::3] == line[2::3] for line in lines):
        lines, kind = [line[:: 1 if channels == 1 else 3] for line in lines], 0
    body = zlib.compress(b"".join(b"\0" + line for line in lines), _COMPRESSION)
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def _draw_picture(options: dict[str, Any], raster: Raster, content: bytes, _kind: str) -> Drawing:
    with raster.opened(content, options["kind"], options["page"]) as pix:
        across, down = raster.size(pix)
        scale = min(options["width"] / across, (_POINTS / (across * down)) ** 0.5)
        width, height = max(1, round(across * scale)), max(1, round(down * scale))
        if not options["draws"]:
            return Drawing(width, height)
        with raster.scaled(pix, width=width, height=height) as scaled:
            return Drawing(width, height, png=raster.as_png(scaled))
