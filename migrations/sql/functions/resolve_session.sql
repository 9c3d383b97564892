-- Which tenant a session cookie belongs to. Expiry and membership are judged inside that tenant's own transaction.
CREATE FUNCTION resolve_session(p_digest bytea) RETURNS TABLE (tenant_id uuid, user_id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT s.tenant_id, s.user_id FROM sessions s WHERE s.digest = p_digest
$$;
