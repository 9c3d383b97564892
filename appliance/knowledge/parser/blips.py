"""Pictures in DOC and XLS: records of OfficeArt ([MS-ODRAW] 2.2.23), found by their heads wherever they lie.

Where they stand in the text is told in three structures more; they are put at the end.
"""

import re
import struct
from collections.abc import Iterator

import olefile

from .blocks import Output, Page
from .dimensions import measured
from .inlaid import show

# Version 0 and one of the instances that tell how many digests follow, by kind: EMF, WMF, PICT, JPEG, PNG, DIB, TIFF.
_HEAD = re.compile(
    rb"(?:[\x40\x50]\x3d\x1a|[\x60\x70]\x21\x1b|[\x20\x30]\x54\x1c|[\xa0\xb0]\x46[\x1d\x2a]|[\x20\x30]\x6e[\x1d\x2a]"
    rb"|[\x00\x10]\x6e\x1e|[\x80\x90]\x7a\x1f|[\x40\x50]\x6e\x29)\xf0"
)
_BEFORE = (17, 33)  # one digest or two, and a mark
_GROUP, _CONTINUED = 0x00EB, 0x003C  # records of a workbook ([MS-XLS] 2.4.171, 2.4.58)
_KINDS = {
    0xF01A: "emf", 0xF01B: "wmf", 0xF01C: "pict", 0xF01D: "jpeg", 0xF01E: "png", 0xF01F: "dib", 0xF029: "tiff",
    0xF02A: "jpeg",
}  # fmt: skip
_STREAM_BYTES = 150_000_000


def show_pictures(file: olefile.OleFileIO, output: Output, page: Page) -> None:
    """Put the pictures of a text or a workbook at the end of it. Drawings are previews where objects are inside."""
    has_objects = any(way[:1] == ["ObjectPool"] or way[0].startswith("MBD") for way in file.listdir())
    for name in ("Data", "WordDocument", "Workbook", "Book"):
        if not file.exists(name):
            continue
        stream: bytes = file.openstream(name).read(_STREAM_BYTES)
        for kind, content in pictures_in(_drawn(stream) if name.endswith("ook") else stream):
            if measured(content):
                show(output, page, f"picture.{kind}", content)
            elif not has_objects:
                output.miss(f"picture.{kind}", "picture_format")


def _drawn(stream: bytes) -> bytes:
    """Return what a workbook's records say of its drawings, put together."""
    parts, place, takes = [], 0, False
    while place + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, place)
        takes = kind == _GROUP or (takes and kind == _CONTINUED)
        if takes:
            parts.append(stream[place + 4 : place + 4 + size])
        place += 4 + size
    return b"".join(parts)


def pictures_in(stream: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield kind and content of each picture; b"" for what is no points, or none that can be unpacked."""
    place = 0
    while match := _HEAD.search(stream, place):
        place = match.start() + 1
        if match.start() + 8 > len(stream):
            return
        kind, size = struct.unpack_from("<2xHI", stream, match.start())
        begin = match.start() + 8
        if not 0 < size <= len(stream) - begin:
            continue
        body = stream[begin : begin + size]
        for found in (body[at:] for at in _BEFORE):
            if look := measured(found):
                yield look.kind, found
                break
        else:
            yield _KINDS[kind], b""
        place = begin + size
