-- For the rotation of the platform's data key: every sealed factor, in the order of ids.
CREATE FUNCTION list_sealed_factors(p_after uuid, p_most integer)
RETURNS TABLE (factor_id uuid, user_id uuid, kind text, sealed bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT f.factor_id, f.user_id, f.kind, f.sealed FROM second_factors f
  WHERE f.factor_id > p_after ORDER BY f.factor_id LIMIT p_most
$$;

CREATE FUNCTION count_sealed_factors() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT count(*) FROM second_factors
$$;

-- Puts the same secret in its place, sealed anew; a factor that changed meanwhile stays as it is.
CREATE FUNCTION reseal_factor(p_factor_id uuid, p_old bytea, p_new bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  UPDATE second_factors SET sealed = p_new WHERE factor_id = p_factor_id AND sealed = p_old
$$;
