"""Writes compound files ([MS-CFB]) and Outlook messages, so that tests need nobody's mail."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Union

Tree = Mapping[str, Union[bytes, "Tree"]]
_SECTOR, _SMALL, _CUTOFF = 512, 64, 4096
_END, _FREE, _FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD


@dataclass
class _Sectors:
    """Sectors of one size, and which follows which."""

    size: int
    parts: list[bytes] = field(default_factory=list)
    chain: list[int] = field(default_factory=list)

    def store(self, content: bytes) -> int:
        first = len(self.parts)
        self.parts += [content[at : at + self.size].ljust(self.size, b"\0") for at in range(0, len(content), self.size)]
        self.chain += [*range(first + 1, len(self.parts)), _END] if content else []
        return first if content else _END


def compound(tree: Tree) -> bytes:
    """Return a compound file with these storages (mappings) and streams (bytes)."""
    large, small = _Sectors(_SECTOR), _Sectors(_SMALL)
    entries: list[bytes] = []
    _add(entries, (large, small), "Root Entry", tree, following=_FREE)
    child = struct.unpack_from("<I", entries[0], 76)[0]
    of_small = b"".join(small.parts)
    entries[0] = _entry("Root Entry", 5, _FREE, child, large.store(of_small), len(of_small))
    small_table = large.store(struct.pack(f"<{len(small.chain)}I", *small.chain))
    small_sectors = -(-len(small.chain) * 4 // _SECTOR)
    directory = large.store(b"".join(entries))
    count = 1
    while count * 128 < len(large.parts) + count:
        count += 1
    places = [*range(len(large.parts), len(large.parts) + count)]
    chain = [*large.chain, *[_FAT] * count]
    chain += [_FREE] * (count * 128 - len(chain))
    header = struct.pack(
        "<8s16xHHHHH6xIIIIIIIII", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 3, 0xFFFE, 9, 6,
        0, count, directory, 0, _CUTOFF, small_table, small_sectors, _END, 0,
    )  # fmt: skip
    header += struct.pack("<109I", *places, *[_FREE] * (109 - count))
    return header + b"".join(large.parts) + struct.pack(f"<{len(chain)}I", *chain)


def _add(
    entries: list[bytes], sectors: tuple[_Sectors, _Sectors], name: str, content: "bytes | Tree", *, following: int
) -> int:
    place = len(entries)
    entries.append(b"")
    if isinstance(content, bytes):
        start = sectors[len(content) < _CUTOFF].store(content)
        entries[place] = _entry(name, 2, following, _FREE, start, len(content))
        return place
    child = _FREE
    # Each entry names the next as its right neighbour: a tree, if a lean one.
    for inner, below in reversed(list(content.items())):
        child = _add(entries, sectors, inner, below, following=child)
    entries[place] = _entry(name, 1, following, child, 0, 0)
    return place


def _entry(name: str, kind: int, following: int, child: int, start: int, size: int) -> bytes:
    written = name.encode("utf-16-le") + b"\0\0"
    return struct.pack("<64sHBBIII16x4x16xIQ", written, len(written), kind, 1, _FREE, following, child, start, size)


def text(tag: int, value: str) -> dict[str, "bytes | Tree"]:
    """Return a text property as its stream."""
    return {f"__substg1.0_{tag:04X}001F": value.encode("utf-16-le")}


def binary(tag: int, value: bytes) -> dict[str, "bytes | Tree"]:
    """Return a binary property as its stream."""
    return {f"__substg1.0_{tag:04X}0102": value}


def message(subject: str, parts: Tree, *, is_inside: bool = False) -> dict[str, "bytes | Tree"]:
    """Return the storage of a message; `parts` are more of its streams and storages."""
    # The date is 2024-02-29 12:00 UTC, in steps of 100 ns since 1601.
    sent = struct.pack("<HHIQ", 0x0040, 0x0039, 6, 133536816000000000)
    page = struct.pack("<HHII4x", 0x0003, 0x3FDE, 6, 1252)
    properties = bytes(24 if is_inside else 32) + sent + page
    return {"__properties_version1.0": properties, **text(0x0037, subject), **parts}


def attachment(name: str, content: "bytes | Tree") -> dict[str, "bytes | Tree"]:
    """Return the storage of an attachment: a file, or a message."""
    held = binary(0x3701, content) if isinstance(content, bytes) else {"__substg1.0_3701000D": content}
    return {"__properties_version1.0": bytes(8), **text(0x3707, name), **held}
