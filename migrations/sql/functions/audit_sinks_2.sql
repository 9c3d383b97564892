-- As audit_sinks.sql has them, and an operator's stream may be of some organisations alone.
CREATE OR REPLACE FUNCTION due_streams(p_now timestamptz) RETURNS TABLE (tenant_id uuid, sink_id uuid, log_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT s.tenant_id, s.sink_id, h.tenant_id
  FROM audit_sinks s
  JOIN audit_heads h ON (s.organisations IS NULL OR h.tenant_id = ANY (s.organisations)) AND (h.tenant_id = s.tenant_id
    OR (s.scope = 'all' AND h.tenant_id <> '00000000-0000-0000-0000-000000000001'))
  LEFT JOIN audit_sink_cursors c ON c.tenant_id = s.tenant_id AND c.sink_id = s.sink_id AND c.log_id = h.tenant_id
  WHERE NOT s.is_paused AND s.next_try_at <= p_now AND (s.leased_until IS NULL OR s.leased_until <= p_now)
    AND (h.size > coalesce(c.position, 0) OR EXISTS (
      SELECT FROM audit_sink_letters l
      WHERE l.tenant_id = s.tenant_id AND l.sink_id = s.sink_id AND l.log_id = h.tenant_id AND l.is_again))
  ORDER BY s.next_try_at, s.sink_id, h.tenant_id
$$;

CREATE OR REPLACE FUNCTION stream_lags()
RETURNS TABLE (tenant_id uuid, sink_id uuid, waiting bigint, oldest_at timestamptz, is_paused boolean, is_alarmed boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT s.tenant_id, s.sink_id, coalesce(sum(h.size - coalesce(c.position, 0)), 0)::bigint,
         min(greatest(l.recorded_at, s.since)), s.is_paused, s.alarmed_at IS NOT NULL
  FROM audit_sinks s
  LEFT JOIN audit_heads h ON (s.organisations IS NULL OR h.tenant_id = ANY (s.organisations)) AND (h.tenant_id = s.tenant_id
    OR (s.scope = 'all' AND h.tenant_id <> '00000000-0000-0000-0000-000000000001'))
  LEFT JOIN audit_sink_cursors c ON c.tenant_id = s.tenant_id AND c.sink_id = s.sink_id AND c.log_id = h.tenant_id
  LEFT JOIN audit_log l ON l.tenant_id = h.tenant_id AND l.position = coalesce(c.position, 0)
  GROUP BY s.tenant_id, s.sink_id, s.is_paused, s.alarmed_at
$$;
