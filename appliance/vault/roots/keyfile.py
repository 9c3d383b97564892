"""A root in a file: 32 bytes, which nobody else may read. A systemd credential is one, too.

The file is read at each use (some 20 µs), so that there is no copy of it between two uses and a root that was exchanged
needs no restart. What is derived from it for wrapping and for the fingerprint are two keys; neither leads to the other
or to the file.
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from appliance.kernel.sealing import KEY_BYTES, KeyUnavailable, derive_key, seal, unseal_key, wipe
from appliance.vault.errors import RootKeyUnusable
from appliance.vault.roots.discretion import Discreet, is_closed

_SYSTEMD_MODES: Final = (0o400, 0o440)
_WRAP, _FINGERPRINT = "wrap keys", "fingerprint"


def is_credential(status: os.stat_result) -> bool:
    """Return whether a file is as systemd makes credentials.

    Root's 0400, for a service of another user with that user in its access list, whose mask shows as the group's right
    to read (0440); where the file system has no such lists, the user's own 0400. See systemd.exec(5), LoadCredential=.
    """
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid == 0 and status.st_gid == 0:
        return mode in _SYSTEMD_MODES
    return mode == _SYSTEMD_MODES[0] and status.st_uid == os.geteuid()


class KeyFileRoot(Discreet):
    """A root whose bytes stand in a file."""

    is_remote = False

    def __init__(self, path: Path, *, spec: str, may_be: Callable[[os.stat_result], bool] = is_closed) -> None:
        """Read it once: without a usable key nothing starts. Raises RootKeyUnusable."""
        super().__init__(spec)
        self._path, self._may_be = path, may_be
        try:
            self.ping()
        except KeyUnavailable as error:
            raise RootKeyUnusable(reason=error.reason) from error

    def fingerprint(self) -> bytes:
        """Return what a database is claimed with (`vault.claim`)."""
        with self._key() as root:
            return derive_key(root, purpose=_FINGERPRINT)

    def wrap(self, kek: bytes, *, context: bytes) -> bytes:
        """Return a format 1 envelope."""
        if len(kek) != KEY_BYTES:
            raise ValueError("a key-encryption key has 32 bytes")
        with self._key() as root:
            return seal(derive_key(root, purpose=_WRAP), kek, context=context)

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytearray:
        """Return the key. Raises IntegrityError, KeyUnavailable."""
        with self._key() as root:
            return unseal_key(derive_key(root, purpose=_WRAP), wrapped, context=context)

    def ping(self) -> None:
        """Raise KeyUnavailable unless the file is there and fit."""
        with self._key():
            pass

    @contextmanager
    def _key(self) -> Iterator[bytearray]:
        content = bytearray(KEY_BYTES + 1)  # one more, to see a longer file
        try:
            yield self._read(content)
        finally:
            wipe(content)

    def _read(self, content: bytearray) -> bytearray:
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise KeyUnavailable(f"{self._path} cannot be read: {error.strerror}") from None
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode) or not self._may_be(status):
                raise KeyUnavailable(f"{self._path} is too open, or no file; run: chmod 0400 {self._path}")
            if os.readv(file, [content]) != KEY_BYTES:
                raise KeyUnavailable(f"{self._path} has not {KEY_BYTES} bytes")
        except OSError as error:
            raise KeyUnavailable(f"{self._path} cannot be read: {error.strerror}") from None
        finally:
            os.close(file)
        del content[KEY_BYTES:]
        if len(set(content)) == 1:
            raise KeyUnavailable(f"{self._path} is one byte, repeated")
        return content


def systemd_root(name: str, *, spec: str) -> KeyFileRoot:
    """Return the root in a credential of this service, LoadCredential(Encrypted)=NAME:… Raises RootKeyUnusable."""
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        reason = f"systemd gave this process no $CREDENTIALS_DIRECTORY/{name} (deploy/docs/root-key.md has the command)"
        raise RootKeyUnusable(reason=reason)
    return KeyFileRoot(Path(directory) / name, spec=spec, may_be=is_credential)
