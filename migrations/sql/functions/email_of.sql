-- The address of a person whose password was right a moment ago: failed second steps count towards the same lock.
CREATE FUNCTION email_of(p_user_id uuid) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT u.email FROM users u WHERE u.user_id = p_user_id AND u.disabled_at IS NULL
$$;
