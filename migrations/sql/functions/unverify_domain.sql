-- A domain of this transaction's organisation is proved no longer; another organisation may prove it from now on. False if it was not.
CREATE FUNCTION unverify_domain(p_domain_id uuid) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  UPDATE sso_domains SET verified_at = NULL, verified_by = NULL, lost_at = NULL, warned_at = NULL, approved_until = NULL
  WHERE tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid AND domain_id = p_domain_id AND verified_at IS NOT NULL
  RETURNING true
$$;
