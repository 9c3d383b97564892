"""Conversations stand sealed. phase: expand

A migration opens no keys, so it adds where the sealed values go; the worker seals what is there in pieces, empties the
plain columns, and the migrator's round rewrites the tables once nothing plain is left. The plain columns stay until a
later release: until then, readers know both.
"""

from alembic import op

from migrations.rls import RUNTIME, door, every_tenant, platform_table, tenant_table

revision = "0029"
down_revision = "0028"

_SEALED = {
    "conversations": ("title", "sealed_title"),
    "messages": ("body", "sealed_words"),
    "feedback": ("comment", "sealed_comment"),
    "review_requests": ("reason", "sealed_reason"),
    "conversation_views": ("reason", "sealed_reason"),
}
_EMPTIED = {
    "conversations": ("title",),
    "messages": ("body",),
    "citations": ("title", "heading", "quote"),
    "feedback": ("comment",),
    "review_requests": ("reason",),
    "conversation_views": ("reason",),
}


def upgrade() -> None:
    """Add the sealed columns, what is searched, and the note of what is still plain."""
    for table, (plain, sealed) in _SEALED.items():
        op.execute(f"ALTER TABLE {table} ADD COLUMN {sealed} bytea")
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {sealed} SET STORAGE EXTERNAL")  # nothing of it compresses
        # Empty once all is sealed. They find what is left without looking through the table.
        # Conversations come in the order of their pages of titles, so that a piece writes few of those.
        order = ", right(conversation_id::text, 2)" if table == "conversations" else ""
        op.execute(f"CREATE INDEX {table}_plain ON {table} (tenant_id{order}) WHERE {plain} <> ''")
    for table, columns in _EMPTIED.items():
        for column in columns:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT ''")
    op.execute("ALTER TABLE review_requests DROP CONSTRAINT review_requests_reason_check")
    op.execute("GRANT UPDATE (reason, sealed_reason) ON conversation_views TO cloister_worker")
    op.execute("DROP INDEX conversations_by_time")
    op.execute(
        """CREATE INDEX conversations_by_time ON conversations (tenant_id, updated_at, conversation_id)
             INCLUDE (owner_id)"""
    )
    _books()
    _note()


def _books() -> None:
    tenant_table(
        "conversation_texts",
        """conversation_id uuid NOT NULL,
           sealed bytea,
           PRIMARY KEY (tenant_id, conversation_id),
           FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, conversation_id) ON DELETE CASCADE""",
    )
    tenant_table("title_pages", "page_id uuid NOT NULL, sealed bytea, PRIMARY KEY (tenant_id, page_id)")
    for table in ("conversation_texts", "title_pages"):
        op.execute(f"ALTER TABLE {table} ALTER COLUMN sealed SET STORAGE EXTERNAL")
        op.execute(f"GRANT SELECT ON {table} TO cloister_backup")


def _note() -> None:
    platform_table(
        "plain_text",
        """is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
           emptied_at timestamptz,
           wiped_at timestamptz""",
    )
    op.execute("GRANT SELECT ON plain_text TO cloister_backup")
    op.execute("GRANT CREATE ON SCHEMA cloister TO cloister_doors")  # needed to own functions; taken back below
    door("plain_text.sql", "note_plain_text(boolean)", roles=["cloister_worker"])
    door("plain_text_state.sql", "plain_text_state()", roles=(*RUNTIME, "cloister_migrator"))
    door("wiped_plain_text.sql", "note_plain_text_wiped()", roles=["cloister_migrator"])
    op.execute("REVOKE CREATE ON SCHEMA cloister FROM cloister_doors")
    with every_tenant("conversations", "plain_text"):
        op.execute(  # in a new house there is nothing to wait for
            "INSERT INTO plain_text (emptied_at, wiped_at) SELECT now(), now() WHERE NOT EXISTS (SELECT FROM conversations)"
        )
