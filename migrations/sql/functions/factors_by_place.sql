-- How many factors of a person are in force that were added in the organisation that asks, and of how many nobody knows where.
CREATE FUNCTION factors_by_place(p_user_id uuid) RETURNS TABLE (here bigint, unknown bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT count(*) FILTER (WHERE added_in = nullif(current_setting('app.tenant_id', true), '')::uuid),
         count(*) FILTER (WHERE added_in IS NULL)
  FROM second_factors WHERE user_id = p_user_id AND confirmed_at IS NOT NULL
$$;
