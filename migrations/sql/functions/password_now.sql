-- What a person's password is, which it stays until the end of the transaction that asks: who changes it waits, and then ends what was opened by it.
CREATE FUNCTION password_now(p_user_id uuid) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT u.password_hash FROM users u WHERE u.user_id = p_user_id AND u.disabled_at IS NULL FOR SHARE
$$;
