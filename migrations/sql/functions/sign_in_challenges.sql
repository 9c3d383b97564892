-- A sign-in whose password was right and whose second factor is still to come.
CREATE FUNCTION open_challenge(p_digest bytea, p_user_id uuid, p_nonce bytea, p_now timestamptz, p_expires timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  DELETE FROM sign_in_challenges WHERE expires_at < p_now;
  INSERT INTO sign_in_challenges (digest, user_id, nonce, expires_at) VALUES (p_digest, p_user_id, p_nonce, p_expires)
$$;

-- Each try is counted before it is judged, so that two at once are two.
CREATE FUNCTION try_challenge(p_digest bytea, p_now timestamptz, p_most integer) RETURNS TABLE (user_id uuid, nonce bytea)
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  UPDATE sign_in_challenges c SET attempts = c.attempts + 1
  WHERE c.digest = p_digest AND c.expires_at > p_now AND c.attempts < p_most RETURNING c.user_id, c.nonce
$$;

CREATE FUNCTION close_challenge(p_digest bytea) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  WITH done AS (DELETE FROM sign_in_challenges WHERE digest = p_digest RETURNING 1) SELECT EXISTS (SELECT FROM done)
$$;
