"""Sealed files. A blob is written whole or not at all, and is never readable without its tenant's key."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID

from appliance.kernel.errors import Kind, Refusal, StorageBroken, StorageFull
from appliance.kernel.ids import TenantId, parse_id
from appliance.kernel.sealing import FileSealer, KeyDestroyed, Place, is_under

_ASIDE = "aside"
_HEAD = 5


class BlobMissing(Refusal):
    """The stored file is missing. Ask the operator to restore it from the backup."""

    kind = Kind.UNAVAILABLE
    code = "blob_missing"


class Blobs:
    """Files under one directory: <tenant>/<two hex digits>/<id>; what nothing names is set aside before it is deleted."""

    def __init__(self, directory: Path, *, sealer: FileSealer) -> None:
        self._directory = directory
        self._sealer = sealer

    def put(self, tenant_id: TenantId, blob_id: UUID, content: bytes) -> None:
        """Seal and store. On return the bytes are on disk (file and directory are fsynced), under the key in force.

        However long the disk takes: a rotation that did not see the file yet, because it was not there, is seen here.
        """
        path = self._path(tenant_id, blob_id)
        sealed = self._sealer.seal_file(tenant_id, content, _place(blob_id))
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_durably(path, sealed)
            while not is_under(sealed, self._sealer.version_for_files(tenant_id)):
                sealed = self._sealer.seal_file(tenant_id, content, _place(blob_id))
                with self._held(tenant_id):  # somebody who walks the files may be sealing this one anew
                    write_durably(path, sealed)
        except OSError as error:
            raise _refusal(error) from error

    def get(self, tenant_id: TenantId, blob_id: UUID) -> bytes:
        """Return the content. Raises BlobMissing, or IntegrityError if the file was altered or moved."""
        try:
            sealed = self._read(tenant_id, blob_id)
            try:
                return self._sealer.unseal_file(tenant_id, sealed, _place(blob_id))
            except KeyDestroyed:
                again = self._read(tenant_id, blob_id)
                if again == sealed:
                    raise
        except FileNotFoundError as error:
            raise BlobMissing from error
        return self._sealer.unseal_file(tenant_id, again, _place(blob_id))  # it was sealed anew between two looks

    def reseal(self, tenant_id: TenantId, blob_id: UUID, *, version: int) -> bool:
        """Seal a file anew unless it is sealed under this version of the data key; say whether there was a need.

        A file that is gone meanwhile needs nothing. It keeps its time, by which the sweeps judge it. Raises StorageFull,
        StorageBroken, and as opening does.
        """
        try:
            return self._reseal(tenant_id, blob_id, version)
        except OSError as error:
            raise _refusal(error) from error

    def _reseal(self, tenant_id: TenantId, blob_id: UUID, version: int) -> bool:
        for path in (self._path(tenant_id, blob_id), self._aside(tenant_id, blob_id)):
            with suppress(FileNotFoundError):
                with path.open("rb") as file:
                    if is_under(file.read(_HEAD), version):
                        return False
                    file.seek(0)
                    found = os.fstat(file.fileno())
                    content = self._sealer.unseal_file(tenant_id, file.read(), _place(blob_id))
                sealed = self._sealer.seal_file(tenant_id, content, _place(blob_id))
                with self._held(tenant_id):
                    # Deleted, or set aside, meanwhile: it does not come back. Or sealed anew by somebody else, under a younger key.
                    if not path.exists() or path.stat().st_ino != found.st_ino:
                        return False
                    write_durably(path, sealed, times=(found.st_atime_ns, found.st_mtime_ns))
                return True
        return False

    def delete(self, tenant_id: TenantId, blob_id: UUID) -> None:
        """Remove the file; removing what is gone already is fine."""
        with self._held(tenant_id):
            self._path(tenant_id, blob_id).unlink(missing_ok=True)
            self._aside(tenant_id, blob_id).unlink(missing_ok=True)

    def set_aside(self, tenant_id: TenantId, blob_id: UUID) -> None:
        """Keep a file that no row names, until `forget_aside`; `get` still finds it, should a row name it again."""
        aside = self._aside(tenant_id, blob_id)
        aside.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._path(tenant_id, blob_id)
        with self._held(tenant_id):
            os.utime(path)  # from now on
            path.rename(aside)
        for directory in (path.parent, aside.parent):
            sync_directory(directory)

    def forget_aside(self, tenant_id: TenantId, *, before: float) -> int:
        """Delete what was set aside before a moment (Unix seconds); return how many."""
        old = [path for path in self._set_aside(tenant_id) if path.stat().st_mtime < before]
        with self._held(tenant_id):
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

    def every(self, tenant_id: TenantId, *, after: str = "") -> Iterator[str]:
        """Yield the names of all files of a tenant behind a name, in order: <directory>/<id>, those set aside too."""
        for directory in sorted(self._files(tenant_id, "*/")):
            if directory.name >= after[: len(directory.name)]:
                names = (f"{path.parent.name}/{path.name}" for path in directory.iterdir() if parse_id(path.name))
                yield from sorted(name for name in names if name > after)

    def head(self, tenant_id: TenantId, blob_id: UUID) -> bytes:
        """Return the first bytes of a sealed file, which say how it is sealed; none if it is gone."""
        for path in (self._path(tenant_id, blob_id), self._aside(tenant_id, blob_id)):
            with suppress(FileNotFoundError), path.open("rb") as file:
                return file.read(_HEAD)
        return b""

    def has(self, tenant_id: TenantId, blob_id: UUID) -> bool:
        """Return whether there is a file of this id."""
        return self._path(tenant_id, blob_id).exists() or self._aside(tenant_id, blob_id).exists()

    def ping(self) -> None:
        """Raise StorageFull unless the directory can be written."""
        if not os.access(self._directory, os.W_OK):
            raise StorageBroken(reason="no right to write")

    @contextmanager
    def _held(self, tenant_id: TenantId) -> Iterator[None]:
        """Hold the tenant's files, so that none is removed while another process puts it in its own place."""
        with holding(self._directory / str(tenant_id)):
            yield

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


def _place(blob_id: UUID) -> Place:
    return Place("blobs", "content", (blob_id,))


@contextmanager
def holding(directory: Path, *, is_shared: bool = False) -> Iterator[None]:
    """Hold a directory, made if it is missing, among all processes that do so: alone, or with others that share it."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def part_of(path: Path) -> Path:
    """Return where a file stands while it is half written."""
    return path.with_name(f"{path.name}.part")


def write_durably(path: Path, content: bytes, *, mode: int = 0o600, times: tuple[int, int] | None = None) -> None:
    """Write a file whole or not at all; on return it is on disk, and so is its name. `times`: of access, change (ns)."""
    part = part_of(path)
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if times is not None:
            os.utime(part, ns=times)
        part.rename(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    for directory in (path.parent, path.parent.parent):
        sync_directory(directory)


def overwrite(path: Path) -> None:
    """Remove a small file, its content first; one that is gone already is fine."""
    with suppress(FileNotFoundError):
        path.chmod(0o600)
        with path.open("r+b") as file:
            file.write(os.urandom(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()


def sync_directory(directory: Path) -> None:
    """Put the names in a directory on disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
