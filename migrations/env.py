"""Runs migrations on the connection given by `appliance.ops.migrations`: one lock, short waits, one transaction each."""

from alembic import context
from sqlalchemy import Connection, text

LOCK = 0x434C4F495354  # "CLOIST": two migrators wait for each other instead of interleaving


def run(connection: Connection) -> None:
    """Take the advisory lock, become the owner, and migrate."""
    connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
    try:
        for setting in (
            "ROLE cloister_owner",
            "search_path = cloister, public",
            "lock_timeout = '5s'",
            "statement_timeout = '10min'",
        ):
            connection.execute(text(f"SET {setting}"))
        connection.commit()
        context.configure(
            connection=connection,
            version_table_schema="cloister",
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})
        connection.commit()


run(context.config.attributes["connection"])
