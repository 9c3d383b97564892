-- Whether this database's files are sealed with the key of this fingerprint; false before a key was claimed.
CREATE FUNCTION root_key_is(p_fingerprint bytea) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM root_key WHERE fingerprint = p_fingerprint)
$$;
