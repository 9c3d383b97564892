-- Which tenant an invitation's link belongs to. Whether it is still open is judged inside that tenant.
CREATE FUNCTION resolve_invitation(p_digest bytea) RETURNS TABLE (tenant_id uuid, invitation_id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT i.tenant_id, i.invitation_id FROM invitations i WHERE i.digest = p_digest
$$;
