"""The parts of a package that its reader did not open: none is passed over, whatever its name."""

import posixpath
import re

from .blocks import METADATA, Output, Page, Unreadable
from .charsets import decode
from .embedded import attach_object
from .encoded import is_file, is_picture
from .inlaid import DRAWING, Shown
from .parts import Parts

_MARKUP = re.compile(rb"\s*<|\xef\xbb\xbf\s*<|\xff\xfe<\0|\xfe\xff\0<")
# Fonts, printers' settings and caches of a layout: no program shows a word of them. Their words are checked all the same.
_OF_PROGRAMS = re.compile(
    r"(?:.*/)?(?:printerSettings\d*\.bin|[^/]+\.(?:odttf|fntdata|ttf|otf|ttc|woff2?|eot)|layout-cache|\.DS_Store"
    r"|vbaProjectSignature\w*\.bin|activeX\d*\.bin|ctrlProp\d*\.bin)|Configurations2/.*|\[trash\]/.*",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"(?:.*/)?activeX/[^/]+\.bin", re.IGNORECASE)


def take_rest(parts: Parts, output: Output, page: Page, shown: Shown, *, is_binary: bool = False) -> None:
    """Check every part that was not read. `is_binary`: parts of this format are records, whose words are taken."""
    for name in sorted(parts.names - parts.seen):
        if name.endswith("/"):
            continue
        try:
            _take(parts, name, output, page, shown, is_binary=is_binary)
        except Unreadable as error:
            if error.code == "bomb":
                raise
            output.miss(posixpath.basename(name), error.code)
    parts.rest.write(output, page)


def _take(parts: Parts, name: str, output: Output, page: Page, shown: Shown, *, is_binary: bool) -> None:
    if name.endswith("vbaProject.bin"):
        return  # told as macros
    content, rest = parts.read(name), parts.rest
    if not content.strip(b"\0 \r\n\t"):
        return
    is_thumbnail = "thumbnail" in name.lower()
    if is_picture(content) or (is_thumbnail and DRAWING.match(content)):
        shown.show(page, name, hidden=METADATA, is_preview=is_thumbnail, is_furniture=True)
    elif is_file(content) and not _CONTROL.fullmatch(name):
        attach_object(output, content, name=posixpath.basename(name))
    elif _MARKUP.match(content):
        rest.take_xml(content)
    elif is_binary or _OF_PROGRAMS.fullmatch(name):
        rest.take_bytes(content)
    else:
        rest.say(decode(content))  # refuses what is no text
