-- For the platform's operators: organisations in numbers. Each table is read once, whatever the number of organisations.
CREATE FUNCTION platform_overview()
RETURNS TABLE (tenant_id uuid, name text, created_at timestamptz, suspended_at timestamptz, people bigint, documents bigint,
               bytes numeric, questions bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT o.tenant_id, o.name, o.created_at, o.suspended_at, coalesce(m.people, 0), coalesce(d.documents, 0),
         coalesce(d.bytes, 0), coalesce(q.questions, 0)
  FROM organisations o
  LEFT JOIN (SELECT m.tenant_id, count(*) AS people FROM memberships m
             WHERE m.suspended_at IS NULL AND m.kind = 'person' GROUP BY m.tenant_id) m USING (tenant_id)
  LEFT JOIN (SELECT d.tenant_id, count(*) AS documents, sum(d.byte_count) AS bytes FROM documents d
             GROUP BY d.tenant_id) d USING (tenant_id)
  LEFT JOIN (SELECT q.tenant_id, count(*) AS questions FROM messages q WHERE q.role = 'user' GROUP BY q.tenant_id) q USING (tenant_id)
  WHERE o.tenant_id <> '00000000-0000-0000-0000-000000000000' ORDER BY o.created_at
$$;
