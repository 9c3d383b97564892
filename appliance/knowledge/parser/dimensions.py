"""How large a picture is, by its header alone: nothing is unpacked.

Sources: RFC 2083 (PNG), ITU-T T.81 B.2.2 (JPEG), GIF89a, TIFF 6.0, RFC 9649 (WEBP), and the headers of BMP.
"""

import struct
from dataclasses import dataclass

# Start of frame: all but DHT (C4), JPG (C8) and DAC (CC).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
_WIDTH, _HEIGHT, _SHORT = 256, 257, 3  # tags of TIFF, and a type


@dataclass(frozen=True)
class Dimensions:
    """The format of a picture and its points; 0 by 0 where the header does not say."""

    kind: str
    width: int
    height: int


def measured(content: bytes) -> Dimensions | None:
    """Return what the header says, or None for what is no picture that can be unpacked."""
    for begins, kind, look in _KINDS:
        if content.startswith(begins) and (kind != "webp" or content[8:12] == b"WEBP"):
            try:
                width, height = look(content)
            except (struct.error, IndexError):
                width, height = 0, 0
            return Dimensions(kind, width, height)
    return None


def _png(content: bytes) -> tuple[int, int]:
    return struct.unpack_from(">II", content, 16)


def _gif(content: bytes) -> tuple[int, int]:
    return struct.unpack_from("<HH", content, 6)


def _bmp(content: bytes) -> tuple[int, int]:
    if struct.unpack_from("<I", content, 14)[0] == 12:  # noqa: PLR2004 - the oldest header has short numbers
        return struct.unpack_from("<HH", content, 18)
    width, height = struct.unpack_from("<ii", content, 18)
    return abs(width), abs(height)  # a negative height means from the top


def _jpeg(content: bytes) -> tuple[int, int]:
    place = 2
    while True:
        while content[place] == 0xFF and content[place + 1] == 0xFF:  # noqa: PLR2004 - fill bytes
            place += 1
        begins, marker = content[place], content[place + 1]
        if begins != 0xFF:  # noqa: PLR2004 - no marker where one must be
            return 0, 0
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", content, place + 5)
            return width, height
        place += 2 if marker in _ALONE else 2 + struct.unpack_from(">H", content, place + 2)[0]


def _tiff(content: bytes) -> tuple[int, int]:
    order = "<" if content.startswith(b"II") else ">"
    (place,) = struct.unpack_from(f"{order}I", content, 4)
    (count,) = struct.unpack_from(f"{order}H", content, place)
    found = {}
    for entry in range(place + 2, place + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(f"{order}HH", content, entry)
        found[tag] = struct.unpack_from(f"{order}{'H' if kind == _SHORT else 'I'}", content, entry + 8)[0]
    return found.get(_WIDTH, 0), found.get(_HEIGHT, 0)


def _webp(content: bytes) -> tuple[int, int]:
    form = content[12:16]
    if form == b"VP8X":
        return 1 + int.from_bytes(content[24:27], "little"), 1 + int.from_bytes(content[27:30], "little")
    if form == b"VP8L":
        (bits,) = struct.unpack_from("<I", content, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", content, 26)
    return width & 0x3FFF, height & 0x3FFF


_KINDS = (
    (b"\x89PNG\r\n\x1a\n", "png", _png),
    (b"\xff\xd8\xff", "jpeg", _jpeg),
    (b"GIF8", "gif", _gif),
    (b"II*\0", "tiff", _tiff),
    (b"MM\0*", "tiff", _tiff),
    (b"RIFF", "webp", _webp),
    (b"BM", "bmp", _bmp),
)
