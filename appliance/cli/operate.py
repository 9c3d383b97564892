"""Commands that run the house."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from appliance.kernel import log
from appliance.settings import Settings, load, masked

if TYPE_CHECKING:  # `config check`, and `ready` of every health check, need none of it
    from appliance.kernel.db import Database
    from appliance.ops.launch import Plan


def say(line: str) -> None:
    """Print a line for the person at the console."""
    click.echo(line)


@click.command()
@click.option("--stop-with-parent", "with_parent", is_flag=True, help="Stop when the starting process ends (make run).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, an object a line; that with `url` says it is ready.")
def run(*, with_parent: bool, as_json: bool) -> None:
    """Start the database, the web site and the worker, and print the URL to open. Ctrl-C stops; the data stays."""
    from appliance.ops import launch
    from appliance.ops.supervisor import stop_with_parent

    if with_parent:
        stop_with_parent()
    os.umask(0o077)
    settings = load()
    log.configure(format=settings.log_format, level="WARNING")
    tell, greet = (_say_json, _greet_json) if as_json else (say, _greet)
    launch.run(_plan(settings), say=tell, greet=lambda: greet(settings))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def setup(*, as_json: bool) -> None:
    """Print a new single-use link that creates an organisation and its owner. Needs a running house."""
    from appliance.grounds import require_own, roots_of

    settings = load()
    with _own_database(settings) as db:
        require_own(db, roots_of(settings)())
        link = _setup_link(settings, db)
    say(json.dumps({"url": link}) if as_json else f"Open this link within 24 hours; it works once:\n  {link}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def migrate(*, as_json: bool) -> None:
    """Check the database, create its roles, and bring it to this version's schema."""
    from appliance.grounds import roots_of
    from appliance.ops import launch, migrations
    from appliance.ops.data_directory import DataDirectory

    settings = load()
    directory = DataDirectory(settings.data_dir, settings.secrets)
    tell: Callable[[str], None] = (lambda _line: None) if as_json else say
    with launch.opened(
        directory,
        settings.database_url,
        tell,
        roots=lambda: roots_of(settings),
        makes_root_key=settings.root_key is None,
    ):
        pass
    say(json.dumps({"schema": migrations.head_revision()}) if as_json else "The database is ready.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--preflight", is_flag=True, help="Only what must hold before the house is started.")
def doctor(*, as_json: bool, preflight: bool) -> None:
    """Check host, secrets, keys, models, parser and database. Exit code 0: well, 1: failing, 2: warnings."""
    from appliance.grounds import anchors_of, database_url, roots_of
    from appliance.ops.anchor_findings import check_anchors
    from appliance.ops.diagnosis import diagnose
    from appliance.ops.preflight import Level

    settings = load()
    findings = diagnose(
        data_directory=settings.data_dir, secrets=settings.secrets, models=settings.models_dir,
        host=settings.host, port=settings.port, languages=settings.ocr_languages,
        preflight=preflight, url=lambda: database_url(settings, "worker"), roots=lambda: roots_of(settings),
        anchors=lambda: check_anchors(anchors_of(settings), lambda: database_url(settings, "sealer")),
        export_folder=settings.export_folder,
    )  # fmt: skip
    if as_json:
        say(json.dumps([vars(finding) for finding in findings]))
    else:
        for finding in findings:
            say(f"[ {finding.level.value:^7} ] {finding.name:<13} {finding.detail}")
            if finding.remedy:
                say(f"{' ' * 12}{finding.remedy}")
    worst = {finding.level for finding in findings}
    raise SystemExit(1 if Level.FAIL in worst else 2 if Level.WARN in worst else 0)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def ready(*, as_json: bool) -> None:
    """Exit with 0 if the web site answers and all it stands on does, else with 1. For health checks."""
    from appliance.ops.readiness import is_ready

    found = is_ready(load().local_address)
    if as_json:
        say(json.dumps({"is_ready": found}))
    raise SystemExit(0 if found else 1)


@click.group()
def config() -> None:
    """Look at the settings."""


@config.command("check")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(*, as_json: bool) -> None:
    """Report every mistake in the settings at once; without one, print what is in force."""
    settings = load()
    values = {f"APPLIANCE_{name.upper()}": _shown(value) for name, value in settings.model_dump().items()}
    if as_json:
        say(json.dumps(values))
        return
    for name, field in Settings.model_fields.items():
        value = values["APPLIANCE_" + name.upper()]
        shown = (
            "none"
            if value in (None, [], ())
            else " ".join(map(str, value))
            if isinstance(value, (list, tuple))
            else value
        )
        say(f"{'APPLIANCE_' + name.upper():<38} {shown}\n    {field.description}")


def _plan(settings: Settings) -> "Plan":
    from appliance.grounds import roots_of
    from appliance.ops import launch

    return launch.Plan(
        data_dir=settings.data_dir.absolute(),
        secrets_dir=settings.secrets.absolute(),
        host=settings.host,
        port=settings.port,
        web_threads=settings.web_threads,
        gateway_port=settings.gateway_port,
        database_url=settings.database_url,
        address=settings.local_address,
        roots=lambda: roots_of(settings),
        makes_root_key=settings.root_key is None,
    )


def _greet(settings: Settings) -> None:
    url, is_set_up = _opening(settings)
    then = "Open" if is_set_up else "Open this link to set it up; it works once"
    say(f"\nCloister is running. {then}:\n\n  {url}\n\nCtrl-C stops it.")


def _greet_json(settings: Settings) -> None:
    url, is_set_up = _opening(settings)
    say(json.dumps({"url": url, "is_set_up": is_set_up}))


def _say_json(line: str) -> None:
    say(json.dumps({"said": line}))


def _opening(settings: Settings) -> tuple[str, bool]:
    """Return what to open, and whether somebody lives here: if not, it is a link that sets the house up."""
    from appliance import tenancy

    with _own_database(settings) as db:
        with db.platform() as tx:
            is_set_up = tenancy.count_organisations(tx) > 0
        return (f"{settings.address}/", True) if is_set_up else (_setup_link(settings, db), False)


@contextlib.contextmanager
def _own_database(settings: Settings) -> Iterator["Database"]:
    """Connect as the worker, without the rest of the house: `run` holds what it has imported for as long as it runs."""
    from appliance.grounds import database_url
    from appliance.kernel.db import Database

    db = Database(database_url(settings, "worker"), pool_size=1, application="cloister-setup")
    try:
        yield db
    finally:
        db.close()


def _setup_link(settings: Settings, db: "Database") -> str:
    from appliance import identity
    from appliance.kernel.clock import SystemClock

    return f"{settings.address}/setup?link={identity.create_setup_link(db, clock=SystemClock())}"


def _shown(value: object) -> object:
    if isinstance(value, str):
        return masked(value)
    return value if isinstance(value, str | int | bool | list) or value is None else str(value)
