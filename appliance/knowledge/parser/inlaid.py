"""Pictures that stand in a document: which of them text recognition looks at, and where their text belongs.

A picture too small for a legible card number is passed over. One that nothing here unpacks is told as unread.
"""

import posixpath
import re
import zlib
from collections.abc import Iterable
from dataclasses import replace

from . import metafile, pictures, svg
from .archive import words
from .blocks import ALTERNATIVE, METADATA, Output, Page, Picture, Unreadable
from .captions import captions, has_more_frames, holds_file, later_frames
from .dimensions import Dimensions, measured
from .parts import Parts

# Thirteen digits, the fewest of a card number, are not legible in fewer points than these.
_LEAST_SIDE, _LEAST_LENGTH = 8, 60
# From here on it may be a scanned page, a card or a passport; what is smaller, or a wide strip, is what logos are.
_LARGE_SIDE, _LARGE_POINTS, _STRIP = 150, 60_000, 3
_UNPACKED = 50_000_000
# What begins as EMF, WMF (with and without its placeable header) and StarView's drawings do.
DRAWING = re.compile(rb"\x01\0\0\0.{36} EMF|\xd7\xcd\xc6\x9a|[\x01\x02]\0\x09\0|VCLMTF", re.DOTALL)


def show(
    output: Output, page: Page, name: str, content: bytes, *, hidden: str | None = None, is_preview: bool = False,
    is_furniture: bool = False,
) -> None:  # fmt: skip
    """Put a picture at the end of the page as it is so far.

    `is_preview`: it draws what is read by itself. `is_furniture`: it belongs to a template, or to nothing that is seen.
    """
    if content.startswith(b"\x1f\x8b"):
        content = _unpacked(content)
    if not content.strip(b"\0 \r\n\t"):
        return
    found = measured(content)
    if found:
        is_large = not is_furniture and may_be_document(found.width, found.height)
        _show_points(output, page, Picture(name, found.kind, content, is_large), found, hidden)
    elif svg.is_svg(content):
        _show_svg(output, page, name, content, hidden)
    elif content.startswith(b"%PDF-"):
        output.attach(name, content)
    elif DRAWING.match(content):
        _show_drawing(output, page, name, content, is_passed=is_preview or metafile.is_mark(content))
    else:
        output.miss(name, "picture_format")


def _unpacked(content: bytes) -> bytes:
    try:
        unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
        unpacked = unpacking.decompress(content, _UNPACKED)
    except zlib.error:
        return content
    # What ends early, or goes on after the first member, hides something: left packed, it is told as unread.
    is_whole = unpacking.eof and not unpacking.unused_data.strip(b"\0 \r\n\t")
    return unpacked if is_whole else content


def _show_points(output: Output, page: Page, picture: Picture, found: Dimensions, hidden: str | None) -> None:
    output.add(page, "paragraph", captions(picture.content, picture.kind), hidden=METADATA)
    if holds_file(picture.content):
        output.miss(picture.name, "unsupported")
    if is_decoration(found.width, found.height):
        return
    if has_more_frames(picture.content, picture.kind):
        output.miss(picture.name, "picture_format")
    if picture.kind == "tiff" and _has_pages(picture.content):
        output.attach(picture.name, picture.content)
        return
    output.show(page, picture, hidden=hidden)
    for frame in later_frames(picture.content, picture.kind):
        if not is_decoration(frame.width, frame.height):
            output.show(page, replace(picture, content=frame.content), hidden=hidden)


def _has_pages(content: bytes) -> bool:
    try:
        return len(pictures.read(content, "tiff").scans) > 1
    except Unreadable:
        return False


def _show_svg(output: Output, page: Page, name: str, content: bytes, hidden: str | None) -> None:
    try:
        drawn = svg.read(content)
    except Unreadable as error:
        output.miss(name, error.code)
        return
    output.add_picture_text(page, drawn.text, hidden=hidden)
    output.add(page, "paragraph", "\n".join(drawn.unseen), hidden=METADATA)
    if not drawn.is_whole:
        output.miss(name, "picture_format")
    for inner in drawn.pictures:
        show(output, page, name, inner, hidden=hidden)


def _show_drawing(output: Output, page: Page, name: str, content: bytes, *, is_passed: bool) -> None:
    """Check what a drawing says. `is_passed`: it draws what is read by itself, or is a mark, so that outlines say nothing."""
    output.add(page, "paragraph", words(content), hidden=METADATA)
    if not is_passed or metafile.has_unread(content):
        output.miss(name, "picture_format")
        return
    for picture in metafile.bitmaps(content):
        show(output, page, name, picture, hidden=METADATA, is_furniture=True)


def is_decoration(width: int, height: int) -> bool:
    """Say whether a picture has too few points to be read: a bullet, a line. One of unknown size is none."""
    return width > 0 < height and (min(width, height) < _LEAST_SIDE or max(width, height) < _LEAST_LENGTH)


def may_be_document(width: int, height: int) -> bool:
    """Say whether a picture is of a size that a page, a card or a passport has, and a logo seldom."""
    if not width or not height:
        return True
    is_large = min(width, height) >= _LARGE_SIDE and width * height >= _LARGE_POINTS
    return is_large and width <= _STRIP * height


class Shown:
    """The pictures of a package, each by its part; what no page names is checked in the end, and not searched."""

    def __init__(self, parts: Parts, output: Output) -> None:
        self._parts, self._output = parts, output
        self._seen: set[str] = set()

    def show(
        self, page: Page, name: str, *, hidden: str | None = None, is_preview: bool = False, is_furniture: bool = False
    ) -> None:
        """Put a part of the package on the page. A part that is not there, or is outside, shows nothing."""
        if name not in self._parts.names or name.endswith("/") or self._output.is_full_of_pictures:
            return
        self._seen.add(name)
        short = posixpath.basename(name)
        try:
            content = self._parts.read(name)
        except Unreadable as error:
            if error.code == "bomb":
                raise
            self._output.miss(short, error.code)
            return
        show(
            self._output, page, short, content, hidden=hidden,
            is_preview=is_preview or hidden == ALTERNATIVE or name.startswith("ObjectReplacements/"), is_furniture=is_furniture,
        )  # fmt: skip

    def show_rest(self, page: Page, names: Iterable[str], *, has_objects: bool = False) -> None:
        """Put what was not shown where it is checked. `has_objects`: metafiles among it are their previews."""
        for name in sorted(set(names) - self._seen):
            self.show(page, name, hidden=METADATA, is_preview=has_objects, is_furniture=True)
