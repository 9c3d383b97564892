-- The platform's providers as an organisation may know them: what they are called, and where calls go. Nothing of keys.
CREATE FUNCTION shared_providers()
RETURNS TABLE (provider_id uuid, name text, kind text, base_url text, region text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT p.provider_id, p.name, p.kind, p.base_url, p.region FROM model_providers p
  WHERE p.tenant_id = '00000000-0000-0000-0000-000000000000' AND p.removed_at IS NULL ORDER BY p.name
$$;
-- One key of the platform's provider of this name, sealed by the platform, chosen by weight among those in force; no key
-- if there is none. Nothing for an organisation that must use its own.
CREATE FUNCTION lend_shared_key(p_name text, p_now timestamptz)
RETURNS TABLE (provider_id uuid, name text, kind text, base_url text, region text, key_id uuid, fingerprint text, sealed bytea)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT p.provider_id, p.name, p.kind, p.base_url, p.region, k.key_id, k.fingerprint, k.sealed
  FROM model_providers p
  LEFT JOIN LATERAL (
    SELECT k.key_id, k.fingerprint, k.sealed FROM provider_keys k
    WHERE k.tenant_id = p.tenant_id AND k.provider_id = p.provider_id AND k.revoked_at IS NULL
      AND (k.expires_at IS NULL OR k.expires_at > p_now)
    ORDER BY -ln(1 - random()) / k.weight LIMIT 1
  ) k ON true
  WHERE p.tenant_id = '00000000-0000-0000-0000-000000000000' AND p.name = p_name AND p.removed_at IS NULL
    AND nullif(current_setting('app.tenant_id', true), '') IS NOT NULL
    AND NOT EXISTS (SELECT FROM provider_rules r WHERE r.own_keys = 'required'
                    AND r.tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
$$;
