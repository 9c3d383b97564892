"""What stands for values of a conversation when they go to a model, sealed; and how many did. phase: expand"""

from alembic import op

from migrations.rls import tenant_table

revision = "0053"
down_revision = "0052"


def upgrade() -> None:
    """Create the table; nothing was replaced in what was said before."""
    tenant_table(
        "conversation_surrogates",
        """conversation_id uuid NOT NULL,
           sealed bytea NOT NULL,
           PRIMARY KEY (tenant_id, conversation_id),
           FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations ON DELETE CASCADE""",
    )
    op.execute(
        """ALTER TABLE messages
           ADD COLUMN replaced integer NOT NULL DEFAULT 0 CHECK (replaced >= 0),
           ADD COLUMN removed integer NOT NULL DEFAULT 0 CHECK (removed >= 0),
           ADD COLUMN warned integer NOT NULL DEFAULT 0 CHECK (warned >= 0)"""
    )
