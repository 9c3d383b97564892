"""Key-encryption keys (KEK): one file each, outside of Postgres, wrapped by the root.

    <directory>/<organisation>/<kek>.key         0x01 ‖ fingerprint[32] of the root that wraps it ‖ the wrapped key
    <directory>/<organisation>/<kek>.destroyed   what is left of a key that was destroyed on purpose

A key file is written whole or not at all, and is on disk when `create` returns. Destroying overwrites it, leaves
the mark, and cannot be taken back; on a file system that copies on write (btrfs, ZFS) old blocks may stay on the
disk, wrapped by the root. A file that is missing without a mark is KeyUnavailable, and is never made anew.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from appliance.kernel.blobs import holding, write_durably
from appliance.kernel.ids import TenantId, parse_id
from appliance.kernel.sealing import KEY_BYTES, IntegrityError, KeyDestroyed, KeyUnavailable, wipe
from appliance.vault.base import Root
from appliance.vault.cache import KeyCache
from appliance.vault.roots.in_use import Roots

_FORMAT = b"\x01"
_HEAD = 1 + 32


@dataclass(frozen=True)
class KekId:
    """Which key-encryption key, of which organisation."""

    tenant_id: TenantId
    number: UUID

    @property
    def name(self) -> str:
        """How backups name it."""
        return f"{self.tenant_id}/{self.number}"

    @property
    def context(self) -> bytes:
        """What binds the wrapped key to its name."""
        return b"kek\0" + self.tenant_id.bytes + self.number.bytes


class KeyFiles:
    """The key files of a host, and the roots that wrap them."""

    def __init__(self, directory: Path, roots: Roots, *, cache: KeyCache | None = None) -> None:
        self.directory, self._roots = directory, roots
        self._cache = cache or KeyCache()

    @property
    def roots(self) -> tuple[Root, ...]:
        """The root in force, and the one that follows it. Raises KeyUnavailable."""
        return self._roots()

    def create(self, kek: KekId) -> None:
        """Make a new key. Raises KeyUnavailable; FileExistsError for a name that was used before."""
        path = self._path(kek)
        if path.exists() or self._mark(kek).exists():
            raise FileExistsError(path.name)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = bytearray(os.urandom(KEY_BYTES))
        try:
            self._write(kek, key, self.roots[-1])
        finally:
            wipe(key)

    def open(self, kek: KekId) -> bytearray:
        """Return the key, which the caller wipes. Raises KeyUnavailable, KeyDestroyed, IntegrityError."""
        content = self._read(kek)
        root = self._wrapping(content)
        wrapped = content[_HEAD:]
        if not root.is_remote:
            return root.unwrap(wrapped, context=kek.context)
        return self._cache.get(content, lambda: root.unwrap(wrapped, context=kek.context))

    def destroy(self, kek: KekId) -> None:
        """Make the key gone for ever. Destroying it again changes nothing."""
        path = self._path(kek)
        with holding(path.parent):
            write_durably(self._mark(kek), b"", mode=0o400)
            with suppress(FileNotFoundError):
                path.chmod(0o600)
                with path.open("r+b") as file:
                    file.write(os.urandom(path.stat().st_size))
                    file.flush()
                    os.fsync(file.fileno())
                path.unlink()
        self._cache.clear()

    def is_destroyed(self, kek: KekId) -> bool:
        """Return whether the key was destroyed on purpose."""
        return self._mark(kek).exists()

    def wrap_anew(self, kek: KekId) -> bool:
        """Wrap a key by the root that follows; return False where it is so already, or the key was destroyed."""
        following = self.roots[-1]
        with holding(self._path(kek).parent):  # a key that is destroyed meanwhile is not written again
            try:
                content = self._read(kek)
            except KeyDestroyed:
                return False
            if content[1:_HEAD] == following.fingerprint():
                return False
            key = self._wrapping(content).unwrap(content[_HEAD:], context=kek.context)
            try:
                self._write(kek, key, following)
            finally:
                wipe(key)
        self._cache.clear()
        return True

    def wrapped_by(self, kek: KekId) -> bytes:
        """Return the fingerprint of the root that wraps this key. Raises KeyUnavailable, KeyDestroyed."""
        return self._read(kek)[1:_HEAD]

    def stored(self) -> Iterator[KekId]:
        """Yield every key that has a file, in the order of organisations and age."""
        for path in sorted(self.directory.glob("*/*.key")):
            tenant, number = parse_id(path.parent.name), parse_id(path.stem)
            if tenant is not None and number is not None:
                yield KekId(TenantId(tenant), number)

    def has(self, name: str) -> bool:
        """Return whether the key of this name, <organisation>/<key>, has a file, or was destroyed on purpose."""
        return any((self.directory / f"{name}.{kind}").exists() for kind in ("key", "destroyed"))

    def was_destroyed(self, name: str) -> bool:
        """Return whether the key of this name was destroyed on purpose."""
        return (self.directory / f"{name}.destroyed").exists()

    def _wrapping(self, content: bytes) -> Root:
        for root in self.roots:
            if content[1:_HEAD] == root.fingerprint():
                return root
        raise KeyUnavailable("the key file is wrapped by another root key")

    def _read(self, kek: KekId) -> bytes:
        if self._mark(kek).exists():
            raise KeyDestroyed
        try:
            content = self._path(kek).read_bytes()
        except FileNotFoundError as error:
            if self._mark(kek).exists():  # destroyed between the two looks
                raise KeyDestroyed from error
            raise KeyUnavailable(f"the key file {kek.tenant_id}/{kek.number}.key is missing") from error
        except OSError as error:
            raise KeyUnavailable(f"the key file {kek.tenant_id}/{kek.number}.key cannot be read") from error
        if content[:1] != _FORMAT or len(content) <= _HEAD:
            raise IntegrityError("the key file is cut short or of an unknown format")
        return content

    def _write(self, kek: KekId, key: bytearray, root: Root) -> None:
        content = _FORMAT + root.fingerprint() + root.wrap(bytes(key), context=kek.context)
        write_durably(self._path(kek), content, mode=0o400)

    def _path(self, kek: KekId) -> Path:
        return self.directory / str(kek.tenant_id) / f"{kek.number}.key"

    def _mark(self, kek: KekId) -> Path:
        return self.directory / str(kek.tenant_id) / f"{kek.number}.destroyed"
