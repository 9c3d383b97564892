-- A new set-up link closes the one before it.
CREATE FUNCTION create_setup_link(p_digest bytea, p_at timestamptz, p_expires_at timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  UPDATE setup_links SET used_at = p_at WHERE used_at IS NULL;
  INSERT INTO setup_links (digest, created_at, expires_at) VALUES (p_digest, p_at, p_expires_at)
$$;
