"""AWS's event stream, in which Bedrock wraps a stream, unwrapped into the server-sent events that are in it.

https://docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html: four bytes of a message's length, four of its
headers', a CRC of these, the headers, the payload, and a CRC of all before it. Bedrock's payload holds an event's JSON in
Base64. Trusted: nothing of it; what is not as the format says breaks the answer off.
"""

import re
import struct
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from zlib import crc32

from appliance.gateway.dialects.bodies import read_json
from appliance.gateway.dialects.errors import error_event, read_error
from appliance.gateway.dialects.frames import UNREADABLE, Broken, unreadable
from appliance.gateway.dialects.sse import LARGEST_EVENT
from appliance.gateway.dialects.values import Dialect, Fault, TokenCount

CONTENT_TYPE: Final = "application/vnd.amazon.eventstream"
_PRELUDE, _CRC, _LONGEST_HEADERS = 12, 4, 128 * 1024
_LENGTHS: Final = struct.Struct(">II")
_NUMBER: Final = struct.Struct(">I")
_SHORT: Final = struct.Struct(">H")
# How long the values of headers are by their kind; those of 6 and 7, bytes and texts, say so themselves.
_SIZES: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
_BYTES, _TEXT = 6, 7
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_STATUS: Final = {
    "internalServerException": 500, "modelNotReadyException": 429, "modelStreamErrorException": 502,
    "modelTimeoutException": 504, "serviceQuotaExceededException": 429, "serviceUnavailableException": 503,
    "throttlingException": 429, "validationException": 400,
}  # fmt: skip


@dataclass(frozen=True)
class Message:
    """One message: its headers that are texts, and what it carries."""

    headers: Mapping[str, str]
    payload: bytes


class MessageReader:
    """Cuts a stream into messages, whatever the borders of its chunks."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """Yield the messages that this chunk completes. Raises Broken, once those before it were yielded."""
        self._rest += chunk
        while len(self._rest) >= _PRELUDE:
            length, headers = _LENGTHS.unpack_from(self._rest)
            if crc32(self._rest[:8]) != _NUMBER.unpack_from(self._rest, 8)[0]:
                raise unreadable("a message's lengths are not what their CRC says")
            least = _PRELUDE + headers + _CRC
            if headers > _LONGEST_HEADERS or not least <= length <= LARGEST_EVENT:
                raise unreadable("a message is beyond all measure")
            if len(self._rest) < length:
                return
            whole = bytes(self._rest[:length])
            del self._rest[:length]
            if crc32(whole[:-_CRC]) != _NUMBER.unpack_from(whole, length - _CRC)[0]:
                raise unreadable("a message is not what its CRC says")
            yield Message(_headers(whole[_PRELUDE : _PRELUDE + headers]), whole[_PRELUDE + headers : -_CRC])


class Inner(Protocol):
    """What takes the server-sent events, such as PassedStream and CrossStream."""

    @property
    def is_finished(self) -> bool: ...
    @property
    def fault(self) -> Fault | None: ...
    @property
    def count(self) -> TokenCount | None: ...
    def feed(self, chunk: bytes) -> bytes: ...
    def close(self) -> bytes: ...
    def fail(self, fault: Fault) -> bytes: ...


class UnwrappedStream:
    """Unwraps Anthropic's events from Bedrock's stream, for a stream of the same shape to take.

    `take` says what an event is in Anthropic's stream by its name and what it carries; without it they are wrapped whole.
    """

    def __init__(self, inner: Inner, *, take: Callable[[str, bytes], bytes] | None = None) -> None:
        self._inner, self._reader, self._take = inner, MessageReader(), take or _chunk

    @property
    def is_finished(self) -> bool:
        """Whether the answer came to its end."""
        return self._inner.is_finished

    @property
    def fault(self) -> Fault | None:
        """Why the stream broke off, if it did."""
        return self._inner.fault

    @property
    def count(self) -> TokenCount | None:
        """What the stream has said so far that was used, or None if it said nothing."""
        return self._inner.count

    def feed(self, chunk: bytes) -> bytes:
        """Return what the client is to be sent for this chunk."""
        told, events = bytearray(), bytearray()
        try:
            for message in self._reader.feed(chunk):
                events += _event(message, self._take)
        except Broken as broken:
            told += self._inner.feed(bytes(events))
            return bytes(told) + self._inner.fail(broken.fault)
        return self._inner.feed(bytes(events)) if events else b""

    def close(self) -> bytes:
        """Return what the client is to be sent when the provider sends no more."""
        return self._inner.close()

    def fail(self, fault: Fault) -> bytes:
        """Return the error that ends the stream, for whoever breaks it off; nothing once it is over."""
        return self._inner.fail(fault)


def _event(message: Message, take: Callable[[str, bytes], bytes]) -> bytes:
    """Return a message as Anthropic's own stream has it; nothing for a kind that is not known. Raises Broken."""
    kind = message.headers.get(":message-type")
    if kind == "exception":
        return _failed(message.headers.get(":exception-type", ""), message.payload)
    if kind == "error":
        said = message.headers.get(":error-message", "")
        return error_event(Dialect.MESSAGES, Fault(502, message.headers.get(":error-code") or UNREADABLE, said))
    return take(message.headers.get(":event-type", ""), message.payload)


def _chunk(name: str, payload: bytes) -> bytes:
    if name != "chunk":
        return b""
    try:
        data = b64decode(_object(payload)["bytes"], validate=True)
        name = str(_object(data)["type"])
    except (ValueError, TypeError, KeyError) as error:
        raise unreadable("a message holds no event") from error
    if not name.isascii() or not name.isprintable():
        raise unreadable("an event has no name")
    lines = b"".join(b"data: " + line + b"\n" for line in _LINE_END.split(data))
    return b"event: " + name.encode() + b"\n" + lines + b"\n"


def _failed(name: str, payload: bytes) -> bytes:
    fault = read_error(_STATUS.get(name, 502), payload)
    return error_event(Dialect.MESSAGES, Fault(fault.status, name or fault.code, fault.message))


def _object(raw: bytes) -> Mapping[str, Any]:
    body = read_json(raw)
    if not isinstance(body, dict):
        raise TypeError
    return body


def _headers(raw: bytes) -> dict[str, str]:
    """Return the headers that are texts. Raises Broken unless they fill their room exactly."""
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(raw):
            begins = at + 1 + raw[at]
            name, kind, at = raw[at + 1 : begins].decode(), raw[begins], begins + 1
            if kind in {_BYTES, _TEXT}:
                ends = at + 2 + _SHORT.unpack_from(raw, at)[0]
                if kind == _TEXT:
                    found[name] = raw[at + 2 : ends].decode()
                at = ends
            else:
                at += _SIZES[kind]
    except (IndexError, KeyError, struct.error, UnicodeDecodeError) as error:
        raise unreadable("a message's headers cannot be read") from error
    if at != len(raw):
        raise unreadable("a message's headers cannot be read")
    return found
