-- Sign-ins of a person that wait for their second factor end: the password that they began with has changed.
CREATE FUNCTION close_challenges_of(p_user_id uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  DELETE FROM sign_in_challenges WHERE user_id = p_user_id
$$;

-- Open links to a new password of these people end.
CREATE FUNCTION close_password_resets(p_user_ids uuid[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  UPDATE password_resets SET used_at = now() WHERE user_id = ANY (p_user_ids) AND used_at IS NULL
$$;
