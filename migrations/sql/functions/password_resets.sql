-- One open link a person: the link before it closes.
CREATE FUNCTION create_password_reset(p_digest bytea, p_user_id uuid, p_now timestamptz, p_expires timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  UPDATE password_resets SET used_at = p_now WHERE user_id = p_user_id AND used_at IS NULL;
  INSERT INTO password_resets (digest, user_id, expires_at) VALUES (p_digest, p_user_id, p_expires)
$$;

CREATE FUNCTION find_password_reset(p_digest bytea, p_now timestamptz) RETURNS TABLE (user_id uuid, email text)
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT u.user_id, u.email FROM password_resets r JOIN users u USING (user_id)
  WHERE r.digest = p_digest AND r.used_at IS NULL AND r.expires_at > p_now AND u.disabled_at IS NULL
$$;

-- Single use: of two clicks at once, one gets the id.
CREATE FUNCTION consume_password_reset(p_digest bytea, p_now timestamptz) RETURNS TABLE (user_id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  UPDATE password_resets r SET used_at = p_now WHERE r.digest = p_digest AND r.used_at IS NULL AND r.expires_at > p_now
  RETURNING r.user_id
$$;

-- A person's sessions in every organisation: for a password that may have been somebody else's.
CREATE FUNCTION end_all_sessions(p_user_id uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  DELETE FROM sessions WHERE user_id = p_user_id
$$;
