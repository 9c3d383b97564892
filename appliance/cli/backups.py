"""Commands that keep the house: backup, and restore into an empty one."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import click

import appliance
from appliance import audit, tenancy
from appliance.assembly import Services, assemble, database_url, roots_of
from appliance.audit import PLATFORM, Actor, ActorKind, Event
from appliance.cli.operate import say
from appliance.evidence.reports import ReportKind, file_report
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import TenantId
from appliance.ops import launch, migrations
from appliance.ops.backup import Manifest, write_backup
from appliance.ops.data_directory import DataDirectory
from appliance.ops.errors import CannotStart
from appliance.ops.restore import check_target, read_manifest, restore_blobs, restore_database
from appliance.settings import Settings, load
from appliance.vault import KeyFiles, Roots

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@click.command()
@_FILE
@_JSON
def backup(*, file: Path, as_json: bool) -> None:
    """Write database and sealed files to one FILE. Needs a running house. Keys are not in it: keep secrets/root.key and secrets/keys apart."""
    settings = load()
    with assemble(settings, role="worker") as services:
        with services.db.tenant(PLATFORM) as tx:  # on record before it exists
            audit.record(tx, Actor(ActorKind.OPERATOR), Event.BACKUP_MADE)
        before = _keys(services)
        about = Manifest(
            product=appliance.__version__,
            schema=migrations.head_revision(),
            made_at=services.clock.now().isoformat(),
            root_key_fingerprint=services.vault.files.roots[0].fingerprint().hex(),
            keys=before[0],
        )
        with reported(services, ReportKind.BACKUP) as facts:
            made = _written(file, settings, services, about, before)
            facts.update({"bytes": file.stat().st_size, "files": len(made.members) - 1, "schema": made.schema})
    if as_json:
        say(json.dumps({"file": str(file), "files": len(made.members) - 1, "schema": made.schema}))
        return
    say(
        f"{file}: the database and {len(made.members) - 1} sealed files. Keep it apart from the keys in {settings.secrets}."
    )


@click.command()
@_FILE
@_JSON
def restore(*, file: Path, as_json: bool) -> None:
    """Restore a backup FILE into an empty data directory that holds its root.key and keys in `secrets`. Start it afterwards."""
    settings = load()
    directory = DataDirectory(settings.data_dir.absolute(), settings.secrets.absolute())
    manifest = read_manifest(file)
    roots = roots_of(settings)
    files = KeyFiles(directory.secrets / "keys", roots)
    check_target(directory, manifest, files, version=appliance.__version__)
    try:
        count = restore_into(file, directory, settings, roots)
    except CannotStart as error:
        raise CannotStart(f"{error}\nBefore you try again, empty {directory.root}, and put root.key back.") from error
    ended = sum(files.was_destroyed(name) for name in manifest.keys)
    facts = {"files": count, "schema": manifest.schema, "made_at": manifest.made_at, "keys_destroyed": ended}
    if as_json:
        say(json.dumps(facts))
        return
    say(f"Restored the house of {manifest.made_at} with {count} sealed files. Start it now.")
    if ended:
        say(f"{ended} of its {len(manifest.keys)} keys were destroyed since: what they sealed opens no more.")


@contextlib.contextmanager
def reported(services: Services, kind: ReportKind) -> Iterator[dict[str, str | int | list[str]]]:
    """File a report of what is done inside, which fills the facts; what is refused is filed as failed."""
    began, facts = time.monotonic(), dict[str, str | int | list[str]]()
    fault: Exception | None = None
    try:
        yield facts
    except (CannotStart, Refusal, OSError) as error:
        # Its words may name places of this host, and every organisation's auditor reads the report.
        fault, facts["fault"] = error, type(error).__name__
    facts["seconds"] = round(time.monotonic() - began)
    with services.db.tenant(PLATFORM) as tx:
        is_good = fault is None and not facts.get("faults")
        file_report(tx, Actor(ActorKind.OPERATOR), kind, facts, is_good=is_good, clock=services.clock)
    if fault is not None:
        raise fault


def _written(file: Path, settings: Settings, services: Services, about: Manifest, before: object) -> Manifest:
    url, blobs = database_url(settings, "backup"), settings.data_dir / "blobs"
    made = write_backup(file.absolute(), database_url=url, blobs=blobs, about=about)
    if _keys(services) != before:
        file.unlink()
        raise CannotStart("A rotation of keys began while the backup was made, and it would not open. Make it again.")
    return made


def _keys(services: Services) -> tuple[list[str], dict[TenantId, tuple[int, UUID] | None]]:
    """Return the key files, and the youngest data key of each organisation with what wraps it."""
    with services.db.platform() as tx:
        tenants = [PLATFORM, *tenancy.list_tenants(tx)]
    found = {}
    for tenant_id in tenants:
        with services.db.tenant(tenant_id) as tx:
            found[tenant_id] = services.vault.youngest(tx)
    return [kek.name for kek in services.vault.files.stored()], found


def restore_into(
    file: Path, directory: DataDirectory, settings: Settings, roots: Roots, then: Callable[[Settings], None] | None = None
) -> int:
    """Restore into an empty directory, and do something while its database runs; return how many files there were."""

    def quiet(_line: str) -> None: ...

    is_ours = settings.root_key is None
    with launch.opened(
        directory, settings.database_url, quiet, roots=lambda: roots, makes_root_key=is_ours
    ) as postgres:
        directory.begin_restore()
        admin = settings.database_url or (postgres.url(database=launch.DATABASE) if postgres else "")
        restore_database(file, admin, scratch=directory.root)
        launch.prepare_database(admin, directory, roots, quiet)
        count = restore_blobs(file, directory)
        _record(settings, manifest_files=count)
        directory.end_restore()
        if then is not None:
            then(settings)
    return count


def _record(settings: Settings, *, manifest_files: int) -> None:
    with assemble(settings, role="worker") as services, services.db.tenant(PLATFORM) as tx:
        actor, facts = Actor(ActorKind.OPERATOR), {"files": manifest_files}
        audit.record(tx, actor, Event.BACKUP_RESTORED)
        file_report(tx, actor, ReportKind.RESTORE, facts, is_good=True, clock=services.clock)
