-- Whether a person belongs, or belonged, to another organisation than the one that asks, or to the platform.
CREATE FUNCTION has_been_elsewhere(p_user_id uuid) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT EXISTS (SELECT FROM memberships
                 WHERE user_id = p_user_id AND tenant_id IS DISTINCT FROM nullif(current_setting('app.tenant_id', true), '')::uuid)
$$;
