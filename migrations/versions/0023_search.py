"""What search needs to know: languages and lengths of documents, a model for each vector. phase: expand

Counting an organisation's chunks for every question reads all of them; documents are far fewer and carry the sums. A
posting carries its chunk's length, so that ranking a frequent word does not look up every chunk that holds it.

A vector names its model, so that a second model's can be filled in beside the first one's. The column has no
dimension of its own any more; taking it away rewrites nothing. The index for exact search is built anew.

Terms that are there were cut by English rules: their documents say so, and every question is cut by those rules too.
"""

from alembic import op

from migrations.rls import door, every_tenant, open_to_doors, tenant_table

revision = "0023"
down_revision = "0022"
_MODEL = "multilingual-e5-small"


def upgrade() -> None:
    """Add the columns and fill them."""
    _documents()
    _postings()
    _vectors()
    op.execute("GRANT SELECT (status, chunk_count) ON documents TO cloister_doors")
    open_to_doors("vector_indexes", grants="SELECT")
    op.execute("GRANT CREATE ON SCHEMA cloister TO cloister_doors")  # needed to own functions; taken back below
    door("count_passages.sql", "count_passages(bigint)", roles=["cloister_migrator"])
    op.execute("REVOKE CREATE ON SCHEMA cloister FROM cloister_doors")


def _documents() -> None:
    op.execute(
        """ALTER TABLE documents ADD languages text[] NOT NULL DEFAULT '{en}',
           ADD term_count bigint NOT NULL DEFAULT 0"""
    )
    with every_tenant("documents", "chunks"):
        op.execute(
            """UPDATE documents d SET term_count = c.terms
               FROM (SELECT tenant_id, document_id, sum(term_count) AS terms FROM chunks GROUP BY tenant_id, document_id) c
               WHERE d.tenant_id = c.tenant_id AND d.document_id = c.document_id"""
        )
    op.execute(
        """CREATE INDEX documents_searched ON documents (tenant_id) INCLUDE (chunk_count, term_count, languages)
           WHERE status = 'ready'"""
    )
    op.execute("CREATE INDEX chunks_of_documents ON chunks (tenant_id, chunk_id) INCLUDE (document_id)")


def _postings() -> None:
    op.execute("ALTER TABLE postings ADD length integer NOT NULL DEFAULT 0")
    with every_tenant("postings", "chunks"):
        op.execute(
            """UPDATE postings p SET length = c.term_count FROM chunks c
               WHERE c.tenant_id = p.tenant_id AND c.chunk_id = p.chunk_id"""
        )


def _vectors() -> None:
    op.execute("DROP INDEX chunk_vectors_exact")
    op.execute(f"ALTER TABLE chunk_vectors ADD model text NOT NULL DEFAULT '{_MODEL}', ALTER e TYPE halfvec")
    op.execute("ALTER TABLE chunk_vectors ALTER model DROP DEFAULT, DROP CONSTRAINT chunk_vectors_pkey")
    op.execute("ALTER TABLE chunk_vectors ADD PRIMARY KEY (tenant_id, chunk_id, model)")
    op.execute("CREATE INDEX chunk_vectors_exact ON chunk_vectors (tenant_id, model) INCLUDE (chunk_id, e)")
    tenant_table(
        "vector_indexes",
        """model text NOT NULL,
           dimension integer NOT NULL CHECK (dimension > 0),
           state text NOT NULL CHECK (state IN ('active', 'filling')),
           changed_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, model)""",
    )
    op.execute("CREATE UNIQUE INDEX vector_indexes_active ON vector_indexes (tenant_id) WHERE state = 'active'")
