"""What an answer was made of, so that it closes with its collections. phase: expand

One row a document whose passages the model was given. The collection follows the document when it is moved (ON UPDATE
CASCADE) and stays when the document is deleted: who may not read it any more does not read the old answer either.
"""

from alembic import op

from migrations.rls import every_tenant, tenant_table

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Create the table; fill it from what earlier answers cite."""
    op.execute(
        "ALTER TABLE documents ADD CONSTRAINT documents_in_collection UNIQUE (tenant_id, document_id, collection_id)"
    )
    tenant_table(
        "message_sources",
        """message_id uuid NOT NULL,
           number integer NOT NULL,
           document_id uuid,
           collection_id uuid,
           PRIMARY KEY (tenant_id, message_id, number),
           FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, message_id) ON DELETE CASCADE,
           FOREIGN KEY (tenant_id, document_id, collection_id) REFERENCES documents (tenant_id, document_id, collection_id)
             ON UPDATE CASCADE ON DELETE SET NULL (document_id)""",
        grants="SELECT, INSERT, UPDATE",
    )
    op.execute("CREATE INDEX message_sources_by_document ON message_sources (tenant_id, document_id)")
    with every_tenant("message_sources", "messages", "citations", "documents"):
        op.execute(
            """INSERT INTO message_sources (tenant_id, message_id, number, document_id, collection_id)
               SELECT c.tenant_id, c.message_id, c.number, c.document_id, d.collection_id
               FROM citations c LEFT JOIN documents d ON d.tenant_id = c.tenant_id AND d.document_id = c.document_id"""
        )
