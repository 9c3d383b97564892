-- The worker's schedule visits every tenant, each in a transaction of its own.
CREATE FUNCTION list_tenants() RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT o.tenant_id FROM organisations o WHERE o.tenant_id <> '00000000-0000-0000-0000-000000000000' ORDER BY o.created_at
$$;
