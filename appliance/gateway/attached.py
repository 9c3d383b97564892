"""Files within a request, in base64: which of them say something that can be looked at here.

What a program calls a picture is one only if it begins like one, and as no text does: else whatever stands there is a text, as is what a
program calls one. What stands where a model reads text is never a file.
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
_PLAIN: Final = re.compile(rb"[\t\n\r\x20-\x7e]{16}")
"""No text in UTF-16 but by chance: behind its mark stands one that whoever does not know the mark reads as it is."""
_HEAD: Final = 64


def file_in(value: str, name: str) -> re.Match[str] | None:
    """Return the file that a text is, None for any other text."""
    return None if name in _SPOKEN else FILE.fullmatch(value)


def text_of(kind: str, said: str) -> str | None:
    """Return the text of a file, None for a file that is none. Raises ValueError for what is no file, but a text as it stands there."""
    if not _BASE64.fullmatch(said):
        raise ValueError("no base64")
    head = base64.b64decode("".join(said[:_HEAD].split())[:16])
    is_text = _TEXTUAL.fullmatch(kind.partition(";")[0].strip()) is not None
    if begins_like_a_file(head) and not is_text and not _is_plain(head):
        return None
    raw = base64.b64decode("".join(said.split()), validate=True)
    if raw.startswith(_MARKS):
        return raw.decode("utf-8", "replace") if _PLAIN.search(raw) else raw.decode("utf-16", "replace")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        if is_text:
            return raw.decode("latin-1")
        if begins_like_a_file(head):
            return None
        raise


def begins_like_a_file(raw: bytes) -> bool:
    """Say whether bytes begin like a picture, a sound, a document or an archive."""
    return raw.startswith(_BEGINNINGS) or raw[4:8] == b"ftyp"


def _is_plain(head: bytes) -> bool:
    """Say whether bytes may be the beginning of a text, as those of most files are not."""
    return head.isascii() and b"\0" not in head
