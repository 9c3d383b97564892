-- Lockout counts: failures of one person at one address since that address last signed them in, of the address, of the
-- person; and whether the address ever signed them in.
CREATE FUNCTION count_sign_in_failures(p_email_digest bytea, p_address text, p_since timestamptz, p_remembered timestamptz)
RETURNS TABLE (by_pair bigint, by_address bigint, by_person bigint, is_known boolean)
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  WITH last_success AS (
    SELECT max(a.at) AS at FROM sign_in_attempts a
    WHERE a.email_digest = p_email_digest AND a.address = p_address AND a.succeeded AND a.at > p_remembered
  )
  SELECT (SELECT count(*) FROM sign_in_attempts a WHERE a.email_digest = p_email_digest AND a.address = p_address
            AND a.at > p_since AND a.at > coalesce((SELECT s.at FROM last_success s), '-infinity') AND NOT a.succeeded),
         (SELECT count(*) FROM sign_in_attempts a WHERE a.address = p_address AND a.at > p_since AND NOT a.succeeded),
         (SELECT count(*) FROM sign_in_attempts a WHERE a.email_digest = p_email_digest AND a.at > p_since AND NOT a.succeeded),
         (SELECT s.at IS NOT NULL FROM last_success s)
$$;
