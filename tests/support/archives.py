"""ZIP archives as tests need them."""

import io
import zipfile
from collections.abc import Mapping

Files = Mapping[str, bytes | str]


def packed(files: Files, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return an archive of these files."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


def locked(name: str, content: bytes) -> bytes:
    """Return an archive whose one member says that it is encrypted."""
    archive = bytearray(packed({name: content}, zipfile.ZIP_STORED))
    archive[6] |= 1
    archive[archive.index(b"PK\x01\x02") + 8] |= 1
    return bytes(archive)
