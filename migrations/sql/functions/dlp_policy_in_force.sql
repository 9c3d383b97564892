-- What an organisation says of what is found in texts: the newest version, or nothing.
CREATE FUNCTION dlp_policy_in_force() RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = cloister, pg_temp AS $$
DECLARE
  v_tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
BEGIN
  RETURN (
    SELECT jsonb_build_object('version', p.version, 'rules', p.rules)
    FROM dlp_policies p WHERE p.tenant_id = v_tenant ORDER BY p.version DESC LIMIT 1);
END
$$;
