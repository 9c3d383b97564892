-- One attempt; the address of the person is stored as a digest only.
CREATE FUNCTION record_sign_in_attempt(p_id uuid, p_email_digest bytea, p_address text, p_at timestamptz, p_succeeded boolean) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  INSERT INTO sign_in_attempts VALUES (p_id, p_email_digest, p_address, p_at, p_succeeded)
$$;
