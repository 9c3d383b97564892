-- Which tenant a token for provisioning belongs to. Its connection, its end and where it comes from are judged inside that tenant.
CREATE FUNCTION resolve_scim_token(p_digest bytea) RETURNS TABLE (tenant_id uuid, token_id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT t.tenant_id, t.token_id FROM scim_tokens t WHERE t.digest = p_digest
$$;
