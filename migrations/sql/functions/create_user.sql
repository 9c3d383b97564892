-- A new person. A taken address is a unique violation, which identity turns into words.
CREATE FUNCTION create_user(p_user_id uuid, p_email text, p_password_hash text, p_at timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  INSERT INTO users (user_id, email, password_hash, created_at) VALUES (p_user_id, p_email, p_password_hash, p_at)
$$;
