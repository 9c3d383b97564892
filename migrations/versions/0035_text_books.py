"""What is searched of several conversations of a person stands in one sealed book; documents by status. phase: expand

A migration opens no keys: what stands alone in `conversation_texts.sealed` the worker puts into books, in pieces, and
readers know both until the column goes in a later release.
"""

from alembic import op

from migrations.rls import tenant_table

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    """Create the books, and note in which one each conversation is."""
    tenant_table(
        "text_books",
        """book_id uuid NOT NULL,
           owner_id uuid NOT NULL,
           sealed bytea NOT NULL,
           PRIMARY KEY (tenant_id, book_id)""",
    )
    op.execute("ALTER TABLE text_books ALTER COLUMN sealed SET STORAGE EXTERNAL")  # nothing of it compresses
    op.execute("GRANT SELECT ON text_books TO cloister_backup")
    op.execute("CREATE INDEX text_books_by_owner ON text_books (tenant_id, owner_id, book_id)")
    op.execute(
        """ALTER TABLE conversation_texts ADD COLUMN book_id uuid,
           ADD FOREIGN KEY (tenant_id, book_id) REFERENCES text_books (tenant_id, book_id)"""
    )
    op.execute("CREATE INDEX conversation_texts_by_book ON conversation_texts (tenant_id, book_id)")
    # Empty once all are in books. It finds what is left without looking through the table.
    op.execute(
        "CREATE INDEX conversation_texts_alone ON conversation_texts (tenant_id, conversation_id) WHERE sealed IS NOT NULL"
    )
    op.execute("CREATE INDEX documents_by_status ON documents (tenant_id, status, document_id DESC)")
