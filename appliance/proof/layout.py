"""Sees to it that every program reads the same files from a package.

A ZIP can be read by the list at its end, or from its beginning on, and the two may differ: in what stands before, between or
behind the members, in comments and extra fields, and where a member's own header has another name or length than the list. A member
may also hold more than both say. So a package may have none of that.
"""

import stat
import struct
import zipfile
import zlib
from typing import IO

_LOCAL = struct.Struct("<4s5H3I2H")
_END = struct.Struct("<4s4H2IH")
_END_64, _LOCATOR = struct.Struct("<4sQ2H2I4Q"), struct.Struct("<4sIQI")
_SIZES_64 = struct.Struct("<2H2Q")
_LISTED = 46
"""Bytes of a member in the list, before its name."""
_FOLDER = 0x10
_UNSAID_16, _UNSAID_32 = 0xFFFF, 0xFFFFFFFF
_HARMLESS = 0x0806
"""The flags that may be set: the name is UTF-8, and how hard was compressed. Not among them: encrypted, or sizes behind the content."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_PIECE = 1 << 20
_WIDE = (12, 20, 28)
"""Bytes of that field: one number, two or three."""


class LayoutOdd(ValueError):
    """A ZIP is not laid out as we lay one out."""


def check_layout(archive: zipfile.ZipFile) -> None:
    """Raise LayoutOdd unless the file is its members, one behind the other, their list, and its end. Names are checked before."""
    file, at, listed = archive.fp, 0, 0
    assert file is not None  # noqa: S101 - it is open
    for info in sorted(archive.infolist(), key=lambda one: one.header_offset):
        name = info.orig_filename.encode()
        is_plain = info.orig_filename == info.filename and not info.comment and _is_wide_alone(info.extra)
        is_file = stat.S_IFMT(info.external_attr >> 16) in {0, stat.S_IFREG} and not info.external_attr & _FOLDER and info.volume == 0
        if not is_plain or not is_file or info.flag_bits & ~_HARMLESS or info.compress_type not in _METHODS:
            raise LayoutOdd(f"{info.filename} is packed in another way than we do, which programs read in ways of their own")
        if info.header_offset != at:
            raise LayoutOdd(f"something stands before {info.filename} that only some programs show")
        at += _member(file, info, name) + info.compress_size
        if not _is_as_long_as_said(file, info):
            raise LayoutOdd(f"{info.filename} holds more, or less, than its length says")
        listed += _LISTED + len(name) + len(info.extra)
    if at != archive.start_dir or not _ends(file, at, listed, len(archive.infolist())):
        raise LayoutOdd("something stands between the members and the end of the package, or behind it, that only some programs show")


def _member(file: IO[bytes], info: zipfile.ZipInfo, name: bytes) -> int:
    """Return the length of a member's own header. Raises LayoutOdd unless it says what the list says."""
    file.seek(info.header_offset)
    head = file.read(_LOCAL.size)
    if len(head) < _LOCAL.size:
        raise LayoutOdd(f"{info.filename} is listed and not there")
    sign, _, flags, method, _, _, crc, packed, size, name_length, extra_length = _LOCAL.unpack(head)
    length: int = _LOCAL.size + name_length + extra_length
    written, extra = file.read(name_length), file.read(extra_length)
    wide = _SIZES_64.unpack(extra)[2:] if len(extra) == _SIZES_64.size else (size, packed)
    is_sized = all(said in {is_so, _UNSAID_32} for said, is_so in zip((size, packed), wide, strict=True)) and wide == (info.file_size, info.compress_size)
    is_same = (flags, method, crc, written) == (info.flag_bits, info.compress_type, info.CRC, name) and sign == b"PK\x03\x04"
    if not is_same or not is_sized or not _is_wide_alone(extra):
        raise LayoutOdd(f"{info.filename} has a header that says something else than the list of the package")
    return length


def _is_as_long_as_said(file: IO[bytes], info: zipfile.ZipInfo) -> bool:
    """Say whether a member, at whose content the file is, is neither longer nor shorter than it says, packed and unpacked."""
    if info.compress_type == zipfile.ZIP_STORED:
        return info.file_size == info.compress_size
    unpacking, left, size = zlib.decompressobj(-zlib.MAX_WBITS), info.compress_size, 0
    while left and size <= info.file_size and not unpacking.eof:
        packed = file.read(min(left, _PIECE))
        if not packed:
            return False
        left -= len(packed)
        while (unpacked := unpacking.decompress(packed, _PIECE)) and size <= info.file_size:
            size, packed = size + len(unpacked), unpacking.unconsumed_tail
    return unpacking.eof and not left and not unpacking.unused_data and size == info.file_size


def _is_wide_alone(extra: bytes) -> bool:
    """Say whether there is no extra field but, at most, the one for sizes beyond 4 GB."""
    return not extra or (extra[:2] == b"\x01\x00" and len(extra) in _WIDE and len(extra) == 4 + int.from_bytes(extra[2:4], "little"))


def _ends(file: IO[bytes], at: int, listed: int, members: int) -> bool:
    """Say whether the list and its end stand at `at`, and the file ends there."""
    file.seek(at + listed)
    rest = file.read(_END_64.size + _LOCATOR.size + _END.size + 1)
    if len(rest) not in {_END.size, _END_64.size + _LOCATOR.size + _END.size}:
        return False
    sign, disk, first, here, count, size, offset, comment = _END.unpack(rest[-_END.size :])
    told = ((disk, 0, _UNSAID_16), (first, 0, _UNSAID_16), (here, members, _UNSAID_16), (count, members, _UNSAID_16), (size, listed, _UNSAID_32), (offset, at, _UNSAID_32))
    if sign != b"PK\x05\x06" or comment:
        return False
    if len(rest) == _END.size:
        return all(said == is_so for said, is_so, _ in told)
    wide, locator = _END_64.unpack_from(rest), _LOCATOR.unpack_from(rest, _END_64.size)
    expected = (b"PK\x06\x06", _END_64.size - 12, *wide[2:4], 0, 0, members, members, listed, at)
    return wide == expected and locator == (b"PK\x06\x07", 0, at + listed, 1) and all(said in both for said, *both in told)
