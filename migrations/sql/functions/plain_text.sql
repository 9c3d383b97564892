-- The worker says after a round through all tenants whether something of before conversations were sealed is left.
CREATE FUNCTION note_plain_text(p_is_left boolean) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  INSERT INTO plain_text (emptied_at) VALUES (CASE WHEN NOT p_is_left THEN now() END)
  ON CONFLICT (is_only) DO UPDATE SET emptied_at = excluded.emptied_at,
                                      wiped_at = CASE WHEN p_is_left THEN NULL ELSE plain_text.wiped_at END
  WHERE (plain_text.emptied_at IS NULL) <> p_is_left
$$;
