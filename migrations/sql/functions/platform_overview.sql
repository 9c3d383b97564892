-- For the platform's operators: organisations in numbers. The doors may read these columns and no content.
CREATE FUNCTION platform_overview()
RETURNS TABLE (tenant_id uuid, name text, created_at timestamptz, suspended_at timestamptz, people bigint, documents bigint,
               bytes numeric, questions bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT o.tenant_id, o.name, o.created_at, o.suspended_at,
         (SELECT count(*) FROM memberships m WHERE m.tenant_id = o.tenant_id AND m.suspended_at IS NULL AND m.kind = 'person'),
         (SELECT count(*) FROM documents d WHERE d.tenant_id = o.tenant_id),
         (SELECT coalesce(sum(d.byte_count), 0) FROM documents d WHERE d.tenant_id = o.tenant_id),
         (SELECT count(*) FROM messages q WHERE q.tenant_id = o.tenant_id AND q.role = 'user')
  FROM organisations o WHERE o.tenant_id <> '00000000-0000-0000-0000-000000000000' ORDER BY o.created_at
$$;
