"""Outlook messages ([MS-OXMSG]): properties in streams, recipients and attachments in storages, messages in messages."""

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import olefile

from .blocks import ALTERNATIVE, METADATA, Output, Page
from .charsets import decode
from .mail import Body, body_of, chosen

_SUBJECT, _BODY, _HTML, _RTF = 0x0037, 0x1000, 0x1013, 0x1009
_SENDER, _SENDER_ADDRESS, _SENDER_SMTP = 0x0C1A, 0x0C1F, 0x5D01
_TO, _CC, _BCC, _SENT, _DELIVERED = 0x0E04, 0x0E03, 0x0E02, 0x0039, 0x0E06
_CODE_PAGE, _INTERNET_CODE_PAGE = 0x3FFD, 0x3FDE
_DATA, _LONG_NAME, _NAME, _SHOWN_NAME, _CONTENT_ID = 0x3701, 0x3707, 0x3704, 0x3001, 0x3712
_TEXT8, _TEXT16, _BINARY, _OBJECT, _TIME, _NUMBER = 0x001E, 0x001F, 0x0102, 0x000D, 0x0040, 0x0003
_ID_TEXTS = ((_CONTENT_ID, _TEXT16), (_CONTENT_ID, _TEXT8))
_PROPERTY = re.compile(r"__substg1\.0_([0-9A-Fa-f]{4})([0-9A-Fa-f]{4})$")
_PROPERTIES = "__properties_version1.0"
_READ = frozenset({(_DATA, _BINARY), (_RTF, _BINARY), (_HTML, _BINARY)})
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_DEPTH = 5
_PROPERTY_BYTES = 100_000_000
_RTF_BEGIN = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbol"
    b"ArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
_RTF_CONTROL = re.compile(rb"\\'([0-9a-fA-F]{2})|\\[a-zA-Z]+-?\d* ?|\\[^a-zA-Z]|[{}]")

Way = tuple[str, ...]


@dataclass
class _Storage:
    """The properties of a message, a recipient or an attachment."""

    streams: dict[tuple[int, int], Way] = field(default_factory=dict)
    fixed: dict[int, bytes] = field(default_factory=dict)
    below: list[str] = field(default_factory=list)


def read(file: olefile.OleFileIO) -> Output:
    """Return a message and what is attached to it."""
    output, page = Output(format="msg"), Page(None)
    output.pages.append(page)
    _Message(file, (), output, page).write(prefix="", depth=1)
    return output


def is_told(way: Sequence[str]) -> bool:
    """Say whether a stream is a text that is read, or the bytes of a file or a page that are read as such."""
    match = _PROPERTY.match(way[-1])
    if match is None:
        return False
    tag, kind = int(match[1], 16), int(match[2], 16)
    return kind == _TEXT16 or (tag, kind) in _READ


