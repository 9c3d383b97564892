-- Whether the link still opens the set-up page.
CREATE FUNCTION setup_link_is_open(p_digest bytea, p_now timestamptz) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT EXISTS (SELECT FROM setup_links l WHERE l.digest = p_digest AND l.used_at IS NULL AND l.expires_at > p_now)
$$;
