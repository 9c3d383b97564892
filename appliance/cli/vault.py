"""`appliance vault`: the root key, and the files of the keys under it. Needs a running house."""

import json
from pathlib import Path

import click

from appliance import audit, tenancy
from appliance.assembly import Services, assemble
from appliance.audit import PLATFORM, Actor, ActorKind, Event
from appliance.cli.operate import say
from appliance.kernel.ids import TenantId
from appliance.ops.key_export import export_key_files
from appliance.settings import load
from appliance.vault import change_log_key, check_keys
from appliance.vault.exchange import exchange_root

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def vault() -> None:
    """Look after the root key and the key files under it."""


@vault.command("check")
@_JSON
def check(*, as_json: bool) -> None:
    """Open every organisation's key once, and say which root keys there are. Exit code 1 where one does not open."""
    with assemble(load(), role="worker") as services:
        roots = [root.spec for root in services.vault.files.roots]
        for root in services.vault.files.roots:
            root.ping()
        found = check_keys(services.db, services.vault.files)
    ended = sum(one.fault is not None for one in found)
    facts = {"roots": roots, "organisations": len(found) - ended, "destroyed": ended}
    say(json.dumps(facts) if as_json else f"{' and '.join(roots)}: {_opening(len(found) - ended)}{_ended(ended)}.")


@vault.command("rotate-root")
@_JSON
def rotate_root(*, as_json: bool) -> None:
    """Wrap every key by a new root key, or the one that APPLIANCE_ROOT_KEY_NEXT names; the old one opens nothing then.

    It may be stopped and begun again. By default the root key is a file, and a new one is made.
    """
    with assemble(load(), role="worker") as services:
        settings = services.settings
        is_file = settings.root_key is None and settings.root_key_next is None
        count = exchange_root(
            services.db, services.vault.files, services.shelves, _tenants(services),
            secrets=settings.secrets.absolute() if is_file else None,
        )  # fmt: skip
        spec = services.vault.files.roots[-1].spec
    if as_json:
        say(json.dumps({"root": spec, "wrapped": count}))
        return
    say(f"{_keys(count)} {'is' if count == 1 else 'are'} wrapped by {spec} now. Back it up, apart from the data, and the key files anew: `appliance vault export`.")
    say("Key files that were exported before open with the old root key only: keep it as long as you keep them.")
    if not is_file:
        say("Set APPLIANCE_ROOT_KEY to it, remove APPLIANCE_ROOT_KEY_NEXT, and rename root-key-next-credentials to root-key-credentials before the next start.")


@vault.command("rotate-log-key")
@_JSON
def rotate_log_key(*, as_json: bool) -> None:
    """Put a new key in force that signs the audit log; the old one signs it over, and is destroyed."""
    with assemble(load(), role="worker") as services, services.db.tenant(PLATFORM) as tx:
        number = change_log_key(tx, Actor(ActorKind.OPERATOR), services.vault)
    say(json.dumps({"number": number}) if as_json else f"Key {number} signs the log from its next entry on; each log says so itself.")


@vault.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_JSON
def export(*, file: Path, as_json: bool) -> None:
    """Copy the key files, which are wrapped by the root key, to one FILE: what a backup needs besides that key."""
    with assemble(load(), role="worker") as services:
        with services.db.tenant(PLATFORM) as tx:  # on record before it exists
            audit.record(tx, Actor(ActorKind.OPERATOR), Event.KEY_FILES_EXPORTED)
        count = export_key_files(services.vault.files.directory, file.absolute())
    say(json.dumps({"file": str(file), "keys": count}) if as_json else f"{file}: {_keys(count)}. Keep it apart from backups.")


def _keys(count: int) -> str:
    return "1 key" if count == 1 else f"{count} keys"


def _opening(count: int) -> str:
    """Say whose keys open: the platform has some too."""
    organisations = count - 1
    if organisations <= 0:
        return "the platform's keys open"
    return f"the keys of the platform and {organisations} organisation{'' if organisations == 1 else 's'} open"


def _ended(count: int) -> str:
    return f"; those of {count} organisation{'' if count == 1 else 's'} were destroyed on purpose" if count else ""


def _tenants(services: Services) -> list[TenantId]:
    with services.db.platform() as tx:
        return [PLATFORM, *tenancy.list_tenants(tx)]
