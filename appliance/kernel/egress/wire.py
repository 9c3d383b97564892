"""HTTP/1.1 heads (RFC 9112), written and read without leniency.

Whoever reads a message in another way than we do can smuggle a second one into it. So a head that could be read in two
ways is refused, in both directions: no folded lines, no bare line feeds, no length said twice, no length beside chunks.
"""

import re
from dataclasses import dataclass
from typing import Final

from appliance.kernel.egress.errors import AnswerBroken, OutgoingMalformed
from appliance.kernel.egress.targets import Target
from appliance.kernel.egress.values import Outgoing

LARGEST_HEAD: Final = 65_536
_MOST_HEADERS: Final = 128
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[^\0-\x08\x0a-\x1f\x7f]*")
_STATUS: Final = re.compile(r"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: [^\0-\x08\x0a-\x1f\x7f]*)?")
_LENGTH: Final = re.compile(r"[0-9]{1,18}")
_OURS: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect"}
    | {"proxy-connection", "proxy-authorization", "proxy-authenticate", "accept-encoding"}
)
_NO_CONTENT, _NOT_MODIFIED, _SWITCHING, _FINAL = 204, 304, 101, 200


@dataclass(frozen=True)
class Head:
    """An answer's head. Names as they came; the length is None where it is not said."""

    status: int
    headers: tuple[tuple[str, str], ...]
    is_chunked: bool
    length: int | None
    is_kept: bool

    @property
    def is_interim(self) -> bool:
        """Whether the answer is still to come."""
        return self.status < _FINAL

    def has_body(self, method: str) -> bool:
        """Return whether a body follows."""
        return method != "HEAD" and self.status not in {_NO_CONTENT, _NOT_MODIFIED}


def request_head(outgoing: Outgoing, target: Target) -> bytes:
    """Return the request's head as bytes. Raises OutgoingMalformed; what was wrong with a value is not repeated."""
    if outgoing.method not in _METHODS:
        raise OutgoingMalformed(reason="its method is none that we know")
    lines = [f"{outgoing.method} {target.path} HTTP/1.1", f"Host: {target.authority}", "Accept-Encoding: identity"]
    for name, value in outgoing.headers:
        if not _TOKEN.fullmatch(name):
            raise OutgoingMalformed(reason="the name of a header has signs that do not belong there")
        if name.lower() in _OURS:
            raise OutgoingMalformed(reason=f"the header {name} is written by egress alone")
        if not _VALUE.fullmatch(value) or value != value.strip(" \t"):
            raise OutgoingMalformed(reason=f"the header {name} has signs that do not belong there")
        lines.append(f"{name}: {value}")
    if outgoing.body or outgoing.method in {"POST", "PUT", "PATCH"}:
        lines.append(f"Content-Length: {len(outgoing.body)}")
    try:
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
    except UnicodeEncodeError:
        raise OutgoingMalformed(reason="a header has letters that no header can hold") from None
    if len(head) > LARGEST_HEAD:
        raise OutgoingMalformed(reason="its headers are too large")
    return head


def answer_head(head: bytes, *, host: str) -> Head:
    """Return what an answer's head says. Raises AnswerBroken."""
    first, *lines = head.decode("latin-1").split("\r\n")
    status = _STATUS.fullmatch(first)
    if status is None:
        raise AnswerBroken(host=host, reason="it does not begin as HTTP/1.1 does")
    if len(lines) > _MOST_HEADERS:
        raise AnswerBroken(host=host, reason="it has too many headers")
    headers = tuple(_field(line, host) for line in lines)
    named: dict[str, list[str]] = {}
    for name, value in headers:
        named.setdefault(name.lower(), []).append(value)
    is_old, code = status[1] == "0", int(status[2])
    if code == _SWITCHING:
        raise AnswerBroken(host=host, reason="it changes the protocol, unasked")
    options = {option.strip().lower() for value in named.get("connection", ()) for option in value.split(",")}
    is_chunked, length = _framing(named, is_old=is_old, host=host)
    return Head(code, headers, is_chunked, length, is_kept=not is_old and "close" not in options)


def _field(line: str, host: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
        raise AnswerBroken(host=host, reason="a header cannot be read")
    return name, value.strip(" \t")


def _framing(named: dict[str, list[str]], *, is_old: bool, host: str) -> tuple[bool, int | None]:
    codings, lengths = named.get("transfer-encoding"), named.get("content-length")
    if codings is not None:
        if lengths is not None or is_old or [coding.lower() for coding in codings] != ["chunked"]:
            raise AnswerBroken(host=host, reason="its length is said in two ways, or in one that we do not know")
        return True, None
    if lengths is None:
        return False, None
    if len(lengths) != 1 or not _LENGTH.fullmatch(lengths[0]):
        raise AnswerBroken(host=host, reason="its length is said twice, or is no number")
    return False, int(lengths[0])