class _Message:
    """One message: the whole file, or a storage in it."""

    def __init__(self, file: olefile.OleFileIO, way: Way, output: Output, page: Page) -> None:
        self._file, self._way, self._output, self._page = file, way, output, page
        self._own = self._storage(way, header=24 if way else 32)
        self._told: set[int] = set()
        self._shown: set[str] = set()  # attachments that its page shows

    def write(self, *, prefix: str, depth: int) -> None:
        subject = self._text(_SUBJECT)
        if depth == 1:
            self._output.title = subject
        else:
            self._output.add(self._page, "heading", prefix, level=1)
        sender = [self._text(_SENDER), self._text(_SENDER_SMTP) or self._text(_SENDER_ADDRESS)]
        head = {
            "From": " ".join(dict.fromkeys(part for part in sender if part)),
            "To": self._text(_TO), "Cc": self._text(_CC), "Bcc": self._text(_BCC),
            "Date": self._time(_SENT) or self._time(_DELIVERED), "Subject": subject,
        }  # fmt: skip
        said = "\n".join(f"{name}: {value}" for name, value in head.items() if value)
        self._output.add(self._page, "paragraph", said)
        for body in self._bodies():
            self._output.take(self._page, body.output, is_lowered=depth > 1)
        self._write_rest()
        for name in self._own.below:
            if name.startswith("__attach_version1.0_"):
                self._write_attachment((*self._way, name), prefix=prefix, depth=depth)

    def _bodies(self) -> list[Body]:
        bodies = []
        if plain := self._text(_BODY):
            bodies.append(body_of("text/plain", plain, is_flowed=False))
        if page := self._html():
            bodies.append(body_of("text/html", page, is_flowed=False, find=self._find))
        packed = self._bytes(_RTF, _BINARY)
        rich = unpacked_rtf(packed) if packed else b""
        if rich and not any(body.text for body in bodies):
            self._output.attach("message.rtf", rich)
        elif rich:
            shown = Output(pages=[Page(None)])
            shown.add(shown.pages[0], "paragraph", _without_controls(rich), hidden=ALTERNATIVE)
            return [*chosen(bodies), Body("rtf", shown)]
        return chosen(bodies)

    def _find(self, place: str) -> tuple[str, bytes] | None:
        """Return an attachment that the page of this message shows."""
        wanted = place[4:] if place.lower().startswith("cid:") else ""
        for name in self._own.below if wanted else ():
            way = (*self._way, name)
            if name.startswith("__attach_version1.0_") and wanted == self._attachment_id(way):
                data = self._storage(way, header=8).streams.get((_DATA, _BINARY))
                self._shown.add(name)
                return (wanted, self._stream(data)) if data else None
        return None

    def _attachment_id(self, way: Way) -> str:
        streams = self._storage(way, header=8).streams
        found = (self._decoded(self._stream(streams[key]), key[1]) for key in _ID_TEXTS if key in streams)
        return next(found, "").strip("<>")

    def _html(self) -> str:
        number = self._number(_INTERNET_CODE_PAGE)
        self._told.add(_HTML)
        return decode(found, _code_page(number)) if (found := self._bytes(_HTML, _BINARY)) else self._text(_HTML)

    def _write_rest(self) -> None:
        """Add every other text property, and the recipients', to what is checked and not searched."""
        rest = [
            self._text(tag) for tag, kind in self._own.streams if kind in {_TEXT8, _TEXT16} and tag not in self._told
        ]
        for name in self._own.below:
            if name.startswith("__recip_version1.0_"):
                rest += self._texts_of((*self._way, name))
        self._output.add(self._page, "paragraph", "\n".join(text for text in rest if text), hidden=METADATA)

    def _texts_of(self, way: Way) -> list[str]:
        storage = self._storage(way, header=8)
        return [
            self._decoded(self._stream(stream), kind)
            for (_, kind), stream in storage.streams.items()
            if kind in {_TEXT8, _TEXT16}
        ]

    def _write_attachment(self, way: Way, *, prefix: str, depth: int) -> None:
        storage = self._storage(way, header=8)
        names = {
            tag: self._decoded(self._stream(stream), kind)
            for (tag, kind), stream in storage.streams.items()
            if kind in {_TEXT8, _TEXT16}
        }
        name = names.get(_LONG_NAME) or names.get(_NAME) or names.get(_SHOWN_NAME) or "attachment"
        inner = f"{prefix} › {name}" if prefix else name
        self._output.add(self._page, "paragraph", "\n".join(names.values()), hidden=METADATA)
        object_ = f"__substg1.0_{_DATA:04X}{_OBJECT:04X}"
        if way[-1] in self._shown:
            return
        if (data := storage.streams.get((_DATA, _BINARY))) is not None:
            self._output.attach(inner, self._stream(data))
        elif object_ not in storage.below:
            return  # a link to a file elsewhere
        elif not self._file.exists([*way, object_, _PROPERTIES]):
            self._output.miss(inner, "unsupported")
        elif depth >= _DEPTH:
            self._output.miss(inner, "too_deep")
        else:
            _Message(self._file, (*way, object_), self._output, self._page).write(prefix=inner, depth=depth + 1)

    def _storage(self, way: Way, *, header: int) -> _Storage:
        storage = _Storage()
        for found in self._file.listdir(streams=True, storages=True):
            if len(found) == len(way) + 1 and tuple(found[: len(way)]) == way:
                storage.below.append(found[-1])
                if match := _PROPERTY.match(found[-1]):
                    storage.streams[int(match[1], 16), int(match[2], 16)] = tuple(found)
        if _PROPERTIES in storage.below:
            for tag, value in _fixed(self._stream((*way, _PROPERTIES))[header:]):
                storage.fixed[tag] = value
        return storage

    def _stream(self, way: Way) -> bytes:
        content: bytes = self._file.openstream(list(way)).read(_PROPERTY_BYTES)
        return content

    def _bytes(self, tag: int, kind: int) -> bytes:
        way = self._own.streams.get((tag, kind))
        return self._stream(way) if way else b""

    def _text(self, tag: int) -> str:
        self._told.add(tag)
        for kind in (_TEXT16, _TEXT8):
            if content := self._bytes(tag, kind):
                return self._decoded(content, kind)
        return ""

    def _decoded(self, content: bytes, kind: int) -> str:
        if kind == _TEXT16:
            return content.decode("utf-16-le", "replace").rstrip("\0")
        return decode(content.rstrip(b"\0"), _code_page(self._number(_CODE_PAGE)))

    def _number(self, tag: int) -> int:
        return int.from_bytes(self._own.fixed.get(tag, b"")[:4], "little")

    def _time(self, tag: int) -> str:
        ticks = int.from_bytes(self._own.fixed.get(tag, b""), "little")
        try:
            return f"{_EPOCH + timedelta(microseconds=ticks // 10):%Y-%m-%d %H:%M} UTC" if ticks else ""
        except OverflowError:
            return ""


