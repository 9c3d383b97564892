-- With a new password: sign-ins that wait for their second factor behind the old one end, and so do links to another.
CREATE FUNCTION close_half_ways(p_user_id uuid, p_now timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  DELETE FROM sign_in_challenges WHERE user_id = p_user_id;
  UPDATE password_resets SET used_at = p_now WHERE user_id = p_user_id AND used_at IS NULL;
$$;
