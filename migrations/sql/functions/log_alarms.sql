-- For machines that watch: with how many logs something is wrong, and what; names nobody.
CREATE FUNCTION log_alarms() RETURNS TABLE (kind text, count bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT a.kind, count(*) FROM audit_alarms a GROUP BY a.kind
$$;
