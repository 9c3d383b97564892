"""Commands that keep the house: backup, and restore into an empty one."""

import json
from pathlib import Path

import click

import appliance
from appliance import audit
from appliance.assembly import assemble, database_url
from appliance.audit import PLATFORM, Actor, ActorKind, Event
from appliance.cli.operate import say
from appliance.ops import launch, migrations
from appliance.ops.backup import Manifest, write_backup
from appliance.ops.data_directory import DataDirectory
from appliance.ops.errors import CannotStart
from appliance.ops.restore import check_target, read_manifest, restore_blobs, restore_database
from appliance.settings import Settings, load
from appliance.vault import Keyring

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@click.command()
@_FILE
@_JSON
def backup(*, file: Path, as_json: bool) -> None:
    """Write database and sealed files to one FILE. Needs a running house. The root key is not in it: keep it apart."""
    settings = load()
    services = assemble(settings, role="worker")
    try:
        with services.db.tenant(PLATFORM) as tx:  # on record before it exists
            audit.record(tx, Actor(ActorKind.OPERATOR), Event.BACKUP_MADE)
        about = Manifest(
            product=appliance.__version__,
            schema=migrations.head_revision(),
            made_at=services.clock.now().isoformat(),
            root_key_fingerprint=services.vault.files.roots[0].fingerprint().hex(),
        )
        url, blobs = database_url(settings, "backup"), settings.data_dir / "blobs"
        made = write_backup(file.absolute(), database_url=url, blobs=blobs, about=about)
    finally:
        services.close()
    if as_json:
        say(json.dumps({"file": str(file), "files": len(made.members) - 1, "schema": made.schema}))
        return
    say(
        f"{file}: the database and {len(made.members) - 1} sealed files. Keep it apart from {settings.secrets}/root.key."
    )


@click.command()
@_FILE
@_JSON
def restore(*, file: Path, as_json: bool) -> None:
    """Restore a backup FILE into an empty data directory that holds its root.key in `secrets`. Start it afterwards."""
    settings = load()
    directory = DataDirectory(settings.data_dir.absolute(), settings.secrets.absolute())
    manifest = read_manifest(file)
    check_target(directory, manifest, version=appliance.__version__)
    try:
        count = _restore(file, directory, settings)
    except CannotStart as error:
        raise CannotStart(f"{error}\nBefore you try again, empty {directory.root}, and put root.key back.") from error
    facts = {"files": count, "schema": manifest.schema, "made_at": manifest.made_at}
    say(
        json.dumps(facts)
        if as_json
        else f"Restored the house of {manifest.made_at} with {count} sealed files. Start it now."
    )


def _restore(file: Path, directory: DataDirectory, settings: Settings) -> int:
    def quiet(_line: str) -> None: ...

    with launch.opened(directory, settings.database_url, quiet) as postgres:
        directory.begin_restore()
        admin = settings.database_url or (postgres.url(database=launch.DATABASE) if postgres else "")
        restore_database(file, admin, scratch=directory.root)
        launch.prepare_database(admin, directory, Keyring(directory.root_key), quiet)
        count = restore_blobs(file, directory)
        _record(settings)
        directory.end_restore()
    return count


def _record(settings: Settings) -> None:
    services = assemble(settings, role="worker")
    try:
        with services.db.tenant(PLATFORM) as tx:
            audit.record(tx, Actor(ActorKind.OPERATOR), Event.BACKUP_RESTORED)
    finally:
        services.close()
