"""RFC 3161 time stamps: what is asked of an authority, what its answer says, and whether it is the authority's.

The few lines of DER that a request and an answer need are ours; certificates and signatures are judged by `openssl ts -verify`,
which knows more of them than a verifier of ours would. Where openssl is missing nothing is proven, and that is said.
"""

import hashlib
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_SHA256 = bytes.fromhex("300d06096086480165030402010500")
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_TST_INFO = bytes.fromhex("060b2a864886f70d0109100104")
_SEQUENCE, _INTEGER, _OCTETS, _BOOLEAN, _TIME, _EXPLICIT = 0x30, 0x02, 0x04, 0x01, 0x18, 0xA0
_LONG, _MOST_LENGTH = 0x80, 4
_GRANTED = (0, 1)
_SECONDS = 20
_MOST_BYTES = 64_000
"""Of an answer; they are of a few thousand, with all certificates."""


class StampBroken(ValueError):
    """What should be a time stamp cannot be read as one, or says something else."""


class NoOpenssl(Exception):
    """There is no openssl here to judge a time stamp with, or it gives no answer."""


@dataclass(frozen=True)
class Stamp:
    """What an answer says: the digest of what was stamped, when, and the number that the request had."""

    digest: bytes
    at: datetime
    nonce: int | None


def stamp_request(content: bytes, nonce: int) -> bytes:
    """Return the request for a time stamp over some content (its SHA-256 alone leaves), with the authority's certificate."""
    imprint = _der(_SEQUENCE, _SHA256 + _der(_OCTETS, hashlib.sha256(content).digest()))
    number = nonce.to_bytes(nonce.bit_length() // 8 + 1, "big")
    return _der(_SEQUENCE, _der(_INTEGER, b"\x01") + imprint + _der(_INTEGER, number) + _der(_BOOLEAN, b"\xff"))


def read_stamp(answer: bytes) -> Stamp:
    """Return what an answer says. Nothing of it is proven by that. Raises StampBroken."""
    if len(answer) > _MOST_BYTES:
        raise StampBroken("larger than any time stamp")
    try:
        return _read(answer)
    except (IndexError, ValueError) as error:
        raise StampBroken(str(error) or "cut short") from error


def is_stamped(answer: bytes, content: bytes, certificates: Path) -> bool:
    """Say whether an authority of these certificates stamped the content. Raises StampBroken, NoOpenssl.

    The certificates are judged as of the moment of the stamp: it outlives them.
    """
    at = str(int(read_stamp(answer).at.timestamp()))
    openssl = shutil.which("openssl")
    if openssl is None:
        raise NoOpenssl
    with tempfile.TemporaryDirectory() as directory:
        token, said = Path(directory, "token.tsr"), Path(directory, "content")
        token.write_bytes(answer)
        said.write_bytes(content)
        command = [openssl, "ts", "-verify", "-in", str(token), "-data", str(said), "-CAfile", str(certificates),
                   "-attime", at]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, check=False, timeout=_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise NoOpenssl from error
    return done.returncode == 0


def _read(answer: bytes) -> Stamp:
    status, token = _inside(_only(answer, _SEQUENCE))[:2]
    if int.from_bytes(_inside(_only(status, _SEQUENCE))[0][2:], "big") not in _GRANTED:
        raise ValueError("the authority granted no time stamp")
    kind, wrapped = _inside(_only(token, _SEQUENCE))
    signed = _inside(_only(_only(wrapped, _EXPLICIT), _SEQUENCE))
    inner, content = _inside(_only(signed[2], _SEQUENCE))
    if kind != _SIGNED_DATA or inner != _TST_INFO:
        raise ValueError("not a time stamp")
    said = _inside(_only(_only(_only(content, _EXPLICIT), _OCTETS), _SEQUENCE))
    algorithm, digest = _inside(_only(said[2], _SEQUENCE))
    if algorithm not in {_SHA256, _der(_SEQUENCE, _SHA256[2:-2])}:  # the parameters may be left out
        raise ValueError("stamped by another digest than SHA-256")
    numbers = [one for one in said[5:] if one[0] == _INTEGER]
    nonce = int.from_bytes(_only(numbers[0], _INTEGER), "big") if numbers else None
    return Stamp(_only(digest, _OCTETS), _moment(_only(said[4], _TIME)), nonce)


def _moment(written: bytes) -> datetime:
    text = written.decode("ascii")
    if not text.endswith("Z"):
        raise ValueError("a time that is not in UTC")
    whole, _, part = text[:-1].partition(".")
    return datetime.strptime(whole, "%Y%m%d%H%M%S").replace(microsecond=int(f"{part:0<6.6}"), tzinfo=UTC)


def _inside(content: bytes) -> list[bytes]:
    """Return the values that stand one behind the other."""
    found = []
    while content:
        length = _length(content)
        found.append(content[:length])
        content = content[length:]
    return found


def _only(value: bytes, tag: int) -> bytes:
    """Return the content of one value with this tag."""
    if value[0] != tag or _length(value) != len(value):
        raise ValueError("not the value that stands here")
    return value[_head(value) :]


def _length(value: bytes) -> int:
    head = _head(value)
    size = value[1] if value[1] < _LONG else int.from_bytes(value[2:head], "big")
    if head + size > len(value):
        raise ValueError("cut short")
    return head + size


def _head(value: bytes) -> int:
    if value[1] < _LONG:
        return 2
    digits = value[1] - _LONG
    if not 1 <= digits <= _MOST_LENGTH:
        raise ValueError("a length that nobody needs")
    return 2 + digits


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < _LONG:
        return bytes([tag, size]) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, _LONG + len(digits)]) + digits + content
