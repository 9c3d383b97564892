"""A database with roles and schema, made once a run; servers and products of the tests begin with a copy of its files."""

import fcntl
import subprocess
from pathlib import Path

import psycopg

from appliance.kernel.db import make_engine
from appliance.ops import migrations
from appliance.ops.embedded_postgres import EmbeddedPostgres
from appliance.ops.launch import DATABASE
from tests.support.house import Server

PASSWORDS = {role: f"test-password-of-{role}" for role in migrations.LOGIN_ROLES}


class Cluster:
    """What `initdb` and the migrations leave, in a directory that several processes of tests share."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._made = directory / "made"

    def copy(self, to: Path) -> None:
        """Put a copy there, which nobody runs yet. Whoever comes first makes what is copied."""
        self._directory.mkdir(exist_ok=True)
        with (self._directory / "lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            if not self._made.exists():
                self._make()
                self._made.touch()
        to.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["/bin/cp", "--archive", str(self._directory / "postgres"), str(to)], check=True)

    def _make(self) -> None:
        with EmbeddedPostgres(self._directory / "postgres", durable=False) as postgres:
            with psycopg.connect(postgres.url(), autocommit=True) as admin:
                admin.execute(f"CREATE DATABASE {DATABASE}")
                migrate(Server(postgres, admin, PASSWORDS, self._directory), DATABASE)


def migrate(server: Server, database: str) -> None:
    """Create roles and schema, as an operator would."""
    gives_passwords(server, database)
    migrator = make_engine(server.url("cloister_migrator", database), pool_size=2)
    migrations.upgrade(migrator)
    migrator.dispose()


def gives_passwords(server: Server, database: str) -> None:
    """Create roles, or let them sign in by the tests' passwords again."""
    boot = make_engine(server.url("cloister_boot", database), pool_size=1)
    migrations.prepare_roles(boot, server.passwords)
    boot.dispose()
