-- A new password for a person who has just proved the old one.
CREATE FUNCTION change_password(p_user_id uuid, p_password_hash text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  UPDATE users SET password_hash = p_password_hash WHERE user_id = p_user_id
$$;
