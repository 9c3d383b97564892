-- Whether all is sealed, and the tables' files hold what stood there before. For the migrator, which rewrites them.
CREATE FUNCTION plain_text_is_to_wipe() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT EXISTS (SELECT FROM plain_text WHERE emptied_at IS NOT NULL AND wiped_at IS NULL)
$$;

CREATE FUNCTION note_plain_text_wiped() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  UPDATE plain_text SET wiped_at = now() WHERE emptied_at IS NOT NULL
$$;
