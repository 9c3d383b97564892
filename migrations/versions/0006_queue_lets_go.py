"""Let the queue let go of a dead worker. phase: expand

Removing a worker sets `worker_id` of its jobs to NULL. PostgreSQL does that as the table's owner, and since version 18
runs the AFTER triggers of it as that owner as well (release notes, E.1.2). The queue's trigger then writes an event; row-level
security is forced, so the owner needs a policy to write it, and no more than that.
"""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Let the owner, as which nobody signs in, add events."""
    op.execute("CREATE POLICY owner_notes ON procrastinate_events FOR INSERT TO cloister_owner WITH CHECK (true)")
