-- Which organisations are large enough for an index of their own: for the migrator alone, which builds it as the owner. No content.
CREATE FUNCTION count_passages(at_least bigint) RETURNS TABLE (tenant_id uuid, passages bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT d.tenant_id, sum(d.chunk_count)::bigint FROM documents d WHERE d.status = 'ready'
  GROUP BY d.tenant_id HAVING sum(d.chunk_count) >= at_least
$$;
