"""What is written in a picture's file beside its points: comments, descriptions, other frames, and files behind its end.

Sources: PNG (RFC 2083, 4.2.3), JPEG (ITU-T T.81 B.2.4), GIF89a 24 and 25, WEBP (RFC 9649), TIFF 6.0.
"""

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import TypeVar

from .archive import words
from .dimensions import Frame, frames

_MOST_TEXT, _MOST_FRAMES = 1_000_000, 50
_PACKED = frozenset({b"zTXt", b"iTXt"})
_TEXTS = frozenset({b"tEXt", b"eXIf", *_PACKED, b"EXIF", b"XMP "})
_COLOURS = frozenset({0xE0, 0xE2})  # JFIF, and profiles of colours
_ASCII, _XMP, _FITS = 2, 700, 4  # a type and a tag of TIFF, and the bytes that fit into an entry
_FILE = re.compile(rb"PK\x03\x04[\x0a\x14\x2d\x33\x3f]\0|%PDF-[12]\.")
_ANIMATION = 0x02  # a flag of VP8X


def holds_file(content: bytes) -> bool:
    """Say whether a picture carries an archive or a PDF, as is done to pass them on unseen."""
    return bool(_FILE.search(content))


def later_frames(content: bytes, kind: str) -> list[Frame]:
    """Return the frames of a GIF but the first, which is the one that text recognition sees."""
    return _sure(frames(content))[1:_MOST_FRAMES] if kind == "gif" else []


def has_more_frames(content: bytes, kind: str) -> bool:
    """Say whether there are frames that nothing here takes apart."""
    if kind == "gif":
        return len(_sure(frames(content))) > _MOST_FRAMES
    if kind == "png":
        return b"acTL" in content[:400]
    return kind == "webp" and content[12:16] == b"VP8X" and bool(content[20] & _ANIMATION)


def captions(content: bytes, kind: str) -> str:
    """Return what is written beside the points."""
    read = _READERS.get(kind)
    return words(b"\0".join(_sure(read(content))))[:_MOST_TEXT] if read else ""


def _png(content: bytes) -> Iterator[bytes]:
    place = 8
    while place + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, place)
        if kind in _TEXTS:
            yield from _texts(content[place + 8 : place + 8 + size], is_packed=kind in _PACKED)
        place += 12 + size
    yield content[place:]


def _texts(chunk: bytes, *, is_packed: bool) -> Iterator[bytes]:
    yield chunk
    packed = chunk.find(b"\x78") if is_packed else -1  # how a stream of deflate begins
    if packed >= 0:
        try:
            yield zlib.decompressobj().decompress(chunk[packed:], _MOST_TEXT)
        except zlib.error:
            return  # not packed


def _jpeg(content: bytes) -> Iterator[bytes]:
    place = 2
    while content[place] == 0xFF and content[place + 1] != 0xDA:  # noqa: PLR2004 - markers, up to the start of the points
        marker = content[place + 1]
        (size,) = struct.unpack_from(">H", content, place + 2)
        if marker == 0xFE or (0xE0 <= marker <= 0xEF and marker not in _COLOURS):  # noqa: PLR2004 - comments, and what programs add
            yield content[place + 4 : place + 2 + size]
        place += 2 + size


def _gif(content: bytes) -> Iterator[bytes]:
    for match in re.finditer(rb"\x21[\xfe\x01]", content):
        place, parts = match.end(), list[bytes]()
        while content[place]:
            parts.append(content[place + 1 : place + 1 + content[place]])
            place += 1 + content[place]
        yield b"".join(parts)


def _webp(content: bytes) -> Iterator[bytes]:
    place = 12
    while place + 8 <= len(content):
        kind, size = struct.unpack_from("<4sI", content, place)
        if kind in _TEXTS:
            yield content[place + 8 : place + 8 + size]
        place += 8 + size + size % 2


def _tiff(content: bytes) -> Iterator[bytes]:
    order = "<" if content.startswith(b"II") else ">"
    (place,) = struct.unpack_from(f"{order}I", content, 4)
    (count,) = struct.unpack_from(f"{order}H", content, place)
    for entry in range(place + 2, place + 2 + 12 * count, 12):
        tag, kind, length, value = struct.unpack_from(f"{order}HHII", content, entry)
        if (kind == _ASCII or tag == _XMP) and length > _FITS:
            yield content[value : value + min(length, _MOST_TEXT)]


_READERS: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "gif": _gif, "jpeg": _jpeg, "png": _png, "tiff": _tiff, "webp": _webp,
}  # fmt: skip
_Found = TypeVar("_Found")


def _sure(found: Iterator[_Found]) -> list[_Found]:
    """Return what comes before a fault."""
    sure: list[_Found] = []
    try:
        for one in found:
            sure.append(one)  # noqa: PERF402 - what came before the fault is kept
    except (struct.error, IndexError):
        return sure  # broken off; whoever shows the picture sees no more either
    return sure
