"""Where everything lives that must outlast the process: <data>/{postgres,blobs,secrets,run,log}, VERSION."""

import fcntl
import json
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from appliance.ops.errors import CannotStart

_READABLE_BY_OTHERS = 0o077
_RESTORING = "RESTORING"


@dataclass(frozen=True)
class DataDirectory:
    """The paths below one data directory."""

    root: Path
    secrets: Path

    @property
    def blobs(self) -> Path:
        return self.root / "blobs"

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def is_new(self) -> bool:
        return not (self.root / "VERSION").exists()

    def prepare(self, *, version: str) -> None:
        """Create what is missing and stamp the version. Raises CannotStart for a newer version's directory."""
        with self._writing():
            for directory in (self.root, self.blobs, self.secrets, self.log):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.secrets.chmod(0o700)
            self._check_version(version)
            _write_atomically(self.root / "VERSION", json.dumps({"product": version}).encode(), mode=0o600)

    def begin_restore(self) -> None:
        """From here to `end_restore` nothing starts on this directory."""
        _write_atomically(self.root / _RESTORING, b"", mode=0o600)

    def end_restore(self) -> None:
        """Let it start."""
        (self.root / _RESTORING).unlink()

    def lock(self) -> IO[bytes]:
        """Hold the directory for this process. Raises CannotStart while another holds it."""
        with self._writing():
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = (self.root / "lock").open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            raise CannotStart(
                f"Another `appliance run` is using {self.root}. Stop it first, or choose another APPLIANCE_DATA_DIR."
            ) from error
        return file

    def has_secrets(self, names: Iterable[str]) -> bool:
        """Say whether all of these were made before."""
        return all((self.secrets / name).exists() for name in names)

    def create_secret(self, name: str) -> str:
        """Return the secret, made once: 32 random bytes as URL-safe text in a 0400 file."""
        path = self.secrets / name
        if not path.exists():
            _write_atomically(path, secrets.token_urlsafe(32).encode(), mode=0o400)
        return read_secret(path)

    @property
    def root_key(self) -> Path:
        return self.secrets / "root.key"

    def create_root_key(self) -> bool:
        """Make the root key beside an empty house; say whether. A key that is missing later is never made anew."""
        if self.root_key.exists() or not self.is_new:
            return False
        with self._writing():
            self.secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_atomically(self.root_key, secrets.token_bytes(32), mode=0o400)
        return True

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CannotStart(
                f"The data directory {self.root} cannot be written ({error.strerror}). "
                "Give this user the right to write there, free some space, or choose another with APPLIANCE_DATA_DIR."
            ) from error

    def _check_version(self, version: str) -> None:
        if (self.root / _RESTORING).exists():
            raise CannotStart(
                f"A restore into {self.root} was cut short. Empty it, put root.key back, and restore again."
            )
        if self.is_new:
            return
        try:
            stamped = str(json.loads((self.root / "VERSION").read_text())["product"])
        except (ValueError, KeyError, TypeError) as error:
            raise CannotStart(f"{self.root}/VERSION is not readable. Restore it from the backup.") from error
        if _numbers(stamped) > _numbers(version):
            raise CannotStart(
                f"The data directory {self.root} was written by version {stamped}, which is newer than this one "
                f"({version}). Start that version, or restore a backup made with this one."
            )


def read_secret(path: Path) -> str:
    """Return a secret from its file. Raises CannotStart if it is missing, empty, or readable by others."""
    try:
        mode = path.stat().st_mode
        content = path.read_text().strip()
    except FileNotFoundError as error:
        raise CannotStart(
            f"{path} is not there. If your house stands elsewhere, name its folder in APPLIANCE_DATA_DIR; if there is none "
            "yet, `appliance run` makes it; if it was lost, restore the secrets."
        ) from error
    except OSError as error:
        raise CannotStart(
            f"The secret {path} cannot be read ({error.strerror}). Check its owner, or run this as its owner."
        ) from error
    if stat.S_IMODE(mode) & _READABLE_BY_OTHERS:
        raise CannotStart(f"The secret {path} can be read by others. Run: chmod 0400 {path}")
    if not content:
        raise CannotStart(f"The secret {path} is empty. Restore it from the backup.")
    return content


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _write_atomically(path: Path, content: bytes, *, mode: int) -> None:
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
