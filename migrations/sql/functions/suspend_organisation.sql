-- An operator closes an organisation, or with NULL opens it again. Its rows stay; its sessions end.
CREATE FUNCTION suspend_organisation(p_tenant_id uuid, p_at timestamptz) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  DELETE FROM sessions WHERE tenant_id = p_tenant_id AND p_at IS NOT NULL;
  WITH done AS (UPDATE organisations SET suspended_at = p_at WHERE tenant_id = p_tenant_id
                AND tenant_id <> '00000000-0000-0000-0000-000000000000' RETURNING 1)
  SELECT EXISTS (SELECT FROM done)
$$;
