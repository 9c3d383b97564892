"""Data keys (DEK): made here, wrapped by their organisation's key-encryption key, opened for one use."""

import os
from dataclasses import dataclass

from appliance.kernel.sealing import KEY_BYTES, seal, unseal, wipe
from appliance.vault.keyfiles import KekId, KeyFiles


@dataclass(frozen=True)
class Wrapped:
    """A data key as Postgres holds it."""

    kek: KekId
    version: int
    content: bytes

    @property
    def context(self) -> bytes:
        """What binds the wrapped key to its organisation, its version, and the key that wraps it."""
        return b"dek\0" + self.kek.tenant_id.bytes + self.version.to_bytes(4, "big") + self.kek.number.bytes


def make_data_key(files: KeyFiles, kek: KekId, version: int) -> Wrapped:
    """Return a new random data key of this version. Raises KeyUnavailable, KeyDestroyed."""
    return _wrap(files, bytearray(os.urandom(KEY_BYTES)), kek, version)


def open_data_key(files: KeyFiles, wrapped: Wrapped) -> bytearray:
    """Return the 32 bytes, which the caller wipes. Raises KeyUnavailable, KeyDestroyed, IntegrityError."""
    kek = files.open(wrapped.kek)
    try:
        return bytearray(unseal(bytes(kek), wrapped.content, context=wrapped.context))
    finally:
        wipe(kek)


def wrap_under(files: KeyFiles, wrapped: Wrapped, kek: KekId) -> Wrapped:
    """Return the same data key, wrapped by another key-encryption key."""
    return _wrap(files, open_data_key(files, wrapped), kek, wrapped.version)


def _wrap(files: KeyFiles, key: bytearray, kek: KekId, version: int) -> Wrapped:
    wrapping = files.open(kek)
    try:
        context = Wrapped(kek, version, b"").context
        return Wrapped(kek, version, seal(bytes(wrapping), bytes(key), context=context))
    finally:
        wipe(wrapping)
        wipe(key)
