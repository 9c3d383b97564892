"""Procrastinate's queue, with a tenant on each job. phase: expand

A job's tenant is filled by the database from the transaction's own binding, so a job
cannot be queued for another tenant, and not without one. The worker sees every job;
whatever a job does, it does inside its tenant's transaction.
"""

from alembic import op
from procrastinate.schema import SchemaManager

from migrations.rls import isolate

revision = "0004"
down_revision = "0003"

# Rows without a tenant of their own: times of jobs, worker heartbeats, the schedule.
SUPPORTING = ("procrastinate_events", "procrastinate_periodic_defers", "procrastinate_workers")


def upgrade() -> None:
    """Create the queue and fence it."""
    op.get_bind().exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))
    op.execute(
        """ALTER TABLE procrastinate_jobs ADD COLUMN tenant_id uuid NOT NULL
           DEFAULT nullif(current_setting('app.tenant_id', true), '')::uuid"""
    )
    isolate("procrastinate_jobs")
    for table in SUPPORTING:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    for table in ("procrastinate_jobs", *SUPPORTING):
        op.execute(f"CREATE POLICY worker ON {table} TO cloister_worker USING (true) WITH CHECK (true)")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO cloister_worker")
    op.execute("GRANT SELECT, INSERT ON procrastinate_jobs TO cloister_app")
    # A trigger notes when a job was deferred; the app may write that note and never read one.
    op.execute("GRANT INSERT ON procrastinate_events TO cloister_app")
    op.execute("CREATE POLICY app_notes ON procrastinate_events FOR INSERT TO cloister_app WITH CHECK (true)")
    op.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA cloister TO cloister_app, cloister_worker")
    op.execute(
        """DO $$ DECLARE f regprocedure; BEGIN
             FOR f IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'cloister'::regnamespace
                      AND p.proname LIKE 'procrastinate%' LOOP
               EXECUTE format('ALTER FUNCTION %s SET search_path = cloister, pg_temp', f);
               EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
               EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO cloister_app, cloister_worker', f);
             END LOOP; END $$"""
    )
