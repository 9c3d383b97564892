"""A ZIP archive of files: each is handed over, none is written anywhere. A name in it is shown and never used as a path."""

import re
import zipfile
import zlib
from lzma import LZMAError

from .blocks import ATTACHED_BYTES, METADATA, Output, Page
from .charsets import decode
from .ledger import is_spent, opened

_ENCRYPTED = 0x1
_NAME_IS_UTF8 = 0x800
_CHUNK = 1_000_000
# What the Finder puts beside files: it holds colours and window places. Its words are checked, and no reader misses them.
_BESIDE = (b"\x00\x05\x16\x07", b"\x00\x00\x00\x01Bud1")
_BESIDE_NAME = re.compile(r"(?:^|/)(?:\._[^/]*|\.DS_Store)$")
# What the standard library raises for an archive that is not whole, or not what it says.
BROKEN = (zipfile.BadZipFile, zlib.error, LZMAError, OSError, EOFError, ValueError, KeyError, RuntimeError)
# Signs of one byte, and of two in alphabets from Latin to Hebrew.
_WORDS = re.compile(
    rb"((?:[\x20-\x7e\xa0-\xff]\x00|[\x00-\xff][\x01-\x05]){6,})|((?:\x00[\x20-\x7e]){6,})|([\x20-\x7e]{6,})"
)


def read(archive: zipfile.ZipFile) -> Output:
    """Hand over what is in the archive; what cannot be unpacked is told by name."""
    output, page = Output(format="zip"), Page(None)
    output.pages.append(page)
    output.add(page, "paragraph", archive.comment.decode("utf-8", "replace"), hidden=METADATA)
    left = 2 * ATTACHED_BYTES  # for what is unpacked in vain too
    for entry in archive.infolist():
        name = _name(entry)
        output.add(page, "paragraph", entry.comment.decode("utf-8", "replace"), hidden=METADATA)
        output.add(page, "paragraph", words(entry.extra), hidden=METADATA)
        if entry.filename.endswith("/") and not (entry.compress_size and entry.file_size):
            output.add(page, "paragraph", name, hidden=METADATA)
            continue
        if left <= 0:
            output.miss("", "too_many_files")
            break
        content, code = _unpacked(archive, entry, min(left, ATTACHED_BYTES))
        left -= len(content)
        if code:
            output.miss(name, code)
        elif content.startswith(_BESIDE) and _BESIDE_NAME.search(name):
            output.add(page, "paragraph", words(content), hidden=METADATA)
        else:
            output.attach(name, content)
    return output


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> tuple[bytes, str]:
    """Return the content and why it is not whole, "" if it is. The size that the archive declares is not believed."""
    if is_locked(entry):
        return b"", "encrypted"
    parts, size = [], 0
    try:
        with opened(archive, entry) as file:
            while part := file.read(_CHUNK):
                parts.append(part)
                size += len(part)
                if size > most:
                    return b"".join(parts), "bomb"
            if not is_spent(file):
                return b"".join(parts), "damaged"
    except NotImplementedError:
        return b"", "unsupported"  # a compression that we do not know
    except BROKEN:
        return b"".join(parts), "damaged"
    return b"".join(parts), ""


def is_locked(entry: zipfile.ZipInfo) -> bool:
    """Say whether a member asks for a password."""
    return bool(entry.flag_bits & _ENCRYPTED)


def _name(entry: zipfile.ZipInfo) -> str:
    if entry.flag_bits & _NAME_IS_UTF8 or entry.filename.isascii():
        return entry.filename
    # Without the flag it is told to be the encoding of the first PC, and is whatever its writer used.
    try:
        return decode(entry.filename.encode("cp437"))
    except UnicodeEncodeError:
        return entry.filename


def words(content: bytes) -> str:
    """Return what can be read in bytes that are no text."""
    found = []
    for match in _WORDS.finditer(content):
        encoding = {1: "utf-16-le", 2: "utf-16-be", 3: "ascii"}[match.lastindex or 3]
        found.append(match[0].decode(encoding, "replace"))
    return "\n".join(found)
