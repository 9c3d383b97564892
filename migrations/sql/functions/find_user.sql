-- The operator's console names a person by address; NULL for an unknown one.
CREATE FUNCTION find_user(p_email text) RETURNS uuid
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT u.user_id FROM users u WHERE u.email = p_email AND u.disabled_at IS NULL
$$;
