"""Collections, and who may read them. phase: expand

Documents that were there before go into their organisation's first collection, which everyone may read, as they could.
"""

from alembic import op

from migrations.rls import every_tenant, tenant_table

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Create collections; put every document into one."""
    tenant_table(
        "collections",
        """collection_id uuid NOT NULL,
           name text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
           description text NOT NULL DEFAULT '',
           audience text NOT NULL CHECK (audience IN ('everyone', 'groups')),
           created_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, collection_id),
           UNIQUE (tenant_id, name)""",
    )
    tenant_table(
        "collection_groups",
        """collection_id uuid NOT NULL,
           group_id uuid NOT NULL,
           PRIMARY KEY (tenant_id, collection_id, group_id),
           FOREIGN KEY (tenant_id, collection_id) REFERENCES collections (tenant_id, collection_id) ON DELETE CASCADE,
           FOREIGN KEY (tenant_id, group_id) REFERENCES groups (tenant_id, group_id) ON DELETE CASCADE""",
    )
    op.execute("ALTER TABLE documents ADD COLUMN collection_id uuid")
    with every_tenant("documents", "collections", "organisations"):
        op.execute(
            """INSERT INTO collections (tenant_id, collection_id, name, audience, created_at)
               SELECT o.tenant_id, uuidv7(), 'Documents', 'everyone', o.created_at FROM organisations o
               WHERE o.tenant_id <> '00000000-0000-0000-0000-000000000000'"""
        )
        op.execute(
            "UPDATE documents d SET collection_id = c.collection_id FROM collections c WHERE c.tenant_id = d.tenant_id"
        )
    op.execute(
        """ALTER TABLE documents ALTER COLUMN collection_id SET NOT NULL,
           ADD FOREIGN KEY (tenant_id, collection_id) REFERENCES collections (tenant_id, collection_id)"""
    )
    op.execute("CREATE INDEX documents_by_collection ON documents (tenant_id, collection_id, document_id DESC)")
