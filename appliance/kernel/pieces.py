"""A file in pieces, for a door that sends it or a part of it: open only while it is read, whoever stops reading."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_PIECE = 1 << 18


class Pieces(Iterator[bytes]):
    """An iterator over a file's bytes that can be begun anywhere."""

    def __init__(self, path: Path) -> None:
        self._path, self._at = path, 0
        self._file: IO[bytes] | None = None

    def seekable(self) -> bool:
        return True

    def seek(self, at: int, whence: int = io.SEEK_SET) -> int:
        """Begin here. Counted from the file's first byte."""
        if whence != io.SEEK_SET or self._file is not None:
            raise io.UnsupportedOperation
        self._at = at
        return at

    def tell(self) -> int:
        return self._at

    def __next__(self) -> bytes:
        if self._file is None:
            self._file = self._path.open("rb")
            self._file.seek(self._at)
        piece = self._file.read(_PIECE)
        self._at += len(piece)
        if not piece:
            self.close()
            raise StopIteration
        return piece

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def __del__(self) -> None:
        self.close()
