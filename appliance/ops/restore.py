"""A house from a backup: everything is checked before anything is written, and a half restored one does not start."""

import hashlib
import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

from appliance.kernel.db import without_password
from appliance.ops.backup import DUMP, MANIFEST, Manifest
from appliance.ops.data_directory import DataDirectory
from appliance.ops.embedded_postgres import client_program
from appliance.ops.errors import CannotStart
from appliance.vault import KeyFiles

_BLOB = re.compile(r"blobs/[0-9a-f-]{36}/([0-9a-f]{2}|aside)/[0-9a-f-]{36}")


def read_manifest(source: Path) -> Manifest:
    """Check every member against the manifest and return it. Raises CannotStart for a damaged or foreign file."""
    found: dict[str, str] = {}
    manifest: Manifest | None = None
    try:
        with tarfile.open(source, mode="r:") as tar:
            for info in tar:
                content = tar.extractfile(info)
                if content is None:
                    raise CannotStart(_damaged(source, info.name))
                if info.name == MANIFEST:
                    manifest = Manifest(**json.load(content))
                else:
                    found[info.name] = hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]
    except OSError as error:
        raise CannotStart(
            f"{source} cannot be read ({error.strerror or error}). Name a backup that this user may read."
        ) from error
    except (tarfile.TarError, ValueError, TypeError) as error:
        raise CannotStart(f"{source} cannot be read as a backup ({error}). Take another copy of it.") from error
    if manifest is None or DUMP not in found:
        raise CannotStart(f"{source} is not a whole backup: it was cut short. Take another copy of it.")
    odd = [name for name in found.keys() | manifest.members.keys() if found.get(name) != manifest.members.get(name)]
    odd += [name for name in found if name != DUMP and not _BLOB.fullmatch(name)]
    if odd:
        raise CannotStart(_damaged(source, min(odd)))
    return manifest


def check_target(directory: DataDirectory, manifest: Manifest, files: KeyFiles, *, version: str) -> None:
    """Refuse to restore over a house, without its keys, or from a newer version. Raises CannotStart."""
    if not directory.is_new:
        raise CannotStart(
            f"{directory.root} holds a house already. Restore into an empty one: set APPLIANCE_DATA_DIR, or move it away."
        )
    if manifest.root_key_fingerprint not in {root.fingerprint().hex() for root in files.roots}:
        raise CannotStart("The root key here is not the one of this backup. Put the right one there.")
    missing = [name for name in manifest.keys if not files.has(name)]
    if missing:
        raise CannotStart(
            f"{len(missing)} of the backup's key files are missing in {files.directory}, such as {missing[0]}.key. "
            "Put them there first: they are kept apart from the backup, with the root key."
        )
    foreign = [name for name in manifest.keys if not files.was_destroyed(name) and files.is_foreign(name)]
    if foreign:
        raise CannotStart(
            f"{len(foreign)} of the backup's key files in {files.directory}, such as {foreign[0]}.key, are wrapped by another root "
            "key. Put key files there that were exported after the root key was exchanged, or the root key of before."
        )
    if _numbers(manifest.product) > _numbers(version):
        raise CannotStart(f"The backup was made with version {manifest.product}, newer than this one ({version}).")


def restore_database(source: Path, admin_url: str, *, scratch: Path) -> None:
    """Put the dump in the place of an empty schema, as a superuser. Raises CannotStart."""
    url = make_url(admin_url).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        inhabited = connection.execute("SELECT count(*) FROM cloister.organisations").fetchone()
        if inhabited is None or inhabited[0] > 1:  # the platform itself is one
            raise CannotStart("The database holds organisations already. Restore into an empty one.")
        connection.execute("DROP SCHEMA cloister CASCADE")
    dump = scratch / f".{DUMP}"
    try:
        with tarfile.open(source, mode="r:") as tar, dump.open("wb") as file:
            content = tar.extractfile(DUMP)
            assert content is not None  # noqa: S101 - read_manifest read it
            shutil.copyfileobj(content, file)
        done = subprocess.run(
            [client_program("pg_restore"), "--exit-on-error", "--single-transaction", "--no-password",
             f"--dbname={without_password(url)}", str(dump)],
            capture_output=True, check=False, env={"LC_ALL": "C.UTF-8", "PGPASSWORD": str(url.password or "")},
        )  # fmt: skip
    finally:
        dump.unlink(missing_ok=True)
    if done.returncode != 0:
        raise CannotStart(f"The database could not be restored: {done.stderr.decode(errors='replace').strip()}")


def restore_blobs(source: Path, directory: DataDirectory) -> int:
    """Write the sealed files; return how many."""
    count = 0
    with tarfile.open(source, mode="r:") as tar:
        for info in tar:
            if info.name.startswith("blobs/"):
                tar.extract(info, directory.root, filter="data")
                count += 1
    return count


def _damaged(source: Path, name: str) -> str:
    return f"{source} is damaged or was altered at {name}. Nothing was restored; take another copy of it."


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
