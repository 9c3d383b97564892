"""A database that this house can live in: embedded or given, the same from here on.

`check` says everything that is missing at once, in words an administrator of that database can act on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from appliance.kernel.db import make_engine
from appliance.ops import migrations
from appliance.ops.errors import CannotStart
from appliance.vault import RootKeyForeign
from appliance.vault.base import Root

OLDEST_POSTGRES = 160000
OLDEST_VECTOR = (0, 8, 4)


@dataclass(frozen=True)
class Prepared:
    """What `prepare` did: the schema's revision before and after."""

    before: str | None
    after: str


def prepare(admin_url: str, passwords: Mapping[str, str], *, migrator_url: str) -> Prepared:
    """Check, create roles where this user may, and migrate. Raises CannotStart with all that is missing."""
    engine = make_engine(admin_url, pool_size=1, application="cloister-setup")
    try:
        faults = check(engine)
        if faults:
            raise CannotStart(
                "This database is not ready for Cloister:\n" + "\n".join(f"  - {fault}" for fault in faults)
            )
        migrations.prepare_roles(engine, dict(passwords))
    except OperationalError as error:
        raise CannotStart(f"The database does not answer: {_first_line(error)}") from error
    except DBAPIError as error:
        raise CannotStart(f"The roles could not be created: {_first_line(error)}") from error
    finally:
        engine.dispose()
    return migrate(migrator_url)


def migrate(migrator_url: str) -> Prepared:
    """Bring the schema to this version. Raises CannotStart for a schema that is newer."""
    engine = make_engine(migrator_url, pool_size=2, application="cloister-migrate")
    try:
        before = migrations.current_revision(engine)
        if not migrations.is_known(before):
            raise CannotStart(
                f"The database's schema ({before}) is newer than this version ({migrations.head_revision()}). "
                "Start the newer version, or restore a backup made with this one."
            )
        return Prepared(*migrations.upgrade(engine))
    except OperationalError as error:
        raise CannotStart(f"The migrations did not run: {_first_line(error)}") from error
    finally:
        engine.dispose()


def is_current(migrator_url: str) -> bool:
    """Say whether this version's schema is there, and its roles with the passwords that we hold."""
    engine = make_engine(migrator_url, pool_size=1, application="cloister-setup")
    try:
        return migrations.current_revision(engine) == migrations.head_revision()
    except DBAPIError:
        return False
    finally:
        engine.dispose()


def check_root_key(admin_url: str, roots: Sequence[Root]) -> None:
    """Look, before anything is changed, whether the database belongs to another key. Raises RootKeyForeign."""
    engine = make_engine(admin_url, pool_size=1, application="cloister-setup")
    try:
        with engine.connect() as connection:
            if connection.scalar(text("SELECT to_regclass('cloister.root_key')")) is None:
                return
            row = connection.execute(text("SELECT to_jsonb(k) FROM cloister.root_key k")).one_or_none()
    except OperationalError as error:
        raise CannotStart(f"The database does not answer: {_first_line(error)}") from error
    except DBAPIError:
        return  # no right to look: `prepare` says what this user lacks, and the worker looks again
    finally:
        engine.dispose()
    # As JSON: an earlier schema has no column for the key that follows.
    claimed = {str(row[0][name]) for name in ("fingerprint", "following") if row[0].get(name)} if row else set()
    if claimed and not any("\\x" + root.fingerprint().hex() in claimed for root in roots):
        raise RootKeyForeign(path=" or ".join(root.spec for root in roots))


def check(engine: Engine) -> list[str]:
    """Return what is missing in the connected database, each with its remedy; empty means ready."""
    with engine.connect() as connection:
        return [
            fault
            for fault in (_version(connection), _vector(connection), _encoding(connection), _rights(connection))
            if fault
        ]


def _version(connection: Connection) -> str | None:
    number = int(str(connection.scalar(text("SHOW server_version_num"))))
    if number < OLDEST_POSTGRES:
        return f"Postgres {number // 10000} is too old: version 16 or newer is needed."
    return None


def _vector(connection: Connection) -> str | None:
    available = connection.scalar(text("SELECT default_version FROM pg_available_extensions WHERE name = 'vector'"))
    if available is None:
        return "The extension pgvector is not installed on the server: install its package (0.8.4 or newer)."
    if tuple(int(part) for part in str(available).split(".")[:3]) < OLDEST_VECTOR:
        return f"pgvector {available} is too old: 0.8.4 or newer is needed (earlier ones can corrupt an HNSW index)."
    return None


def _encoding(connection: Connection) -> str | None:
    encoding = connection.scalar(text("SHOW server_encoding"))
    return None if encoding == "UTF8" else f"The database's encoding is {encoding}: create it with ENCODING 'UTF8'."


def _rights(connection: Connection) -> str | None:
    if connection.scalar(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")):
        return None
    names = [migrations.role_name(role) for role in migrations.LOGIN_ROLES]
    missing = connection.scalars(
        text("SELECT name FROM unnest(CAST(:names AS text[])) name WHERE to_regrole(name) IS NULL"), {"names": names}
    ).all()
    lacking = f" The roles {', '.join(missing)} are missing." if missing else ""
    return (
        f"The user in APPLIANCE_DATABASE_URL is not a superuser, which creating roles and revoking set_config need.{lacking} "
        "Let a superuser run `appliance migrate` once, and give the services their own roles."
    )


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0]
