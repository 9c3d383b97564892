-- Keep how many requests tokens made of one process in a minute, and return how many they made of the others. It runs with the
-- rights of who calls it, under row-level security. In one order, so that two who count the same tokens wait for each other and never both.
CREATE FUNCTION share_token_rates(p_tokens uuid[], p_counts integer[], p_process text, p_minute bigint) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = cloister, pg_temp AS $$
DECLARE
  v_tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
BEGIN
  INSERT INTO token_rates (tenant_id, token_id, process, minute, requests)
  SELECT v_tenant, given.token_id, p_process, p_minute, given.requests
  FROM unnest(p_tokens, p_counts) AS given (token_id, requests) WHERE given.requests > 0 ORDER BY given.token_id
  ON CONFLICT (tenant_id, token_id, process) DO UPDATE SET minute = excluded.minute,
    requests = CASE WHEN token_rates.minute = excluded.minute THEN greatest(token_rates.requests, excluded.requests)
                    ELSE excluded.requests END;
  RETURN (
    SELECT jsonb_object_agg(counted.token_id, counted.requests) FROM (
      SELECT r.token_id, sum(r.requests) AS requests FROM token_rates r
      WHERE r.tenant_id = v_tenant AND r.token_id = ANY (p_tokens) AND r.process <> p_process AND r.minute = p_minute
      GROUP BY r.token_id) AS counted);
END
$$;
