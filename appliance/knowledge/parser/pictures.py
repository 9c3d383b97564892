"""Pictures: PNG, JPEG, TIFF, BMP, WEBP and GIF. Each page is a scan; here they are only counted."""

import struct

from .blocks import METADATA, Output, Page, Unreadable
from .captions import captions, has_more_frames, holds_file, later_frames

_PAGES = 5_000


def read(content: bytes, kind: str) -> Output:
    """Return empty pages, all of them for text recognition."""
    count = _tiff_pages(content) if kind == "tiff" else 1
    numbers = list(range(1, count + 1))
    output = Output(pages=[Page(number) for number in numbers], scans=numbers)
    output.add(output.pages[0], "paragraph", captions(content, kind), hidden=METADATA)
    if holds_file(content):
        output.miss("", "unsupported")
    if has_more_frames(content, kind):
        output.miss("", "picture_format")
    for number, frame in enumerate(later_frames(content, kind), start=2):
        output.attach(f"{number}.gif", frame.content)
    return output


def _tiff_pages(content: bytes) -> int:
    """Count the directories of a TIFF. Raises Unreadable for a file that is cut off, or whose chain has no end."""
    order = "<" if content.startswith(b"II") else ">"
    seen: set[int] = set()
    try:
        (place,) = struct.unpack_from(f"{order}I", content, 4)
        while place and place not in seen:
            seen.add(place)
            if len(seen) > _PAGES:
                raise Unreadable("too_many_pages")
            (entries,) = struct.unpack_from(f"{order}H", content, place)
            (place,) = struct.unpack_from(f"{order}I", content, place + 2 + 12 * entries)
    except struct.error as error:
        raise Unreadable("damaged") from error
    return len(seen) or 1
