"""One tar file that a house can be restored from: the database as of one moment, and the sealed files.

The root key is not in it: whoever finds the file reads no uploaded document without the key, which is kept apart. The
database is dumped first, in one snapshot; files that it names are never changed, so they may follow.

Members: manifest.json (versions, the key's fingerprint, SHA-256 of every other member), database.dump (pg_dump's custom
format), blobs/<tenant>/<two hex digits>/<id>.
"""

import hashlib
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from io import BytesIO
from pathlib import Path
from typing import IO

from sqlalchemy.engine import make_url

from appliance.kernel.db import without_password
from appliance.ops.embedded_postgres import client_program
from appliance.ops.errors import CannotStart

MANIFEST = "manifest.json"
DUMP = "database.dump"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself."""

    product: str
    schema: str
    made_at: str
    root_key_fingerprint: str
    keys: list[str] = field(default_factory=list)
    """The key files without which this backup does not open, as <organisation>/<key>."""
    members: dict[str, str] = field(default_factory=dict)
    """Name to SHA-256 in hex."""


def write_backup(target: Path, *, database_url: str, blobs: Path, about: Manifest) -> Manifest:
    """Write the backup, whole or not at all; return its manifest. Raises CannotStart."""
    if target.exists():
        raise CannotStart(f"{target} is there already, and is not overwritten. Name another file.")
    part, dump = target.with_name(f".{target.name}.part"), target.with_name(f".{target.name}.dump")
    try:
        _dump(database_url, dump)
        with _private(part) as file, tarfile.open(fileobj=file, mode="w") as tar:
            for name, path in _contents(dump, blobs):
                about.members[name] = _add(tar, name, path)
            _add_bytes(tar, MANIFEST, json.dumps(asdict(about), sort_keys=True).encode())
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.rename(target)
    except OSError as error:
        raise CannotStart(
            f"The backup {target} cannot be written ({error.strerror}). Name a file in a folder that exists, that this user "
            "may write to, and that has room."
        ) from error
    finally:
        part.unlink(missing_ok=True)
        dump.unlink(missing_ok=True)
    return about


def _dump(database_url: str, target: Path) -> None:
    url = make_url(database_url).set(drivername="postgresql")
    with _private(target) as file:
        done = subprocess.run(
            [client_program("pg_dump"), "--format=custom", "--schema=cloister", "--no-password",
             without_password(url)],
            stdout=file, stderr=subprocess.PIPE, check=False,
            env={"LC_ALL": "C.UTF-8", "PGPASSWORD": str(url.password or "")},
        )  # fmt: skip
    if done.returncode != 0:
        raise CannotStart(f"The database could not be dumped: {done.stderr.decode(errors='replace').strip()}")


def _contents(dump: Path, blobs: Path) -> Iterator[tuple[str, Path]]:
    yield DUMP, dump
    for path in sorted(blobs.glob("*/*/*")):
        if path.suffix != ".part":
            yield f"blobs/{path.relative_to(blobs)}", path


def _add(tar: tarfile.TarFile, name: str, path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        info = tarfile.TarInfo(name)
        info.size, info.mode = os.fstat(file.fileno()).st_size, 0o600
        tar.addfile(info, file)
    return digest


def _add_bytes(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), 0o600
    tar.addfile(info, BytesIO(content))


def _private(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
