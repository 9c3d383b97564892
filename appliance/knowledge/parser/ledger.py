"""Every byte of a ZIP archive has its place: in a member, in the directory, or it is told as unread (APPNOTE 6.3.9).

Other programs find members by their own heads and not by the directory, so that what the directory leaves out may be seen.
"""

import copy
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

_DESCRIBED = 0x8  # sizes come behind the content
_LOCAL, _ENTRY, _END = 30, 46, 22  # fixed lengths of the three heads
_WITHOUT_END = 1 << 40


def has_more(content: bytes, archive: zipfile.ZipFile) -> bool:
    """Say whether the file holds bytes that its directory does not name, or one name twice."""
    names = archive.namelist()
    if len(set(names)) < len(names):
        return True
    try:
        spans = sorted([*(_span(content, entry) for entry in archive.infolist()), *_directory(content, archive)])
    except struct.error:
        return True
    place = 0
    for begin, end in spans:
        if content[place:begin].strip(b"\0"):
            return True
        place = max(place, end)
    return bool(content[place:].strip(b"\0"))


def _span(content: bytes, entry: zipfile.ZipInfo) -> tuple[int, int]:
    name, extra = struct.unpack_from("<HH", content, entry.header_offset + 26)
    end = entry.header_offset + _LOCAL + name + extra + entry.compress_size
    if entry.flag_bits & _DESCRIBED:
        end += next(
            (len(described) for described in _descriptions(entry) if content.startswith(described, end)),
            0,
        )
    return entry.header_offset, end


def _descriptions(entry: zipfile.ZipInfo) -> Iterator[bytes]:
    for sign in (b"PK\x07\x08", b""):
        yield sign + struct.pack("<IQQ", entry.CRC, entry.compress_size, entry.file_size)
        if max(entry.compress_size, entry.file_size) < 1 << 32:
            yield sign + struct.pack("<III", entry.CRC, entry.compress_size, entry.file_size)


def _directory(content: bytes, archive: zipfile.ZipFile) -> Iterator[tuple[int, int]]:
    place = archive.start_dir
    while content.startswith(b"PK\x01\x02", place):
        place += _ENTRY + sum(struct.unpack_from("<HHH", content, place + 28))
    for sign, form, at, fixed in (
        (b"PK\x05\x05", "<H", 4, 6),
        (b"PK\x06\x06", "<Q", 4, 12),
        (b"PK\x06\x07", "", 0, 20),
    ):
        if content.startswith(sign, place):
            place += fixed + (struct.unpack_from(form, content, place + at)[0] if form else 0)
    if content.startswith(b"PK\x05\x06", place):
        place += _END + struct.unpack_from("<H", content, place + 20)[0]
    yield archive.start_dir, place


@contextmanager
def opened(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[zipfile.ZipExtFile]:
    """Open a member to its real end: what is behind the size that it declares is read, or its checksum fails."""
    unbounded = copy.copy(entry)
    unbounded.file_size = _WITHOUT_END
    with archive.open(unbounded) as file:
        yield file  # type: ignore[misc] # for reading it is one


def is_spent(file: zipfile.ZipExtFile) -> bool:
    """Say whether nothing is left behind the end of a member that was read to its end."""
    # The standard library passes over it in silence, and has no other way to ask.
    unused = getattr(getattr(file, "_decompressor", None), "unused_data", b"")
    return not unused and not getattr(file, "_compress_left", 0)
