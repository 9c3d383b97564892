-- Whether the house is inhabited: the start page differs. The platform itself is none of them.
CREATE FUNCTION count_organisations() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT count(*) FROM organisations WHERE tenant_id <> '00000000-0000-0000-0000-000000000000'
$$;
