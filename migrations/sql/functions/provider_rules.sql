-- An operator says whether an organisation may use keys of its own. The organisation itself can read that, and not write it.
CREATE FUNCTION set_own_keys(p_tenant_id uuid, p_rule text) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  WITH done AS (
    INSERT INTO provider_rules (tenant_id, own_keys)
    SELECT o.tenant_id, p_rule FROM organisations o
    WHERE o.tenant_id = p_tenant_id AND o.tenant_id <> '00000000-0000-0000-0000-000000000000'
      AND current_setting('app.tenant_id', true) = '00000000-0000-0000-0000-000000000000'
    ON CONFLICT (tenant_id) DO UPDATE SET own_keys = excluded.own_keys RETURNING 1)
  SELECT EXISTS (SELECT FROM done)
$$;
-- What was said of each organisation; nothing was said of the others. For the platform alone.
CREATE FUNCTION list_own_keys() RETURNS TABLE (tenant_id uuid, own_keys text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT r.tenant_id, r.own_keys FROM provider_rules r
  WHERE current_setting('app.tenant_id', true) = '00000000-0000-0000-0000-000000000000'
$$;
-- How often the platform's keys were used, by all organisations together, and what went wrong last. For the platform alone.
CREATE FUNCTION shared_key_uses(p_keys uuid[])
RETURNS TABLE (key_id uuid, uses bigint, last_used_at timestamptz, last_error text, last_error_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT u.key_id, sum(u.uses)::bigint, max(u.last_used_at),
         (array_agg(u.last_error ORDER BY u.last_error_at DESC NULLS LAST))[1], max(u.last_error_at)
  FROM provider_key_uses u
  JOIN provider_keys k ON k.key_id = u.key_id AND k.tenant_id = '00000000-0000-0000-0000-000000000000'
  WHERE u.key_id = ANY(p_keys) AND current_setting('app.tenant_id', true) = '00000000-0000-0000-0000-000000000000'
  GROUP BY u.key_id
$$;
