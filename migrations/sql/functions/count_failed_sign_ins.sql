-- Lockout counts: failures since the person's last success, and failures from one address.
CREATE FUNCTION count_failed_sign_ins(p_email_digest bytea, p_address text, p_since timestamptz) RETURNS TABLE (by_person bigint, by_address bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT (SELECT count(*) FROM sign_in_attempts a WHERE a.email_digest = p_email_digest AND a.at > p_since AND NOT a.succeeded
            AND a.at > coalesce((SELECT max(b.at) FROM sign_in_attempts b WHERE b.email_digest = p_email_digest AND b.succeeded), '-infinity')),
         (SELECT count(*) FROM sign_in_attempts a WHERE a.address = p_address AND a.at > p_since AND NOT a.succeeded)
$$;
