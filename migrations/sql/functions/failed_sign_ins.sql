-- A failed sign-in, for the history of each organisation of whoever has the address; for an address of nobody, nothing.
-- One statement either way, so that it takes as long.
CREATE FUNCTION note_failed_sign_in(p_id uuid, p_email text, p_at timestamptz, p_reason text, p_address text, p_agent text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  INSERT INTO sign_ins (tenant_id, sign_in_id, at, user_id, succeeded, method, reason, address, agent)
  SELECT m.tenant_id, p_id, p_at, m.user_id, false, 'password', p_reason, p_address, p_agent
  FROM users u JOIN memberships m ON m.user_id = u.user_id
  WHERE u.email = p_email AND m.suspended_at IS NULL
$$;
