"""Content as mails carry it: base64, quoted-printable and uuencode, also where a program wrote them badly."""

import binascii
import re
from collections.abc import Iterator

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
KNOWN = frozenset(
    {"", "7bit", "8bit", "binary", "base64", "quoted-printable", "x-uuencode", "uuencode", "x-uue", "uue"}
)
_BASE64_LINE = re.compile(rb"[A-Za-z0-9+/]*={0,2}[ \t\r]*")
_UU_BEGINS = re.compile(rb"^begin [0-7]{3,4} ([^\r\n]+)\r?\n([^\r\n]+)", re.MULTILINE)
_UU = re.compile(rb"^begin [0-7]{3,4} ([^\r\n]+)\r?\n(.*?)^(?:`|[ ])?\r?\n?end[ \t]*\r?$", re.MULTILINE | re.DOTALL)


def from_transfer(body: bytes, encoding: str) -> bytes:
    """Return the content of a body in a Content-Transfer-Encoding; one that is unknown leaves it as it is."""
    name = meant_encoding(encoding)
    if name == "base64":
        return from_base64(body)
    if name == "quoted-printable":
        return binascii.a2b_qp(body)
    if name in {"x-uuencode", "uuencode", "x-uue", "uue"}:
        return b"".join(content for _, content in uuencoded(body)) or body
    return body


def meant_encoding(encoding: str) -> str:
    """Return the name of an encoding without the comments, quotes and signs around it."""
    match = re.search(r"[\w-]+", re.sub(r"\([^)]*\)", "", encoding))
    return match[0].lower() if match else ""


def beside_base64(body: bytes) -> bytes:
    """Return the lines of a body that are no base64: a program that does not decode them shows them."""
    return b"\n".join(line for line in body.splitlines() if not _BASE64_LINE.fullmatch(line))


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


def beside_uuencoded(body: bytes) -> bytes:
    """Return the lines between `begin` and `end` that are not what they should be."""
    lines = (line.rstrip() for match in _UU.finditer(body) for line in match[2].splitlines())
    return b"\n".join(line for line in lines if line and not _is_uu_line(line))


def torn_uuencoded(body: bytes) -> list[bytes]:
    """Return the names of files of which the end is missing."""
    return [match[1] for match in _UU_BEGINS.finditer(without_uuencoded(body)) if _is_uu_line(match[2].rstrip())]


def _is_uu_line(line: bytes) -> bool:
    length = (((line[0] - 32) & 63) + 2) // 3 * 4
    return length - 1 <= len(line) <= length + 2 or line == b"`"  # spaces at its end may be lost


def without_uuencoded(body: bytes) -> bytes:
    """Return a text without the files that stand in it."""
    return _UU.sub(b"", body)
