"""Indexes by which each page of a large audit log is found at once, whatever is asked of it. phase: expand

Each begins with what is asked by, then the kind, then the id, which is the order of a page; the moment is included, so that a
period needs no row. They are built while the log stands still (some 20 s each for 10 million entries): what is recorded
meanwhile waits in the inbox.
"""

from alembic import op

revision = "0044"
down_revision = "0043"

_INDEXES = {
    "audit_log_by_event": "tenant_id, event, event_id",
    "audit_log_by_actor": "tenant_id, actor_id, event, event_id",
    "audit_log_by_subject": "tenant_id, subject, event, event_id",
    "audit_log_by_both": "tenant_id, subject, actor_id, event, event_id",
}


def upgrade() -> None:
    """Build the new ones in the places of the old."""
    for name, columns in _INDEXES.items():
        asked = [one for one in ("subject", "actor_id") if one in columns]
        where = " WHERE " + " AND ".join(f"{one} IS NOT NULL" for one in asked) if asked else ""
        op.execute(f"DROP INDEX IF EXISTS {name}")
        op.execute(f"CREATE INDEX {name} ON audit_log ({columns}) INCLUDE (recorded_at){where}")
    # Read from an index alone is what a vacuum has seen. Nothing dies in this table, so each one looks at new pages only; by
    # the default, which is a fifth of the table, the newest two million of ten would wait for it.
    op.execute(
        "ALTER TABLE audit_log SET (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 50000)"
    )
