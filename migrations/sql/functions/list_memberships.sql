-- The organisations of a person who has just proved who they are.
CREATE FUNCTION list_memberships(p_user_id uuid) RETURNS TABLE (tenant_id uuid, role text)
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT m.tenant_id, m.role FROM memberships m WHERE m.user_id = p_user_id AND m.suspended_at IS NULL ORDER BY m.joined_at
$$;
