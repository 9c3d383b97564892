"""`appliance evidence attest`, `check-backup` and `drill`: what whoever runs the host files as evidence. Needs a running house."""

import json
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click

import appliance
from appliance import evidence, tenancy
from appliance.assembly import assemble, roots_of
from appliance.audit import PLATFORM, Actor, ActorKind
from appliance.cli.backups import reported, restore_into
from appliance.cli.operate import say
from appliance.evidence.reports import ReportKind
from appliance.ops.backup import Manifest
from appliance.ops.data_directory import DataDirectory
from appliance.ops.drill import Facts, examine
from appliance.ops.errors import CannotStart
from appliance.ops.restore import check_target, read_manifest
from appliance.settings import Settings, load
from appliance.vault import KeyFiles

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_PLACE = ".drill-"
_FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


def add_to(room: click.Group) -> None:
    """Add these to the group that the API's operations made."""
    for command in (attest, check_backup, drill):
        room.add_command(command)


@click.command("attest")
@_JSON
def attest(*, as_json: bool) -> None:
    """Look at the isolation of organisations in the database's catalogue, and file what was found. Exit code 1 where it is broken."""
    with assemble(load(), role="worker") as services:
        report = evidence.attest(services.db, Actor(ActorKind.OPERATOR), clock=services.clock)
    if as_json:
        say(json.dumps({"is_good": report.is_good, "digest": report.digest} | dict(report.facts)))
    else:
        say(f"{report.facts['tables']} tables, {report.facts['policies']} policies, {report.facts['doors']} functions: "
            f"{'isolated' if report.is_good else 'BROKEN'}.")  # fmt: skip
        _name(report.facts)
    sys.exit(0 if report.is_good else 1)


@click.command("check-backup")
@_FILE
@_JSON
def check_backup(*, file: Path, as_json: bool) -> None:
    """Check a backup FILE and that its keys are here, restore nothing, and file what was found."""
    with assemble(load(), role="worker") as services, reported(services, ReportKind.BACKUP_CHECK) as facts:
        settings = services.settings
        facts.update(_checked(read_manifest(file), settings))
    say(json.dumps(facts) if as_json else f"{file} is whole: {facts['files']} sealed files of {facts['made_at']}.")


@click.command("drill")
@_FILE
@_JSON
def drill(*, file: Path, as_json: bool) -> None:
    """Restore a backup FILE into a database of its own, look whether all is there and opens, remove it, and file what was found.

    It takes the room of the backup twice, beside the data. The house goes on meanwhile.
    """
    with assemble(load(), role="worker") as services:
        settings = services.settings
        for left in settings.data_dir.glob(f"{_PLACE}*"):  # of a drill that was killed
            shutil.rmtree(left, ignore_errors=True)
        with (
            tempfile.TemporaryDirectory(prefix=_PLACE, dir=settings.data_dir.absolute()) as place,
            reported(services, ReportKind.RESTORE_DRILL) as facts,
        ):
            facts.update(_drilled(file, Path(place), settings))
    if as_json:
        say(json.dumps(facts))
    else:
        say(f"Restored {facts['files']} files and {facts['log_entries']} entries of the log in {facts['seconds']} seconds: "
            f"{'all is there and opens' if not facts['faults'] else 'BROKEN'}.")  # fmt: skip
        _name(facts)
    sys.exit(1 if facts["faults"] else 0)


def _checked(manifest: Manifest, settings: Settings) -> Facts:
    roots = roots_of(settings)()
    files = KeyFiles(settings.secrets / "keys", lambda: roots)
    if manifest.root_key_fingerprint not in {root.fingerprint().hex() for root in roots}:
        raise CannotStart("The root key here is not the one of this backup. Put the right one there.")
    missing = [name for name in manifest.keys if not files.has(name)]
    if missing:
        raise CannotStart(
            f"{len(missing)} of the backup's key files are missing in {files.directory}, such as {missing[0]}.key. Put them there: they are "
            "kept apart from the backup, with the root key."
        )
    return {"made_at": manifest.made_at, "schema": manifest.schema, "files": len(manifest.members) - 1}


def _drilled(file: Path, place: Path, settings: Settings) -> Facts:
    manifest = read_manifest(file)
    facts = _checked(manifest, settings)
    directory = DataDirectory(place, place / "secrets")
    directory.secrets.mkdir(mode=0o700)
    shutil.copytree(settings.secrets / "keys", directory.secrets / "keys")
    if settings.root_key is None:
        # A name for it, and no copy: that one could be left lying beside the data.
        (directory.secrets / "root.key").symlink_to((settings.secrets / "root.key").absolute())
    # A database of its own: the one in use, wherever it is, is not touched.
    chosen = {"data_dir": place, "secrets_dir": None, "database_url": None}
    there = settings.model_copy(update=chosen)
    roots = roots_of(there)
    check_target(directory, manifest, KeyFiles(directory.secrets / "keys", roots), version=appliance.__version__)

    def look(restored: Settings) -> None:
        with assemble(restored, role="worker") as inside:
            with inside.db.platform() as tx:
                tenants = [PLATFORM, *tenancy.list_tenants(tx)]
            facts.update(examine(inside.db, inside.vault.files, tenants))

    facts["files"] = restore_into(file, directory, there, roots, look)
    return facts


def _name(facts: Mapping[str, object]) -> None:
    named = facts.get("named", [])
    for one in named if isinstance(named, list) else []:
        say(f"  {one}")
