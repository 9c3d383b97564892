-- Single use: of two clicks at once, one gets true.
CREATE FUNCTION consume_setup_link(p_digest bytea, p_now timestamptz) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  WITH used AS (UPDATE setup_links l SET used_at = p_now WHERE l.digest = p_digest AND l.used_at IS NULL AND l.expires_at > p_now RETURNING 1)
  SELECT EXISTS (SELECT FROM used)
$$;
