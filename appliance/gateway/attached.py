"""Files within a request, in base64: which of them say something that can be looked at here.

What a program calls a picture is one only if it begins like one: else whatever stands there is a text. What stands where a
model reads text is never a file.
"""

import base64
import re
from typing import Final

FILE: Final = re.compile(r"data:(?P<kind>[\w.+/-]*)(?P<more>(?:;[\w.=+-]+)*);base64,(?P<said>[A-Za-z0-9+/=\s]*)")
_TEXTUAL: Final = re.compile(r"text/[\w.+-]+|application/(?:[\w.-]+\+)?(?:json|xml|csv|yaml|x-yaml|x-ndjson|sql|toml)", re.IGNORECASE)
_SPOKEN: Final = frozenset({"content", "text", "input", "instructions", "system", "prompt", "output", "arguments", "description"})
_BASE64: Final = re.compile(r"[A-Za-z0-9+/\r\n]*={0,2}\s*")
# PNG, JPEG, GIF, WebP and WAV, PDF, ZIP and office files, MP3, Ogg, FLAC, older office files, TIFF, WebM.
_BEGINNINGS: Final = (
    b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"%PDF", b"PK\x03\x04", b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"OggS", b"fLaC",
    b"\xd0\xcf\x11\xe0", b"II*\0", b"MM\0*", b"\x1aE\xdf\xa3",
)  # fmt: skip
_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_HEAD: Final = 64


def file_in(value: str, name: str) -> re.Match[str] | None:
    """Return the file that a text is, None for any other text."""
    return None if name in _SPOKEN else FILE.fullmatch(value)


def text_of(kind: str, said: str) -> str | None:
    """Return the text of a file, None for a file that is none. Raises ValueError for what is no file, but a text as it stands there."""
    if not _BASE64.fullmatch(said):
        raise ValueError("no base64")
    head = base64.b64decode("".join(said[:_HEAD].split())[:16])
    if head.startswith(_BEGINNINGS) or head[4:8] == b"ftyp":
        return None
    raw = base64.b64decode("".join(said.split()), validate=True)
    if raw.startswith(_MARKS):
        return raw.decode("utf-16", "replace")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        if _TEXTUAL.fullmatch(kind.partition(";")[0].strip()):
            return raw.decode("latin-1")
        raise