def _fixed(properties: bytes) -> Iterator[tuple[int, bytes]]:
    for place in range(0, len(properties) - 15, 16):
        kind, tag = struct.unpack_from("<HH", properties, place)
        if kind in {_NUMBER, _TIME}:
            yield tag, properties[place + 8 : place + 16]


def _code_page(number: int) -> str | None:
    return {0: None, 1200: None, 20866: "koi8_r", 21866: "koi8_u", 65001: "utf-8"}.get(
        number,
        f"iso8859_{number - 28590}" if 28591 <= number <= 28605 else f"cp{number}",  # noqa: PLR2004 - Windows' numbers
    )


def unpacked_rtf(packed: bytes) -> bytes:
    """Return compressed RTF as RTF ([MS-OXRTFCP]); b"" if it is not what it says."""
    if len(packed) < 16:  # noqa: PLR2004 - its header
        return b""
    _, size, kind, _ = struct.unpack_from("<IIII", packed)
    if kind == 0x414C454D:  # noqa: PLR2004 - "MELA": stored as it is
        return packed[16 : 16 + size]
    if kind != 0x75465A4C or size > _PROPERTY_BYTES:  # noqa: PLR2004 - "LZFu"
        return b""
    window = bytearray(_RTF_BEGIN + bytes(4096 - len(_RTF_BEGIN)))
    at, out, place = len(_RTF_BEGIN), bytearray(), 16
    while place < len(packed) and len(out) < size:
        flags, place = packed[place], place + 1
        for bit in range(8):
            if place >= len(packed):
                break
            if flags >> bit & 1:
                pair, place = int.from_bytes(packed[place : place + 2], "big"), place + 2
                start, length = pair >> 4, (pair & 15) + 2
                if start == at:
                    return bytes(out[:size])
            else:
                start, length = -1, 1
            for step in range(length):
                byte = packed[place] if start < 0 else window[(start + step) % 4096]
                out.append(byte)
                window[at], at = byte, (at + 1) % 4096
            place += start < 0
    return bytes(out[:size])


def _without_controls(rich: bytes) -> str:
    return decode(_RTF_CONTROL.sub(lambda match: bytes([int(match[1], 16)]) if match[1] else b" ", rich))
