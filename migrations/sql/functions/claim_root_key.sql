-- The first key to come is this database's for good; says whether this is the one.
CREATE FUNCTION claim_root_key(p_fingerprint bytea) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  INSERT INTO root_key (fingerprint) VALUES (p_fingerprint) ON CONFLICT DO NOTHING;
  SELECT fingerprint = p_fingerprint FROM root_key
$$;
