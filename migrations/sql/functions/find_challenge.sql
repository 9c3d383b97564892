-- To show the second step of a sign-in again; a look is no try.
CREATE FUNCTION find_challenge(p_digest bytea, p_now timestamptz) RETURNS TABLE (user_id uuid, nonce bytea)
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT c.user_id, c.nonce FROM sign_in_challenges c WHERE c.digest = p_digest AND c.expires_at > p_now
$$;
