"""Packages of the audit log that are made every week or month, and put into a folder of the host. phase: expand"""

from alembic import op

from migrations.rls import tenant_table

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    """Create the schedules, and say of a package from which one it came and when it was put away."""
    tenant_table(
        "audit_schedules",
        """schedule_id uuid NOT NULL,
           created_by uuid,
           created_at timestamptz NOT NULL,
           every text NOT NULL CHECK (every IN ('month', 'week')),
           asked jsonb NOT NULL,
           next_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, schedule_id)""",
    )
    op.execute("ALTER TABLE audit_exports ADD COLUMN schedule_id uuid, ADD COLUMN delivered_at timestamptz")
    op.execute(
        "CREATE INDEX audit_exports_to_deliver ON audit_exports (tenant_id, export_id) WHERE schedule_id IS NOT NULL AND delivered_at IS NULL"
    )
