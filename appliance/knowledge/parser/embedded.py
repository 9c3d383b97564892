"""Objects inside office documents: OLE1 ([MS-OLEDS] 2.2), OLE2 storages, and the files that they wrap."""

import io
import struct
from collections.abc import Sequence

import olefile

from .blocks import Output

_DOCUMENTS = frozenset({"WordDocument", "Workbook", "Book", "PowerPoint Document", "__properties_version1.0"})
_NATIVE, _PACKAGE, _CONTENTS = "\x01Ole10Native", "Package", "CONTENTS"
# What is beside an object: its class, links and previews. An equation says nothing but signs.
_DRAWN = frozenset({"\x01CompObj", "\x01Ole", "\x03ObjInfo", "\x03OCXNAME", "\x03PRINT", "\x03EPRINT", "\x03META", "Equation Native",
                    "\x02OlePres000", "\x02OlePres001", "\x05SummaryInformation", "\x05DocumentSummaryInformation"})  # fmt: skip
_OBJECT_BYTES = 100_000_000


def attach_object(output: Output, content: bytes, *, name: str = "object", is_ole1: bool = False) -> None:
    """Hand over the file that an object wraps, or the object itself where it is a document."""
    kind, wrapped = _unwrapped(content) if is_ole1 else ("", content)
    if wrapped.startswith(b"\xd0\xcf\x11\xe0"):
        _attach_compound(output, wrapped, name)
    elif kind == "Package":
        _attach_native(output, wrapped, name)
    elif wrapped:
        output.attach(name, wrapped)


def _unwrapped(content: bytes) -> tuple[str, bytes]:
    try:
        place, strings = 8, []
        for _ in range(3):  # class, topic, item
            (length,) = struct.unpack_from("<I", content, place)
            strings.append(content[place + 4 : place + 4 + length].rstrip(b"\0").decode("cp1252", "replace"))
            place += 4 + length
        (length,) = struct.unpack_from("<I", content, place)
    except struct.error:
        return "", content
    return strings[0], content[place + 4 : place + 4 + length]


def _attach_compound(output: Output, content: bytes, name: str) -> None:
    try:
        file = olefile.OleFileIO(io.BytesIO(content))
        attach_storage(output, file, (), content, name=name)
    except (OSError, ValueError, IndexError, TypeError, AttributeError):
        output.miss(name, "damaged")


def attach_storage(
    output: Output, file: olefile.OleFileIO, way: Sequence[str], whole: bytes | None, *, name: str
) -> None:
    """Hand over what a storage wraps. `whole`: the storage as a file of its own, None if it is only a part of one."""
    names = {entry[len(way)] for entry in file.listdir() if entry[: len(way)] == list(way) and len(entry) > len(way)}
    for found in (_PACKAGE, _CONTENTS):
        if found in names:
            output.attach(name, file.openstream([*way, found]).read(_OBJECT_BYTES))
            return
    if _NATIVE in names:
        _attach_native(output, file.openstream([*way, _NATIVE]).read(_OBJECT_BYTES)[4:], name)
    elif whole is not None and _DOCUMENTS & names:
        output.attach(name, whole)
    elif names - _DRAWN:
        output.miss(name, "unsupported")  # unknown, or a document whose storage would have to be written anew


def _attach_native(output: Output, content: bytes, name: str) -> None:
    """Hand over the file of a package: label, path, temporary path, then size and bytes."""
    try:
        place = 2
        label, place = _string(content, place)
        _, place = _string(content, place)
        place += 4
        (length,) = struct.unpack_from("<I", content, place)
        place += 4 + length
        (size,) = struct.unpack_from("<I", content, place)
    except (struct.error, ValueError):
        output.attach(name, content)
        return
    output.attach(label or name, content[place + 4 : place + 4 + size])


def _string(content: bytes, place: int) -> tuple[str, int]:
    end = content.index(b"\0", place)
    return content[place:end].decode("cp1252", "replace"), end + 1
