"""`appliance run`: from an empty directory, or yesterday's, to a house that answers. One step a function."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

import appliance
from appliance.kernel.db import Database, without_password
from appliance.ops import database, migrations
from appliance.ops.data_directory import DataDirectory
from appliance.ops.embedded_postgres import EmbeddedPostgres
from appliance.ops.errors import CannotStart
from appliance.ops.preflight import Level, check_host, check_port
from appliance.ops.readiness import is_ready
from appliance.ops.supervisor import Child, Supervisor
from appliance.vault import KeyFiles, RootKeyForeign, Roots, check_keys, claim_database

DATABASE = "cloister"
_TREE = Path(appliance.__file__).parent.parent
_READY_SECONDS = 120.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What to run, and where."""

    data_dir: Path
    secrets_dir: Path
    host: str
    port: int
    web_threads: int
    gateway_port: int | None
    """Where /v1 alone is served, by a process of its own; None for nowhere."""
    database_url: str | None
    address: str
    roots: Callable[[], Roots]
    """Called once the data directory is prepared: a new house has no root key before."""
    makes_root_key: bool = True
    """Whether the root is a file of ours, which a new house gets."""


def run(plan: Plan, *, say: Say, greet: Callable[[], None]) -> None:
    """Start everything, greet, and keep it running until a stop is asked for. Raises CannotStart."""
    _preflight(plan, say)
    directory = DataDirectory(plan.data_dir, plan.secrets_dir)
    with opened(directory, plan.database_url, say, roots=plan.roots, makes_root_key=plan.makes_root_key) as postgres:
        supervisor = Supervisor(children(plan), postgres=postgres, say=say)
        say("Starting web, worker and gateway" if plan.gateway_port else "Starting web and worker")
        supervisor.start()
        try:
            supervisor.await_ready(lambda: is_ready(plan.address), seconds=_READY_SECONDS)
            if not supervisor.is_stopping:
                greet()
                supervisor.watch()
            say("Stopping")
        finally:
            supervisor.stop()
    say("Stopped. The data stays in " + str(plan.data_dir))


@contextlib.contextmanager
def opened(
    directory: DataDirectory,
    database_url: str | None,
    say: Say,
    *,
    roots: Callable[[], Roots],
    makes_root_key: bool = True,
) -> Iterator[EmbeddedPostgres | None]:
    """Prepare the data directory and the database, embedded or given; hold the directory meanwhile."""
    with directory.lock():
        is_new_key = makes_root_key and directory.create_root_key()
        directory.prepare(version=appliance.__version__)
        ours = roots()  # unknown key, no start
        try:
            if database_url is not None:
                say("Checking the database")
                prepare_database(database_url, directory, ours, say)
                yield None
                return
            say("Starting the embedded database")
            with EmbeddedPostgres(directory.postgres, log=directory.log / "postgres.log") as postgres:
                _create_database(postgres)
                prepare_database(postgres.url(database=DATABASE), directory, ours, say)
                yield postgres
        except RootKeyForeign:
            if is_new_key:  # nothing is sealed with it, and it would hide that the right one is missing
                directory.root_key.unlink()
            raise


def _preflight(plan: Plan, say: Say) -> None:
    findings = check_host(data_directory=plan.data_dir, host=plan.host, port=plan.port)
    if plan.gateway_port is not None:
        findings.append(check_port(plan.host, plan.gateway_port))
    for finding in findings:
        if finding.level is Level.WARN:
            say(f"Note: {finding.detail}. {finding.remedy}")
    failed = [f"{finding.detail}. {finding.remedy}" for finding in findings if finding.level is Level.FAIL]
    if failed:
        raise CannotStart("\n".join(failed))


def _create_database(postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
        if not exists:
            connection.execute(f"CREATE DATABASE {DATABASE}")


def prepare_database(admin_url: str, directory: DataDirectory, roots: Roots, say: Say) -> None:
    """Bring roles, passwords and schema to this version, and claim the database for the key. Raises CannotStart."""
    names = {role: f"database-{role}" for role in migrations.LOGIN_ROLES}
    had_secrets = directory.has_secrets(names.values())
    passwords = {role: directory.create_secret(name) for role, name in names.items()}

    def url_of(role: str) -> str:
        url = make_url(admin_url).set(username=migrations.role_name(role), password=passwords[role])
        return url.render_as_string(hide_password=False)

    directory.create_secret("web-forms")
    # Once all is in place, no superuser is asked for again.
    if not (had_secrets and database.is_current(url_of("migrator"))):
        database.check_root_key(admin_url, roots())  # before a role's password is changed
        done = database.prepare(admin_url, passwords, migrator_url=url_of("migrator"))
        if done.before != done.after:
            say(f"Migrated the database from {done.before or 'empty'} to {done.after}")
    services = Database(url_of("worker"), pool_size=1, application="cloister-setup")
    try:
        claim_database(services, roots())
        check_keys(services, KeyFiles(directory.secrets / "keys", roots))
    finally:
        services.close()


def children(plan: Plan) -> list[Child]:
    """Return web, worker and, if it has a port, the gateway, as they are to be started."""
    environment = dict(os.environ)
    if plan.database_url is not None:
        # The services sign in as their own roles; the administrator's password does not reach them.
        bare = make_url(plan.database_url)._replace(username=None)
        environment["APPLIANCE_DATABASE_URL"] = without_password(bare)
    environment["PYTHONPATH"] = str(_TREE)
    if sys.stdout.isatty():  # a person reads along; a file or a collector gets what the setting says
        environment.setdefault("APPLIANCE_LOG_FORMAT", "console")
    host = f"[{plan.host}]" if ":" in plan.host else plan.host
    web = [
        *_gunicorn("gunicorn.conf.py", f"{host}:{plan.port}"), "--threads", str(plan.web_threads),
        "appliance.wsgi:application()",
    ]  # fmt: skip
    worker = [sys.executable, "-m", "appliance.worker"]
    found = [Child("web", web, environment), Child("worker", worker, environment)]
    if plan.gateway_port is not None:
        gateway = [*_gunicorn("gateway.conf.py", f"{host}:{plan.gateway_port}"), "appliance.wsgi:programs()"]
        found.append(Child("gateway", gateway, environment))
    return found


def _gunicorn(settings: str, place: str) -> list[str]:
    return [sys.executable, "-m", "gunicorn", "--config", str(_TREE / "deploy" / settings), "--bind", place]
