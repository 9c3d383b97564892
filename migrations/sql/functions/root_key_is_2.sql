-- Whether this database's keys are under the root of this fingerprint, or it is the one that follows.
CREATE FUNCTION root_key_is(p_fingerprint bytea) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM root_key WHERE p_fingerprint IN (fingerprint, following))
$$;
