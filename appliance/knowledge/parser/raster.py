"""Pictures in memory, by Debian's leptonica, which comes with tesseract. Read from bytes, never from a file.

Sources: leptonica's headers allheaders.h and imageio.h.
"""

import ctypes
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from .blocks import Unreadable

_POINTS = 100_000_000
_PNG = 3  # IFF_PNG
_Pix = ctypes.c_void_p
_Int = ctypes.c_int
_FUNCTIONS = {
    "pixReadMem": (_Pix, [ctypes.c_char_p, ctypes.c_size_t]),
    "pixReadMemTiff": (_Pix, [ctypes.c_char_p, ctypes.c_size_t, _Int]),
    "pixReadHeaderMem": (_Int, [ctypes.c_char_p, ctypes.c_size_t] + [ctypes.POINTER(_Int)] * 6),
    "pixRemoveAlpha": (_Pix, [_Pix]),
    "pixConvertTo8": (_Pix, [_Pix, _Int]),
    "pixConvertTo32": (_Pix, [_Pix]),
    "pixScaleToSize": (_Pix, [_Pix, _Int, _Int]),
    "pixGetWidth": (_Int, [_Pix]),
    "pixGetHeight": (_Int, [_Pix]),
    "pixWriteMem": (_Int, [ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_size_t), _Pix, _Int]),
    "pixDestroy": (None, [ctypes.POINTER(_Pix)]),
    "lept_free": (None, [ctypes.c_void_p]),
}


class Raster:
    """The library. Make it before confinement, which takes the file away. Raises Unreadable where it is missing."""

    def __init__(self) -> None:
        self._library = load("liblept.so.5", _FUNCTIONS)

    @contextmanager
    def opened(self, content: bytes, kind: str, number: int) -> Iterator[ctypes.c_void_p]:
        """Yield a page of a picture, without transparency. Raises Unreadable."""
        self._check_size(content)
        library = self._library
        if kind == "tiff":
            pix = library.pixReadMemTiff(content, len(content), number - 1)
        else:
            pix = library.pixReadMem(content, len(content))
        with self._kept(pix) as whole, self._kept(library.pixRemoveAlpha(whole)) as solid:
            yield solid

    @contextmanager
    def scaled(self, pix: ctypes.c_void_p, *, width: int, height: int) -> Iterator[ctypes.c_void_p]:
        """Yield the picture in another size."""
        with self._kept(self._library.pixScaleToSize(pix, width, height)) as scaled:
            yield scaled

    @contextmanager
    def grey(self, pix: ctypes.c_void_p) -> Iterator[ctypes.c_void_p]:
        """Yield the picture in shades of grey, as recognition wants it."""
        with self._kept(self._library.pixConvertTo8(pix, 0)) as grey:
            yield grey

    def size(self, pix: ctypes.c_void_p) -> tuple[int, int]:
        """Return width and height."""
        return self._library.pixGetWidth(pix), self._library.pixGetHeight(pix)

    def as_png(self, pix: ctypes.c_void_p) -> bytes:
        """Return the picture as a PNG file."""
        place, size = ctypes.c_void_p(), ctypes.c_size_t()
        if self._library.pixWriteMem(place, size, pix, _PNG) or not place.value:
            raise Unreadable("damaged")
        png = ctypes.string_at(place.value, size.value)
        self._library.lept_free(place)
        return png

    def _check_size(self, content: bytes) -> None:
        found = [_Int() for _ in range(6)]  # format, width, height, bits, samples, whether it has a palette
        if self._library.pixReadHeaderMem(content, len(content), *found):
            raise Unreadable("damaged")
        if found[1].value * found[2].value > _POINTS:
            raise Unreadable("too_large_picture")

    @contextmanager
    def _kept(self, pix: int | None) -> Iterator[ctypes.c_void_p]:
        if not pix:
            raise Unreadable("damaged")
        holder = ctypes.c_void_p(pix)
        try:
            yield holder
        finally:
            self._library.pixDestroy(holder)


def load(name: str, functions: Mapping[str, tuple[Any, Any]]) -> ctypes.CDLL:
    """Return a library of Debian's with its functions declared. Raises Unreadable("needs_ocr") where it is missing."""
    try:
        library = ctypes.CDLL(name)
        for function, (result, arguments) in functions.items():
            declared = getattr(library, function)
            declared.restype, declared.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise Unreadable("needs_ocr") from error
    return library
