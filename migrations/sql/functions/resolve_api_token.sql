-- Which tenant a bearer token belongs to. Expiry, revocation and membership are judged inside that tenant.
CREATE FUNCTION resolve_api_token(p_digest bytea) RETURNS TABLE (tenant_id uuid, token_id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT t.tenant_id, t.token_id FROM api_tokens t WHERE t.digest = p_digest
$$;
