-- Which organisation a connection belongs to, before anybody is known. All else is judged inside that tenant's own transaction.
CREATE FUNCTION resolve_connection(p_connection_id uuid) RETURNS TABLE (tenant_id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT c.tenant_id FROM sso_connections c WHERE c.connection_id = p_connection_id
$$;
