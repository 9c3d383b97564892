"""Key-encryption keys (KEK): one file each, outside of Postgres, wrapped by the root.

    <directory>/<organisation>/<kek>.key         0x01 ‖ fingerprint[32] of the root that wraps it ‖ the wrapped key
    <directory>/<organisation>/<kek>.destroyed   what is left of a key that was destroyed on purpose: what ended it

A key file is written whole or not at all, and is on disk when `create` returns. Destroying overwrites it, leaves
the mark, and cannot be taken back; who only reads in the database that a key has ended asks for a proof, which nobody
makes but by the key itself (`prove_end`). On a file system that copies on write (btrfs, ZFS) old blocks may stay on the
disk, wrapped by the root. A file that is missing without a mark is KeyUnavailable, and is never made anew; so is one that
cannot be written, such as on a full disk.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from appliance.kernel.blobs import holding, overwrite, part_of, write_durably
from appliance.kernel.ids import TenantId, parse_id
from appliance.kernel.key_cache import KeyCache
from appliance.kernel.sealing import KEY_BYTES, IntegrityError, KeyDestroyed, KeyUnavailable, seal, unseal, wipe
from appliance.vault.base import Root
from appliance.vault.roots.in_use import Roots
from appliance.vault.values import End

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

    @property
    def end_context(self) -> bytes:
        """What binds the proof of its end to its name."""
        return b"end\0" + self.tenant_id.bytes + self.number.bytes


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
            # Together for making one, alone for wrapping it anew or its end.
            with self._writing(), holding(self.directory, is_shared=True):
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
        return self._cache.get(content, lambda: root.unwrap(wrapped, context=kek.context), context=kek.context)

    def prove_end(self, kek: KekId, end: End) -> bytes | None:
        """Return what proves later that a holder of this key ended it; None for one that nobody opens here.

        Raises KeyUnavailable where the root is away: it may open the key yet.
        """
        if not self._path(kek).exists():
            return None
        try:
            key = self.open(kek)
        except (IntegrityError, KeyDestroyed):
            return None
        try:
            return seal(bytes(key), end.encode(), context=kek.end_context)
        finally:
            wipe(key)

    def proven_end(self, kek: KekId, proof: bytes | None) -> End | None:
        """Return what ended this key, as its mark or the proof says; None if neither does. Raises KeyUnavailable."""
        try:
            return End(self._mark(kek).read_text() or End.REPLACED)
        except (FileNotFoundError, ValueError):
            pass
        if proof is None or not self._path(kek).exists():
            return None
        try:
            key = self.open(kek)
            try:
                return End(unseal(bytes(key), proof, context=kek.end_context).decode())
            finally:
                wipe(key)
        except (IntegrityError, KeyDestroyed):
            return None

    def destroy(self, kek: KekId, end: End) -> None:
        """Make the key gone for ever. Destroying it again changes nothing. Raises KeyUnavailable."""
        path = self._path(kek)
        with self._writing(), holding(self.directory):  # or wrapping it anew would put it back
            path.parent.mkdir(exist_ok=True, mode=0o700)
            if not self._mark(kek).exists():
                write_durably(self._mark(kek), end.encode(), mode=0o400)
            for one in (path, part_of(path)):
                overwrite(one)
        self._cache.clear()

    def is_destroyed(self, kek: KekId) -> bool:
        """Return whether the key was destroyed on purpose, and nothing is left of it."""
        return self._mark(kek).exists() and not self.has_file(kek)

    def is_ended(self, tenant_id: TenantId) -> bool:
        """Return whether the owners ended all of the organisation's keys. A mark says so, whatever a database says."""
        marks = (self.directory / str(tenant_id)).glob("*.destroyed")
        return any(mark.read_text() == End.ALL for mark in marks)

    def wrap_anew(self, kek: KekId) -> bool:
        """Wrap a key by the root that follows; return False where it is so already, or the key was destroyed."""
        with self._writing(), holding(self.directory):
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

    def has_file(self, kek: KekId) -> bool:
        """Return whether anything is left of this key."""
        return self._path(kek).exists() or part_of(self._path(kek)).exists()

    def has(self, name: str) -> bool:
        """Return whether the key of this name, <organisation>/<key>, has a file, or was destroyed on purpose."""
        return any((self.directory / f"{name}.{kind}").exists() for kind in ("key", "destroyed"))

    def wraps(self, root: Root) -> bool:
        """Return whether this root wraps any key that has a file."""
        mark = _FORMAT + root.fingerprint()
        return any(self._path(kek).read_bytes()[:_HEAD] == mark for kek in self.stored())

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

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except FileExistsError:
            raise
        except OSError as error:
            raise KeyUnavailable(
                f"the key files in {self.directory} cannot be written: {error.strerror}; free some space there, or give this "
                "user the right to write"
            ) from error

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
