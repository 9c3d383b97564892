-- Returns the hash of a person's password, and locks the row until the transaction ends: whoever changes the password waits, and then ends what it opened.
CREATE FUNCTION password_now(p_user_id uuid) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT u.password_hash FROM users u WHERE u.user_id = p_user_id AND u.disabled_at IS NULL FOR SHARE
$$;
