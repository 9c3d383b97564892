"""Versions, batches and labels of documents; a queue that is fair between organisations. phase: expand

`documents` holds the version in force, `document_versions` those beside it: on their way, refused, or replaced. The
file of a version is sealed under `version_id`; of a document that never had another it is the document's own id.

A job's rank is the moment it was queued, less five minutes for each step of its priority: small files go first, and a
large one is passed by for a quarter of an hour at most.
"""

from pathlib import Path

from alembic import op

from migrations import rls

revision = "0021"
down_revision = "0020"

STATES = "'received', 'parsing', 'embedding', 'ready', 'failed', 'quarantined', 'incomplete', 'cancelled'"


def upgrade() -> None:
    """Create what versions and batches need; put the queue in a fair order."""
    _batches()
    _documents()
    _versions()
    op.execute("ALTER TABLE citations ADD COLUMN version integer")
    _queue()


def _batches() -> None:
    rls.tenant_table(
        "batches",
        """batch_id uuid NOT NULL,
           created_by uuid NOT NULL,
           created_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, batch_id),
           FOREIGN KEY (tenant_id, created_by) REFERENCES memberships (tenant_id, user_id)""",
    )


def _documents() -> None:
    op.execute(
        """ALTER TABLE documents
             ADD COLUMN version integer NOT NULL DEFAULT 1,
             ADD COLUMN version_id uuid,
             ADD COLUMN batch_id uuid,
             ADD COLUMN started_at timestamptz,
             ADD COLUMN settled_at timestamptz,
             ADD COLUMN labels text[] NOT NULL DEFAULT '{}',
             ADD FOREIGN KEY (tenant_id, batch_id) REFERENCES batches (tenant_id, batch_id)"""
    )
    op.execute(
        f"""ALTER TABLE documents DROP CONSTRAINT documents_status_check,
              ADD CONSTRAINT documents_status_check CHECK (status IN ({STATES}))"""
    )
    op.execute("CREATE INDEX documents_by_version ON documents (tenant_id, version_id)")
    op.execute("CREATE INDEX documents_by_name ON documents (tenant_id, collection_id, file_name)")
    op.execute("CREATE INDEX documents_by_batch ON documents (tenant_id, batch_id) WHERE batch_id IS NOT NULL")
    op.execute("CREATE INDEX documents_settled ON documents (tenant_id, settled_at) WHERE settled_at IS NOT NULL")
    op.execute(
        """CREATE INDEX documents_on_their_way ON documents (tenant_id, uploaded_at)
           WHERE status IN ('received', 'parsing', 'embedding')"""
    )


def _versions() -> None:
    rls.tenant_table(
        "document_versions",
        f"""version_id uuid NOT NULL,
            document_id uuid NOT NULL,
            version integer NOT NULL,
            batch_id uuid,
            file_name text NOT NULL,
            title text NOT NULL,
            media_type text NOT NULL,
            byte_count bigint NOT NULL,
            content_digest bytea NOT NULL,
            status text NOT NULL CHECK (status IN ({STATES})),
            progress smallint NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
            reason_code text,
            reason text,
            page_count integer,
            chunk_count integer,
            warnings text[] NOT NULL DEFAULT '{{}}',
            unread jsonb NOT NULL DEFAULT '[]',
            uploaded_by uuid NOT NULL,
            approved_by uuid,
            uploaded_at timestamptz NOT NULL,
            started_at timestamptz,
            settled_at timestamptz,
            ready_at timestamptz,
            PRIMARY KEY (tenant_id, version_id),
            UNIQUE (tenant_id, document_id, version),
            FOREIGN KEY (tenant_id, document_id) REFERENCES documents (tenant_id, document_id) ON DELETE CASCADE,
            FOREIGN KEY (tenant_id, batch_id) REFERENCES batches (tenant_id, batch_id),
            FOREIGN KEY (tenant_id, uploaded_by) REFERENCES memberships (tenant_id, user_id)""",
    )
    op.execute(
        "CREATE INDEX document_versions_by_batch ON document_versions (tenant_id, batch_id) WHERE batch_id IS NOT NULL"
    )


def _queue() -> None:
    op.execute(
        """ALTER TABLE procrastinate_jobs ADD COLUMN rank double precision NOT NULL
           DEFAULT extract(epoch FROM clock_timestamp())"""
    )
    op.execute(
        """CREATE FUNCTION rank_job() RETURNS trigger LANGUAGE plpgsql SET search_path = cloister, pg_temp AS $$
           BEGIN NEW.rank := extract(epoch FROM clock_timestamp()) - 300 * NEW.priority; RETURN NEW; END $$"""
    )
    op.execute("REVOKE ALL ON FUNCTION rank_job() FROM PUBLIC")
    op.execute("CREATE TRIGGER jobs_rank BEFORE INSERT ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION rank_job()")
    op.execute("CREATE INDEX jobs_in_turn ON procrastinate_jobs (tenant_id, rank, id) WHERE status = 'todo'")
    op.execute("CREATE INDEX jobs_in_hand ON procrastinate_jobs (tenant_id) WHERE status = 'doing'")
    op.execute("CREATE INDEX jobs_by_lock ON procrastinate_jobs (lock, id) WHERE status IN ('todo', 'doing')")
    rls.tenant_table(
        "queue_turns",
        "served_at timestamptz NOT NULL, PRIMARY KEY (tenant_id)",
        roles=("cloister_worker",),
    )
    op.execute("CREATE POLICY worker ON queue_turns TO cloister_worker USING (true) WITH CHECK (true)")
    op.execute((Path(rls.__file__).parent / "sql" / "functions" / "fetch_job.sql").read_text())
