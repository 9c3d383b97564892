-- Whether a factor of a person that is in force was added in the organisation that asks, or nobody knows where; no row if there is none.
CREATE FUNCTION place_of_factor(p_user_id uuid, p_factor_id uuid) RETURNS TABLE (is_here boolean, is_unknown boolean)
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT coalesce(added_in = nullif(current_setting('app.tenant_id', true), '')::uuid, false), added_in IS NULL
  FROM second_factors WHERE user_id = p_user_id AND factor_id = p_factor_id AND confirmed_at IS NOT NULL
$$;
