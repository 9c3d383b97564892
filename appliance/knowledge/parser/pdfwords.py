"""The strings in a PDF's own objects (ISO 32000-1, 7.3.4): properties, outlines, links, fields, alternative texts, scripts; and its XML.

pdfium has no question for most of them. They are checked, not searched. What is drawn on a page is not among them.
"""

import re
import zlib
from collections.abc import Iterator

from .blocks import Output
from .rest import Rest

_STREAM = re.compile(rb">>\s*stream\r?\n")
_STRING = re.compile(rb"\(((?:[^()\\]|\\.|\((?:[^()\\]|\\.)*\))*)\)|(?<!<)<([0-9A-Fa-f\s]{8,})>", re.DOTALL)
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|(\r?\n)|(.))", re.DOTALL)
_PLAIN = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"", b"f": b""}
_ABOUT, _STREAM_BYTES, _ALL_BYTES, _PEEK = 400, 20_000_000, 100_000_000, 64
_PRINTED = 0.8  # of the signs of a text; what has fewer is a key or a digest
_FILE = re.compile(rb"PK\x03\x04[\x0a\x14\x2d\x33\x3f]\0")
_END = b"%%EOF"


def take_words(content: bytes, output: Output, rest: Rest) -> None:
    """Take every string outside of what is drawn. A PDF whose strings are encrypted has none that can be read here."""
    begin = max(0, content.find(b"%PDF-"))
    rest.take_bytes(content[:begin])
    behind = content[content.rfind(_END) + len(_END) :] if _END in content else b""
    rest.take_bytes(behind)
    if _FILE.search(behind):
        output.miss("", "unsupported")
    if b"/Encrypt" in content:
        return
    left = _ALL_BYTES
    place = begin
    while match := _STREAM.search(content, place):
        _take_strings(content[place : match.start()], rest)
        end = content.find(b"endstream", match.end())
        end = len(content) if end < 0 else end
        about = content[max(place, match.start() - _ABOUT) : match.start()]
        body = content[match.end() : end]
        if b"/EmbeddedFile" in about:
            _attach(about, body, output)
        else:
            left -= _take_stream(about[about.rfind(b" obj") + 1 :], body, rest, left)
        place = end
    _take_strings(content[place:], rest)


def _take_stream(about: bytes, body: bytes, rest: Rest, left: int) -> int:
    """Take what a stream says if it holds objects or XML; return how much was unpacked."""
    if b"/Image" in about or left <= 0:
        return 0
    is_packed = b"/FlateDecode" in about or b"/Fl " in about
    try:
        if (
            is_packed
            and b"/ObjStm" not in about
            and not _is_markup(zlib.decompressobj().decompress(body[: _PEEK * 4], _PEEK))
        ):
            return 0
        text = zlib.decompressobj().decompress(body, min(_STREAM_BYTES, left)) if is_packed else body
    except zlib.error:
        return 0
    if b"/ObjStm" in about:
        _take_strings(text, rest)
    elif _is_markup(text[:_PEEK]):
        rest.take_markup(text)
    return len(text)


def _attach(about: bytes, body: bytes, output: Output) -> None:
    """Hand over a file that stands nowhere among the attachments, but beside a page or an object."""
    if b"/Filter" in about and b"/FlateDecode" not in about:
        return
    try:
        file = (
            zlib.decompressobj().decompress(body, _ALL_BYTES)
            if b"/Filter" in about
            else body.removesuffix(b"\n").removesuffix(b"\r")
        )
    except zlib.error:
        output.miss("attachment", "damaged")
        return
    if not any(file.strip() == known.strip() for _, known in output.attached):
        output.attach("attachment", file)


def _is_markup(head: bytes) -> bool:
    return head.lstrip(b"\xef\xbb\xbf\xfe\xff \t\r\n\0").startswith((b"<?", b"<x", b"<\0"))


def _take_strings(part: bytes, rest: Rest) -> None:
    for text in _strings(part):
        shown = sum(sign.isprintable() or sign.isspace() for sign in text)
        if shown >= _PRINTED * len(text):
            rest.say(text)


def _strings(part: bytes) -> Iterator[str]:
    for match in _STRING.finditer(part):
        if match[2] is not None:
            digits = b"".join(match[2].split())
            raw = bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode("ascii"))
            if not raw.startswith(b"\xfe\xff") and sum(32 <= byte < 127 for byte in raw) < _PRINTED * len(raw):  # noqa: PLR2004 - ASCII
                continue  # a key, or the signs of a font
        else:
            raw = _ESCAPE.sub(_unescaped, match[1])
        if raw.startswith(b"\xfe\xff"):
            yield raw[2:].decode("utf-16-be", "replace")
        else:
            yield raw.removeprefix(b"\xef\xbb\xbf").decode(
                "utf-8" if raw.startswith(b"\xef\xbb\xbf") else "cp1252", "replace"
            )


def _unescaped(match: re.Match[bytes]) -> bytes:
    if match[1]:
        return bytes([int(match[1], 8) & 0xFF])
    return b"" if match[2] else _PLAIN.get(match[3], match[3])
