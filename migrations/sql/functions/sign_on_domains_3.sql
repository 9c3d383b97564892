-- As before; an operator's word also takes the place of a record that is missing.
CREATE OR REPLACE FUNCTION verify_domain(p_domain_id uuid, p_by text, p_at timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
BEGIN
  UPDATE sso_domains SET verified_at = p_at, verified_by = p_by, lost_at = NULL, warned_at = NULL,
    approved_until = CASE WHEN p_by = 'operator' THEN p_at + interval '365 days' END
  WHERE tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid AND domain_id = p_domain_id
    AND (verified_at IS NULL OR p_by = 'dns' OR verified_by = 'operator' OR lost_at IS NOT NULL);
  RETURN FOUND;
EXCEPTION WHEN unique_violation THEN
  RETURN false;
END
$$;
