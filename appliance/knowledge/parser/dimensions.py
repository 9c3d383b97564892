"""How large a picture is, by its header alone: nothing is unpacked.

Sources: RFC 2083 (PNG), ITU-T T.81 B.2.2 (JPEG), GIF89a, TIFF 6.0, RFC 9649 (WEBP), and the headers of BMP.
"""

import re
import struct
from collections.abc import Iterator
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
    if content[12:16] != b"IHDR":
        return 0, 0
    return struct.unpack_from(">II", content, 16)


def _gif(content: bytes) -> tuple[int, int]:
    # Programs enlarge the screen to a first frame that is larger.
    width, height = struct.unpack_from("<HH", content, 6)
    for frame in frames(content):
        width, height = max(width, frame.width), max(height, frame.height)
    return width, height


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
    found: dict[int, int] = {}
    for entry in range(place + 2, place + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(f"{order}HH", content, entry)
        (value,) = struct.unpack_from(f"{order}{'H' if kind == _SHORT else 'I'}", content, entry + 8)
        found[tag] = max(value, found.get(tag, 0))
    return found.get(_WIDTH, 0), found.get(_HEIGHT, 0)


def _webp(content: bytes) -> tuple[int, int]:
    place, width, height = 12, 0, 0
    while place + 8 <= len(content):  # the canvas, and each frame
        form, size = struct.unpack_from("<4sI", content, place)
        body = place + 8
        across, down = 0, 0
        if form == b"VP8X":
            across, down = (1 + int.from_bytes(content[body + at : body + at + 3], "little") for at in (4, 7))
        elif form == b"VP8L":
            (bits,) = struct.unpack_from("<I", content, body + 1)
            across, down = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        elif form == b"VP8 ":
            across, down = (side & 0x3FFF for side in struct.unpack_from("<HH", content, body + 6))
        width, height = max(width, across), max(height, down)
        place = body + size + size % 2
    return width, height


@dataclass(frozen=True)
class Frame:
    """A frame of a GIF, and a file of it alone."""

    width: int
    height: int
    content: bytes


def frames(content: bytes) -> Iterator[Frame]:
    """Yield the frames of a GIF that are there as a whole."""
    place, before = 13 + _table(content[10]), 0
    head = content[:place]
    while place < len(content):
        if content[place] == 0x21:  # noqa: PLR2004 - an extension: what it says of the next frame goes with it
            before = before or place
            place = _after_blocks(content, place + 2)
        elif content[place] == 0x2C:  # noqa: PLR2004 - a frame
            left, top, width, height, look = struct.unpack_from("<4HB", content, place + 1)
            end = _after_blocks(content, place + 11 + _table(look))
            # Alone it begins at the corner, on a screen of its own size.
            screen = bytearray(head[:6] + struct.pack("<HH", width, height) + head[10:])
            drawn = bytearray(content[place : place + 1] + bytes(4) + content[place + 5 : end])
            _fill(*((drawn, 10) if look & 0x80 else (screen, 13)), content[before or place : place])
            yield Frame(left + width, top + height, bytes(screen + drawn) + b";")
            place, before = end, 0
        else:
            return


def _fill(file: bytearray, table: int, said: bytes) -> None:
    """Paint grey what lets an earlier frame through: dark letters and light ones stand out from it."""
    control = re.search(rb"\x21\xf9\x04([\x00-\xff]).{2}([\x00-\xff])", said, re.DOTALL)
    if control and control[1][0] & 1 and table + 3 * control[2][0] + 3 <= len(file):
        file[table + 3 * control[2][0] : table + 3 * control[2][0] + 3] = b"\x80\x80\x80"


def _table(look: int) -> int:
    return 3 << (look & 7) + 1 if look & 0x80 else 0


def _after_blocks(content: bytes, place: int) -> int:
    while content[place]:
        place += 1 + content[place]
    return place + 1


_KINDS = (
    (b"\x89PNG\r\n\x1a\n", "png", _png),
    (b"\xff\xd8\xff", "jpeg", _jpeg),
    (b"GIF8", "gif", _gif),
    (b"II*\0", "tiff", _tiff),
    (b"MM\0*", "tiff", _tiff),
    (b"RIFF", "webp", _webp),
    (b"BM", "bmp", _bmp),
)
