-- Sign-in, before anything is known: the id and the argon2id hash of one person. No row for an unknown or disabled one.
CREATE FUNCTION find_credentials(p_email text) RETURNS TABLE (user_id uuid, password_hash text)
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT u.user_id, u.password_hash FROM users u WHERE u.email = p_email AND u.disabled_at IS NULL
$$;
