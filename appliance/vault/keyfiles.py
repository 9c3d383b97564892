"""Key-encryption keys (KEK): one file each, outside of Postgres, wrapped by the root.

    <directory>/<organisation>/<kek>.key         0x01 ‖ fingerprint[32] of the root that wraps it ‖ the wrapped key
    <directory>/<organisation>/<kek>.destroyed   what is left of a key that was destroyed on purpose

A key file is written whole or not at all, and is on disk when `create` returns. Destroying overwrites it, leaves
the mark, and cannot be taken back; on a file system that copies on write (btrfs, ZFS) old blocks may stay on the
disk, wrapped by the root. A file that is missing without a mark is KeyUnavailable, and is never made anew.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from appliance.kernel.blobs import holding, part_of, write_durably
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
        path, key = self._path(kek), bytearray(os.urandom(KEY_BYTES))
        try:
            with holding(
                self.directory, is_shared=True
            ):  # together for making one, alone for wrapping it anew or its end
                if path.exists() or self._mark(kek).exists():
                    raise FileExistsError(path.name)
                path.parent.mkdir(exist_ok=True, mode=0o700)
                self._write(kek, key, self.roots[-1])
        finally:
            wipe(key)

    def open(self, kek: KekId) -> bytearray:
        """Return the key, which the caller wipes. Raises KeyUnavailable, KeyDestroyed, IntegrityError."""
        try:
            return self._opened(kek)
        except (KeyUnavailable, IntegrityError):
            if any(root.is_remote for root in self.roots):
                raise
        return self._opened(kek)  # the root may have been exchanged between two looks at its file

    def _opened(self, kek: KekId) -> bytearray:
        content = self._read(kek)
        root = self._wrapping(content)
        wrapped = content[_HEAD:]
        if not root.is_remote:
            return root.unwrap(wrapped, context=kek.context)
        return self._cache.get(content, lambda: root.unwrap(wrapped, context=kek.context))

    def destroy(self, kek: KekId) -> None:
        """Make the key gone for ever. Destroying it again changes nothing."""
        path = self._path(kek)
        with holding(self.directory):  # or wrapping it anew would put it back
            path.parent.mkdir(exist_ok=True, mode=0o700)
            if not self._mark(kek).exists():
                write_durably(self._mark(kek), b"", mode=0o400)
            for one in (path, part_of(path)):
                _overwrite(one)
        self._cache.clear()

    def is_destroyed(self, kek: KekId) -> bool:
        """Return whether the key was destroyed on purpose, and nothing is left of it."""
        path = self._path(kek)
        return self._mark(kek).exists() and not path.exists() and not part_of(path).exists()

    def wrap_anew(self, kek: KekId) -> bool:
        """Wrap a key by the root that follows; return False where it is so already, or the key was destroyed."""
        with holding(self.directory):
            try:
                content = self._read(kek)
            except KeyDestroyed:
                return False
            following = self.roots[-1]
            if content[1:_HEAD] == following.fingerprint():
                return False
            key = self._wrapping(content).unwrap(content[_HEAD:], context=kek.context)
            try:
                self._write(kek, key, following)
            finally:
                wipe(key)
        self._cache.clear()
        return True

    def await_makers(self) -> None:
        """Wait until whoever is making a key under the roots of a moment ago is done."""
        with holding(self.directory):
            pass

    def wrapped_by(self, kek: KekId) -> bytes:
        """Return the fingerprint of the root that wraps this key. Raises KeyUnavailable, KeyDestroyed."""
        return self._read(kek)[1:_HEAD]

    def stored(self) -> Iterator[KekId]:
        """Yield every key that has a file, in the order of organisations and age."""
        for path in sorted(self.directory.glob("*/*.key")):
            tenant, number = parse_id(path.parent.name), parse_id(path.stem)
            if tenant is not None and number is not None:
                yield KekId(TenantId(tenant), number)

    def stored_of(self, tenant_id: TenantId) -> list[KekId]:
        """Return the keys of one organisation that have a file, or half of one."""
        found = (self.directory / str(tenant_id)).glob("*.key*")
        numbers = {parse_id(path.name.partition(".")[0]) for path in found}
        return [KekId(tenant_id, number) for number in numbers if number is not None]

    def has(self, name: str) -> bool:
        """Return whether the key of this name, <organisation>/<key>, has a file, or was destroyed on purpose."""
        return any((self.directory / f"{name}.{kind}").exists() for kind in ("key", "destroyed"))

    def is_foreign(self, name: str) -> bool:
        """Return whether the key of this name has a file that none of our roots wraps."""
        try:
            content = (self.directory / f"{name}.key").read_bytes()
        except FileNotFoundError:
            return False
        return content[1:_HEAD] not in {root.fingerprint() for root in self.roots}

    def was_destroyed(self, name: str) -> bool:
        """Return whether the key of this name was destroyed on purpose."""
        return (self.directory / f"{name}.destroyed").exists()

    @contextmanager
    def exchanging(self) -> Iterator[None]:
        """Exchange the root alone: a second exchange waits."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with holding(self.directory.parent):
            yield

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


def _overwrite(path: Path) -> None:
    with suppress(FileNotFoundError):
        path.chmod(0o600)
        with path.open("r+b") as file:
            file.write(os.urandom(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
