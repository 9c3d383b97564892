-- The queue's own claim, fair: the organisation with the fewest jobs in hand comes first, then the one that waited
-- longest for a turn; within it, the rank decides (see 0022). The rules on locks are procrastinate's.
CREATE OR REPLACE FUNCTION procrastinate_fetch_job_v2(target_queue_names character varying[], p_worker_id bigint)
RETURNS procrastinate_jobs LANGUAGE plpgsql SET search_path = cloister, pg_temp AS $$
DECLARE
  found procrastinate_jobs;
  whose uuid;
BEGIN
  FOR whose IN
    WITH RECURSIVE waiting AS (
      (SELECT j.tenant_id FROM procrastinate_jobs j WHERE j.status = 'todo' ORDER BY j.tenant_id LIMIT 1)
      UNION ALL
      SELECT (SELECT j.tenant_id FROM procrastinate_jobs j WHERE j.status = 'todo' AND j.tenant_id > w.tenant_id
              ORDER BY j.tenant_id LIMIT 1)
      FROM waiting w WHERE w.tenant_id IS NOT NULL
    )
    SELECT w.tenant_id FROM waiting w LEFT JOIN queue_turns t ON t.tenant_id = w.tenant_id
    WHERE w.tenant_id IS NOT NULL
    ORDER BY (SELECT count(*) FROM procrastinate_jobs d WHERE d.tenant_id = w.tenant_id AND d.status = 'doing'),
             t.served_at NULLS FIRST, w.tenant_id
  LOOP
    WITH candidate AS (
      SELECT j.id FROM procrastinate_jobs j
      WHERE j.status = 'todo' AND j.tenant_id = whose
        AND (target_queue_names IS NULL OR j.queue_name = ANY (target_queue_names))
        AND (j.scheduled_at IS NULL OR j.scheduled_at <= now())
        AND (j.lock IS NULL OR NOT EXISTS (
          SELECT FROM procrastinate_jobs o
          WHERE o.lock = j.lock AND (o.status = 'doing' OR o.status = 'todo' AND o.id < j.id)))
      ORDER BY j.rank, j.id LIMIT 1 FOR UPDATE OF j SKIP LOCKED
    )
    UPDATE procrastinate_jobs j SET status = 'doing', worker_id = p_worker_id
    FROM candidate c WHERE j.id = c.id RETURNING j.* INTO found;
    IF found.id IS NOT NULL THEN
      INSERT INTO queue_turns AS t (tenant_id, served_at) VALUES (whose, clock_timestamp())
      ON CONFLICT (tenant_id) DO UPDATE SET served_at = excluded.served_at;
      RETURN found;
    END IF;
  END LOOP;
  RETURN found;
END $$;
