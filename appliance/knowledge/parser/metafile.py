"""Drawings in EMF ([MS-EMF] 2.3): the texts and the pictures that their records hold. Outlines are not read.

The frame that the header gives says nothing of how large a program shows it, so that it alone proves nothing.
"""

import re
import struct
from collections.abc import Iterator

_HEAD = re.compile(rb"\x01\0\0\0.{36} EMF", re.DOTALL)
_END = 14
_COMMENT = 70  # may hold a drawing of the newer kind, with pictures of its own
# Where in each record with a bitmap its header and its points are named.
_BITMAPS = {76: 84, 77: 84, 78: 84, 79: 96, 80: 48, 81: 48, 114: 84, 116: 84}
_HUNDREDTHS = 1_500  # of a millimetre: the length of a mark
_MARK_BYTES = 100_000
_WMF_BITMAPS = (0x0940, 0x0B41, 0x0D33, 0x0F43, 0x0922, 0x0B23)
_WMF_HEAD, _PLACEABLE = 18, 22


def is_emf(content: bytes) -> bool:
    """Say whether it begins as EMF does."""
    return bool(_HEAD.match(content))


def is_mark(content: bytes) -> bool:
    """Say whether it is as small as an icon, by its frame and by its bytes, and ends where it says."""
    if not is_emf(content) or len(content) > _MARK_BYTES:
        return False
    left, top, right, bottom = struct.unpack_from("<4i", content, 24)
    return bool(0 <= right - left < _HUNDREDTHS and 0 <= bottom - top < _HUNDREDTHS)


def has_unread(content: bytes) -> bool:
    """Say whether there is a picture in it that `bitmaps` does not yield, or what is behind its end."""
    if not is_emf(content):
        return any(kind in _WMF_BITMAPS for kind in _wmf_records(content))
    end = 0
    for kind, begin, size in _records(content):
        end = begin + size
        if kind == _COMMENT and re.search(
            rb"\x89PNG\r\n|\xff\xd8\xff|EMF\+.{0,400}?\x08\x40", content[begin:end], re.DOTALL
        ):
            return True
    return bool(content[end:].strip(b"\0"))


def bitmaps(content: bytes) -> Iterator[bytes]:
    """Yield the pictures of an EMF, each as a file in BMP."""
    if not is_emf(content):
        return
    for kind, begin, size in _records(content):
        at = _BITMAPS.get(kind)
        if at is None or size < at + 16:
            continue
        about, about_size, points, points_size = struct.unpack_from("<4I", content, begin + at)
        head, body = (
            content[begin + place : begin + min(place + length, size)]
            for place, length in ((about, about_size), (points, points_size))
        )
        if head and body:
            yield struct.pack("<2sIHHI", b"BM", 14 + len(head) + len(body), 0, 0, 14 + len(head)) + head + body


def _records(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield kind, place and size of each record, up to the last."""
    place = 0
    while place + 8 <= len(content):
        kind, size = struct.unpack_from("<II", content, place)
        if size < 8 or place + size > len(content):  # noqa: PLR2004 - no record is smaller than its head
            return
        yield kind, place, size
        place += size
        if kind == _END:
            return


def _wmf_records(content: bytes) -> Iterator[int]:
    place = _WMF_HEAD + (_PLACEABLE if content.startswith(b"\xd7\xcd\xc6\x9a") else 0)
    while place + 6 <= len(content):
        size, kind = struct.unpack_from("<IH", content, place)
        if size < 3 or not kind:  # noqa: PLR2004 - no record is smaller than its head
            return
        yield kind
        place += 2 * size
