"""Documents, chunks, vectors and postings. phase: expand

The vector stands in a narrow table of its own: beside the text it would be TOASTed, and
exact search three times as slow (measured). The b-tree carries the vector (INCLUDE), so
one tenant's search is an index-only scan of that tenant's rows.

Full text is a postings table and not GIN: text-search operators are not leakproof, so
row-level security keeps the planner from GIN; equality on uuid and text is leakproof,
and BM25 over postings ranks better than ts_rank.
"""

from alembic import op

from migrations.rls import tenant_table

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create what the knowledge room keeps."""
    _documents()
    _index()


def _documents() -> None:
    tenant_table(
        "documents",
        """document_id uuid NOT NULL,
           file_name text NOT NULL,
           title text NOT NULL,
           media_type text NOT NULL,
           byte_count bigint NOT NULL,
           content_digest bytea NOT NULL,
           status text NOT NULL CHECK (status IN ('received', 'parsing', 'embedding', 'ready', 'failed', 'quarantined')),
           progress smallint NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
           reason_code text,
           reason text,
           page_count integer,
           chunk_count integer,
           uploaded_by uuid NOT NULL,
           approved_by uuid,
           uploaded_at timestamptz NOT NULL,
           ready_at timestamptz,
           PRIMARY KEY (tenant_id, document_id),
           FOREIGN KEY (tenant_id, uploaded_by) REFERENCES memberships (tenant_id, user_id)""",
    )
    op.execute("CREATE UNIQUE INDEX documents_by_content ON documents (tenant_id, content_digest)")
    tenant_table(
        "chunks",
        """chunk_id uuid NOT NULL,
           document_id uuid NOT NULL,
           position integer NOT NULL,
           heading text NOT NULL,
           body text NOT NULL,
           page_from integer,
           page_to integer,
           start_at integer NOT NULL,
           end_at integer NOT NULL,
           term_count integer NOT NULL,
           PRIMARY KEY (tenant_id, chunk_id),
           UNIQUE (tenant_id, document_id, position),
           FOREIGN KEY (tenant_id, document_id) REFERENCES documents (tenant_id, document_id) ON DELETE CASCADE""",
    )


def _index() -> None:
    tenant_table(
        "chunk_vectors",
        """chunk_id uuid NOT NULL,
           e halfvec(384) NOT NULL,
           PRIMARY KEY (tenant_id, chunk_id),
           FOREIGN KEY (tenant_id, chunk_id) REFERENCES chunks (tenant_id, chunk_id) ON DELETE CASCADE""",
    )
    op.execute("ALTER TABLE chunk_vectors ALTER e SET STORAGE PLAIN")
    op.execute("CREATE INDEX chunk_vectors_exact ON chunk_vectors (tenant_id) INCLUDE (chunk_id, e)")
    tenant_table(
        "postings",
        """term text NOT NULL,
           chunk_id uuid NOT NULL,
           frequency smallint NOT NULL,
           PRIMARY KEY (tenant_id, term, chunk_id),
           FOREIGN KEY (tenant_id, chunk_id) REFERENCES chunks (tenant_id, chunk_id) ON DELETE CASCADE""",
    )
    op.execute("CREATE INDEX postings_by_chunk ON postings (tenant_id, chunk_id)")
