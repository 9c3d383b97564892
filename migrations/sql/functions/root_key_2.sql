-- The first key to come is this database's; says whether this is the one, or the one that follows.
CREATE FUNCTION claim_root_key(p_fingerprint bytea) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  INSERT INTO root_key (fingerprint) VALUES (p_fingerprint) ON CONFLICT DO NOTHING;
  SELECT p_fingerprint IN (fingerprint, coalesce(following, fingerprint)) FROM root_key
$$;

-- From here on both roots are this database's.
CREATE FUNCTION announce_root_key(p_following bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  UPDATE root_key SET following = p_following WHERE fingerprint <> p_following
$$;

-- And from here on only the new one is; one that was not announced changes nothing.
CREATE FUNCTION settle_root_key(p_following bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  UPDATE root_key SET fingerprint = p_following, following = NULL, claimed_at = now() WHERE following = p_following
$$;
