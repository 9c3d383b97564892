"""Content as mails carry it: base64, quoted-printable and uuencode, also where a program wrote them badly."""

import binascii
import re
from collections.abc import Iterator

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_UU = re.compile(rb"^begin [0-7]{3,4} ([^\r\n]+)\r?\n(.*?)^(?:`|[ ])?\r?\n?end[ \t]*\r?$", re.MULTILINE | re.DOTALL)


def from_transfer(body: bytes, encoding: str) -> bytes:
    """Return the content of a body in a Content-Transfer-Encoding; one that is unknown leaves it as it is."""
    name = encoding.strip().lower()
    if name == "base64":
        return from_base64(body)
    if name == "quoted-printable":
        return binascii.a2b_qp(body)
    if name in {"x-uuencode", "uuencode", "x-uue", "uue"}:
        return b"".join(content for _, content in uuencoded(body)) or body
    return body


def from_base64(body: bytes) -> bytes:
    """Return what base64 holds; signs that are none of it are passed over, as mail programs do."""
    # Padding in the middle ends one run and begins the next: some programs encode line by line.
    runs = (_NOT_BASE64.sub(b"", run) for run in re.split(rb"=+", body))
    return b"".join(_run(run) for run in runs)


def _run(run: bytes) -> bytes:
    whole = run[:-1] if len(run) % 4 == 1 else run  # a sign too many holds no byte
    return binascii.a2b_base64(whole + b"=" * (-len(whole) % 4))


def uuencoded(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and content of files that stand in a text between `begin` and `end`."""
    for match in _UU.finditer(body):
        yield match[1], b"".join(_uu_line(line) for line in match[2].splitlines())


def _uu_line(line: bytes) -> bytes:
    if not line.strip():
        return b""
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        length = (((line[0] - 32) & 63) * 4 + 5) // 3  # the line's own count, where spaces at its end were lost
        try:
            return binascii.a2b_uu(line[:length])
        except binascii.Error:
            return b""


def without_uuencoded(body: bytes) -> bytes:
    """Return a text without the files that stand in it."""
    return _UU.sub(b"", body)
