"""`appliance run`: from an empty directory, or yesterday's, to a house that answers. One step a function."""

import contextlib
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

import appliance
from appliance.ops import database, migrations
from appliance.ops.data_directory import DataDirectory
from appliance.ops.embedded_postgres import EmbeddedPostgres
from appliance.ops.errors import CannotStart
from appliance.ops.preflight import Level, check_host
from appliance.ops.supervisor import Child, Supervisor
from appliance.vault import Keyring

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
    database_url: str | None
    address: str


def run(plan: Plan, *, say: Say, greet: Callable[[], str]) -> None:
    """Start everything, print the greeting, and keep it running until a stop is asked for. Raises CannotStart."""
    _preflight(plan, say)
    directory = DataDirectory(plan.data_dir, plan.secrets_dir)
    with opened(directory, plan.database_url, say) as postgres:
        supervisor = Supervisor(_children(plan), postgres=postgres, say=say)
        say("Starting web and worker")
        supervisor.start()
        try:
            supervisor.await_ready(lambda: is_ready(plan.address), seconds=_READY_SECONDS)
            if not supervisor.is_stopping:
                say(greet())
                supervisor.watch()
            say("Stopping")
        finally:
            supervisor.stop()
    say("Stopped. The data stays in " + str(plan.data_dir))


@contextlib.contextmanager
def opened(directory: DataDirectory, database_url: str | None, say: Say) -> Iterator[EmbeddedPostgres | None]:
    """Prepare the data directory and the database, embedded or given; hold the directory meanwhile."""
    directory.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with directory.lock():
        directory.secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
        directory.create_root_key()
        directory.prepare(version=appliance.__version__)
        Keyring(directory.secrets / "root.key")  # unknown key, no start
        passwords = {role: directory.create_secret(f"database-{role}") for role in migrations.LOGIN_ROLES}
        if database_url is not None:
            say("Checking the database")
            _prepare(database_url, database_url, passwords, say)
            yield None
            return
        say("Starting the embedded database")
        with EmbeddedPostgres(directory.postgres, log=directory.log / "postgres.log") as postgres:
            _create_database(postgres)
            admin = postgres.url(database=DATABASE)
            _prepare(admin, admin, passwords, say)
            yield postgres


def _preflight(plan: Plan, say: Say) -> None:
    findings = check_host(data_directory=plan.data_dir, host=plan.host, port=plan.port)
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


def _prepare(admin_url: str, base_url: str, passwords: Mapping[str, str], say: Say) -> None:
    migrator = make_url(base_url).set(username=migrations.role_name("migrator"), password=passwords["migrator"])
    done = database.prepare(admin_url, passwords, migrator_url=migrator.render_as_string(hide_password=False))
    if done.before != done.after:
        say(f"Migrated the database from {done.before or 'empty'} to {done.after}")


def _children(plan: Plan) -> list[Child]:
    environment = dict(os.environ)
    if plan.database_url is not None:
        # The services sign in as their own roles; the administrator's password does not reach them.
        bare = make_url(plan.database_url).set(username=None, password=None)
        environment["APPLIANCE_DATABASE_URL"] = bare.render_as_string(hide_password=False)
    environment["PYTHONPATH"] = str(_TREE)
    if sys.stdout.isatty():  # a person reads along; a file or a collector gets what the setting says
        environment.setdefault("APPLIANCE_LOG_FORMAT", "console")
    host = f"[{plan.host}]" if ":" in plan.host else plan.host
    web = [
        sys.executable, "-m", "gunicorn", "--config", str(_TREE / "deploy" / "gunicorn.conf.py"),
        "--bind", f"{host}:{plan.port}", "--threads", str(plan.web_threads), "appliance.wsgi:application()",
    ]  # fmt: skip
    worker = [sys.executable, "-m", "appliance.worker"]
    return [Child("web", web, environment), Child("worker", worker, environment)]


def is_ready(address: str) -> bool:
    """Ask the web site whether it, and everything that it stands on, is ready."""
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=2) as answer:  # noqa: S310 - our own loopback address
            return bool(answer.status == 200)  # noqa: PLR2004
    except (OSError, urllib.error.URLError):
        return False
