-- Which organisations are large enough for an index of their own, and by which model each is searched, or will be once
-- the index is there: for the migrator alone, which builds it as the owner. No content.
CREATE FUNCTION count_passages(at_least bigint) RETURNS TABLE (tenant_id uuid, model text, dimension integer, passages bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT d.tenant_id, coalesce(v.model, 'multilingual-e5-small'), coalesce(v.dimension, 384), d.passages
  FROM (SELECT o.tenant_id, sum(o.chunk_count)::bigint AS passages FROM documents o WHERE o.status = 'ready'
        GROUP BY o.tenant_id HAVING sum(o.chunk_count) >= at_least) d
  LEFT JOIN vector_indexes v ON v.tenant_id = d.tenant_id
    AND (v.state = 'active' OR v.state = 'filling' AND v.filled_at IS NOT NULL)
$$;
