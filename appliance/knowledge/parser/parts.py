"""The parts of an office package, read with one budget over all of them. No size that the archive declares is believed."""

import posixpath
import zipfile
from dataclasses import dataclass
from urllib.parse import unquote

from .archive import BROKEN, is_locked
from .blocks import Output, Unreadable
from .embedded import attach_object
from .ledger import is_spent, opened
from .markup import Node, tree
from .rest import Rest

_PART_BYTES = 150_000_000
_ALL_BYTES = 400_000_000


@dataclass(frozen=True)
class Relation:
    """Where a part points: the last word of the relation's type, and the part, "" if it is outside."""

    kind: str
    target: str


class Parts:
    """An archive's parts by name."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        if any(is_locked(entry) for entry in archive.infolist()):
            raise Unreadable("encrypted")
        self._archive = archive
        self._left = _ALL_BYTES
        self.names = set(archive.namelist())
        self.seen: set[str] = set()  # the parts that somebody read
        self.rest = Rest()

    def read(self, name: str) -> bytes:
        """Return a part. Raises Unreadable for one that is missing, damaged, or makes the package too large."""
        most = min(_PART_BYTES, self._left)
        self.seen.add(name)
        try:
            with opened(self._archive, self._archive.getinfo(name)) as file:
                part = file.read(most + 1)
                if len(part) <= most and not is_spent(file):
                    raise Unreadable("damaged")
        except NotImplementedError as error:
            raise Unreadable("unsupported") from error
        except BROKEN as error:
            raise Unreadable("damaged") from error
        self._left -= len(part)
        if len(part) > most:
            raise Unreadable("bomb")
        return part

    def find(self, name: str) -> bytes | None:
        """Return a part, or None if there is none of that name."""
        return self.read(name) if name in self.names else None

    def tree(self, name: str) -> Node:
        """Return a small part as a tree; what of it nobody asks for is told in the end."""
        return self.rest.watch(tree(self.read(name), self.rest.say))

    def relations(self, name: str) -> dict[str, Relation]:
        """Return by their ids where a part points; "" is the package itself."""
        folder, base = posixpath.split(name)
        part = self.find(posixpath.join(folder, "_rels", f"{base}.rels"))
        found: dict[str, Relation] = {}
        for node in tree(part).below if part else ():
            given = node.attributes
            kind = given.get("Type", "").rpartition("/")[2]
            target = posixpath.normpath(posixpath.join("/", folder, given.get("Target", "")))[1:]
            is_outside = given.get("TargetMode") == "External" or target not in self.names
            if is_outside:
                self.rest.say(unquote(given.get("Target", "")))
            found[given.get("Id", "")] = Relation(kind, "" if is_outside else target)
        return found

    def attach(self, output: Output, folders: tuple[str, ...]) -> None:
        """Hand over the files that lie in these folders of the package."""
        for name in sorted(self.names):
            if name.startswith(folders) and not name.endswith(("/", ".rels")):
                try:
                    attach_object(output, self.read(name), name=posixpath.basename(name))
                except Unreadable as error:
                    output.miss(posixpath.basename(name), error.code)
