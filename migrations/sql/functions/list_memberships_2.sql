-- The organisations of a person who has just proved who they are. A membership that was given until a day ends by itself.
CREATE FUNCTION list_memberships(p_user_id uuid) RETURNS TABLE (tenant_id uuid, role text)
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT m.tenant_id, m.role FROM memberships m
  WHERE m.user_id = p_user_id AND m.suspended_at IS NULL AND (m.access_until IS NULL OR m.access_until > now())
  ORDER BY m.joined_at
$$;
