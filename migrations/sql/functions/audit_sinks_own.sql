-- The same of the transaction's own streams.
CREATE FUNCTION own_stream_lags() RETURNS TABLE (sink_id uuid, waiting bigint, oldest_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT l.sink_id, l.waiting, l.oldest_at FROM stream_lags() l
  WHERE l.tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid
$$;
-- For machines that watch: sums over the whole house, which name nobody.
CREATE FUNCTION stream_sums() RETURNS TABLE (streams bigint, failing bigint, waiting bigint, oldest_at timestamptz, letters bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT count(*), count(*) FILTER (WHERE s.failures > 0), coalesce(sum(l.waiting), 0)::bigint,
         min(l.oldest_at) FILTER (WHERE NOT s.is_paused), (SELECT count(*) FROM audit_sink_letters)
  FROM audit_sinks s JOIN stream_lags() l ON l.tenant_id = s.tenant_id AND l.sink_id = s.sink_id
$$;
