-- How many second factors people have in force: the number alone, for a list of who signs in how.
CREATE FUNCTION count_factors(p_user_ids uuid[]) RETURNS TABLE (user_id uuid, factors bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT f.user_id, count(*) FROM second_factors f
  WHERE f.user_id = ANY(p_user_ids) AND f.confirmed_at IS NOT NULL GROUP BY f.user_id
$$;
