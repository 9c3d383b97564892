"""Sealed files. A blob is written whole or not at all, and is never readable without its tenant's key."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

from appliance.kernel.errors import Kind, Refusal, StorageBroken, StorageFull
from appliance.kernel.ids import TenantId
from appliance.kernel.sealing import seal, unseal

_ASIDE = "aside"


class BlobMissing(Refusal):
    """The stored file is missing. Ask the operator to restore it from the backup."""

    kind = Kind.UNAVAILABLE
    code = "blob_missing"


class Blobs:
    """Files under one directory: <tenant>/<two hex digits>/<id>; what nothing names is set aside before it is deleted."""

    def __init__(self, directory: Path, *, key_of: Callable[[TenantId], bytes]) -> None:
        self._directory = directory
        self._key_of = key_of

    def put(self, tenant_id: TenantId, blob_id: UUID, content: bytes) -> None:
        """Seal and store. On return the bytes are on disk (file and directory are fsynced)."""
        path = self._path(tenant_id, blob_id)
        sealed = seal(self._key_of(tenant_id), content, context=_context(tenant_id, blob_id))
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write_durably(path, sealed)
        except OSError as error:
            raise _refusal(error) from error

    def get(self, tenant_id: TenantId, blob_id: UUID) -> bytes:
        """Return the content. Raises BlobMissing, or IntegrityError if the file was altered or moved."""
        try:
            sealed = self._read(tenant_id, blob_id)
        except FileNotFoundError as error:
            raise BlobMissing from error
        return unseal(self._key_of(tenant_id), sealed, context=_context(tenant_id, blob_id))

    def delete(self, tenant_id: TenantId, blob_id: UUID) -> None:
        """Remove the file; removing what is gone already is fine."""
        self._path(tenant_id, blob_id).unlink(missing_ok=True)
        self._aside(tenant_id, blob_id).unlink(missing_ok=True)

    def set_aside(self, tenant_id: TenantId, blob_id: UUID) -> None:
        """Keep a file that no row names, until `forget_aside`; `get` still finds it, should a row name it again."""
        aside = self._aside(tenant_id, blob_id)
        aside.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._path(tenant_id, blob_id)
        os.utime(path)  # from now on
        path.rename(aside)
        for directory in (path.parent, aside.parent):
            _sync_directory(directory)

    def forget_aside(self, tenant_id: TenantId, *, before: float) -> int:
        """Delete what was set aside before a moment (Unix seconds); return how many."""
        old = [path for path in self._set_aside(tenant_id) if path.stat().st_mtime < before]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def forget_unfinished(self, tenant_id: TenantId, *, before: float) -> int:
        """Delete what a dead process had half written before a moment (Unix seconds); return how many."""
        old = [path for path in self._files(tenant_id, "??/*.part") if path.stat().st_mtime < before]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def count_aside(self) -> int:
        """Return how many files of all tenants are set aside."""
        return sum(1 for _ in self._directory.glob(f"*/{_ASIDE}/*"))

    def stored(self, tenant_id: TenantId) -> Iterator[tuple[UUID, float]]:
        """Yield (id, modification time in Unix seconds) of each blob, for the orphan sweep."""
        for path in self._files(tenant_id, "??/*"):
            if path.suffix == ".part":
                continue
            yield UUID(path.name), path.stat().st_mtime

    def ping(self) -> None:
        """Raise StorageFull unless the directory can be written."""
        if not os.access(self._directory, os.W_OK):
            raise StorageBroken(reason="no right to write")

    def _read(self, tenant_id: TenantId, blob_id: UUID) -> bytes:
        try:
            return self._path(tenant_id, blob_id).read_bytes()
        except FileNotFoundError:
            return self._aside(tenant_id, blob_id).read_bytes()

    def _set_aside(self, tenant_id: TenantId) -> Iterator[Path]:
        return self._files(tenant_id, f"{_ASIDE}/*")

    def _files(self, tenant_id: TenantId, pattern: str) -> Iterator[Path]:
        return (self._directory / str(tenant_id)).glob(pattern)

    def _aside(self, tenant_id: TenantId, blob_id: UUID) -> Path:
        return self._directory / str(tenant_id) / _ASIDE / str(blob_id)

    def _path(self, tenant_id: TenantId, blob_id: UUID) -> Path:
        return self._directory / str(tenant_id) / blob_id.hex[-2:] / str(blob_id)


def _refusal(error: OSError) -> Refusal:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageFull()
    return StorageBroken(reason=os.strerror(error.errno or 0))


def _context(tenant_id: TenantId, blob_id: UUID) -> bytes:
    return b"blob\0" + tenant_id.bytes + blob_id.bytes


def _write_durably(path: Path, content: bytes) -> None:
    part = path.with_suffix(".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    for directory in (path.parent, path.parent.parent):
        _sync_directory(directory)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
