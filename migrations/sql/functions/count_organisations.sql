-- Whether anybody lives here yet.
CREATE FUNCTION count_organisations() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT count(*) FROM organisations
$$;
