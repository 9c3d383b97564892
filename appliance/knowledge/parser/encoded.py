"""Files that stand in a text as base64, whatever holds the text: a value of JSON or XML, a script, a letter."""

import re

from . import svg
from .blocks import METADATA, Output, Page
from .dimensions import measured
from .inlaid import show
from .transfer import from_base64

# How base64 begins of PNG, JPEG, GIF, WEBP, TIFF, PDF, ZIP, compound files, RTF and SVG.
_ENCODED = re.compile(
    r"(?<![A-Za-z0-9+/])(?:iVBORw0KGgo|/9j/|R0lGOD|UklGR|SUkqA|TU0AK|JVBERi0|UEsDB|0M8R4KGx|e1xydGY|PHN2Zy)[A-Za-z0-9+/\s]{100,}={0,2}"
)
_FILE = re.compile(rb"PK\x03\x04|%PDF-|\xd0\xcf\x11\xe0|\{\\rtf")
_SMALLEST = 120  # signs: no file is smaller


def is_picture(content: bytes) -> bool:
    """Say whether it is a picture, by its first bytes."""
    return bool(measured(content)) or svg.is_svg(content)


def is_file(content: bytes) -> bool:
    """Say whether it is a document or an archive, by its first bytes."""
    return bool(_FILE.match(content))


def take_files(output: Output) -> Output:
    """Hand over the files that stand in a document's texts; return the output."""
    last = output.pages[-1] if output.pages else Page(None)
    texts = [block.text for page in output.pages for block in page.blocks if len(block.text) > _SMALLEST]
    for number, encoded in enumerate((match[0] for text in texts for match in _ENCODED.finditer(text)), start=1):
        content = from_base64(encoded.encode())
        if is_picture(content):
            show(output, last, f"picture-{number}", content, hidden=METADATA)
        elif is_file(content):
            output.attach(f"file-{number}", content)
    return output
