"""A document of which parts could not be read is held back, with the names of those parts. phase: expand

One that was made searchable in part before has not been checked in whole: it is held too, unless somebody released it.
"""

from alembic import op

from migrations.rls import every_tenant

revision = "0019"
down_revision = "0018"

_STATES = "'received', 'parsing', 'embedding', 'ready', 'failed', 'quarantined', 'incomplete'"
_GAPS = "'embedded_files', 'macros', 'pages_without_text', 'pages_unreadable'"


def upgrade() -> None:
    """Widen the rule, and hold what belongs held."""
    op.execute("ALTER TABLE documents ADD COLUMN unread jsonb NOT NULL DEFAULT '[]'")
    op.execute("ALTER TABLE documents DROP CONSTRAINT documents_status_check")
    op.execute(f"ALTER TABLE documents ADD CONSTRAINT documents_status_check CHECK (status IN ({_STATES}))")
    with every_tenant("documents"):
        op.execute(
            f"""UPDATE documents SET status = 'incomplete', reason_code = 'incomplete',
                    reason = 'Parts of it could not be read, so nobody has checked them. Upload those parts in a readable form, or let an administrator release what was read.'
                WHERE status = 'ready' AND approved_by IS NULL AND warnings && ARRAY[{_GAPS}]"""
        )
