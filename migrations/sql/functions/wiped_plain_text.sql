-- For the migrator, which rewrites them.
CREATE FUNCTION note_plain_text_wiped() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  UPDATE plain_text SET wiped_at = now() WHERE emptied_at IS NOT NULL
$$;
