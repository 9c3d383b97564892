-- Attempts before a moment, which no lock counts any more.
CREATE FUNCTION forget_sign_in_attempts(p_before timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  WITH gone AS (DELETE FROM sign_in_attempts a WHERE a.at < p_before RETURNING 1) SELECT count(*) FROM gone
$$;
