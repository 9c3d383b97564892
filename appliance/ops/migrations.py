"""Brings a database to this version's schema: roles first (superuser), then numbered migrations (migrator)."""

from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from sqlalchemy import Engine, text

import appliance

if TYPE_CHECKING:
    from alembic.config import Config

LOGIN_ROLES = ("migrator", "app", "worker", "sealer", "auditor", "backup")
_TREE = Path(appliance.__file__).parent.parent / "migrations"


def role_name(role: str) -> str:
    """Return the Postgres role that a process of ours connects as."""
    return f"cloister_{role}"


def prepare_roles(engine: Engine, passwords: dict[str, str]) -> None:
    """Create the roles, the schema and the revocations in the connected database. Needs a superuser.

    `passwords` maps a login role ("app", "worker", …) to its password.
    """
    with engine.begin() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)  # noqa: S101 - the engine is psycopg's, see kernel.db
        driver.execute((_TREE / "sql" / "roles.sql").read_bytes())
        for role, password in passwords.items():
            # A verifier, not the password: statement logs of the server then hold nothing that signs in.
            name = role_name(role)
            verifier = driver.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
            driver.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(name), sql.Literal(verifier)))


def upgrade(engine: Engine) -> tuple[str | None, str]:
    """Run every migration that is missing, as the migrator; return the revisions before and after."""
    from alembic import command  # six megabytes that only who migrates needs

    before = current_revision(engine)
    config = _config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return before, head_revision()


def head_revision() -> str:
    """Return the newest revision that this version knows."""
    return _revisions()[-1]


def current_revision(engine: Engine) -> str | None:
    """Return the database's revision, or None before the first migration."""
    with engine.connect() as connection:
        if connection.scalar(text("SELECT to_regclass('cloister.alembic_version')")) is None:
            return None
        found = connection.scalar(text("SELECT version_num FROM cloister.alembic_version"))
        return None if found is None else str(found)


def is_known(revision: str | None) -> bool:
    """Say whether this version knows the revision; a newer product's database has one that it does not."""
    return revision is None or revision in _revisions()


def _revisions() -> list[str]:
    # By the names of their files: every start asks, and Alembic with all migrations is loaded where there is something to migrate.
    return sorted(path.name.partition("_")[0] for path in (_TREE / "versions").glob("[0-9]*_*.py"))


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_TREE))
    config.set_main_option("path_separator", "os")
    return config
