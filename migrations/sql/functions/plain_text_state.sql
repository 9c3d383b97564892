-- How far it is: 'plain' while something is left to seal, then 'emptied' while the tables' files hold what stood there, then
-- 'wiped'. No content.
CREATE FUNCTION plain_text_state() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT coalesce((SELECT CASE WHEN emptied_at IS NULL THEN 'plain' WHEN wiped_at IS NULL THEN 'emptied' ELSE 'wiped' END
                   FROM plain_text), 'plain')
$$;
