-- Verify a domain of this transaction's organisation. False, and no more, if it is another's, or is not there. Of two at once, one wins.
CREATE FUNCTION verify_domain(p_domain_id uuid, p_by text, p_at timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
BEGIN
  UPDATE sso_domains SET verified_at = p_at, verified_by = p_by
  WHERE tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid AND domain_id = p_domain_id AND verified_at IS NULL;
  RETURN FOUND;
EXCEPTION WHEN unique_violation THEN
  RETURN false;
END
$$;

-- Whose people have addresses of a domain, and by which connections they come: asked before anybody is known. Ids alone.
CREATE FUNCTION find_sign_on(p_domain text) RETURNS TABLE (tenant_id uuid, connection_id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT c.tenant_id, c.connection_id
  FROM sso_domains d JOIN sso_connections c ON c.tenant_id = d.tenant_id AND c.state IN ('active', 'enforced')
  WHERE d.domain = p_domain AND d.verified_at IS NOT NULL
  ORDER BY c.created_at, c.connection_id
$$;

-- Which connection a set-up link is for. Whether it still holds is judged inside that tenant's own transaction.
CREATE FUNCTION resolve_connection_link(p_digest bytea) RETURNS TABLE (tenant_id uuid, connection_id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT l.tenant_id, l.connection_id FROM sso_links l WHERE l.digest = p_digest
$$;
