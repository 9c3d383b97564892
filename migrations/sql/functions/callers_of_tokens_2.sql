-- Whom tokens stand for; what a role of the organisation's own grants stands beside the role.
CREATE OR REPLACE FUNCTION callers_of_tokens(p_tokens uuid[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = cloister, pg_temp AS $$
DECLARE
  v_tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
BEGIN
  RETURN (
    SELECT jsonb_agg(to_jsonb(answer)) FROM (
      SELECT t.token_id, t.user_id, t.scopes, t.models, t.endpoints, t.networks, t.expires_at, t.revoked_at, t.last_used_at,
             m.role, m.display_name, m.email, m.language, m.zone, m.suspended_at, m.access_until, o.name AS organisation,
             r.permissions AS granted, r.name AS role_title,
             o.suspended_at AS organisation_suspended_at,
             ARRAY(SELECT g.group_id FROM group_members g WHERE g.tenant_id = t.tenant_id AND g.user_id = t.user_id) AS groups
      FROM api_tokens t
      JOIN organisations o ON o.tenant_id = t.tenant_id
      JOIN memberships m ON m.tenant_id = t.tenant_id AND m.user_id = t.user_id
      LEFT JOIN custom_roles r ON r.tenant_id = m.tenant_id AND r.role_id = m.custom_role_id
      WHERE t.tenant_id = v_tenant AND t.token_id = ANY (p_tokens)) AS answer);
END
$$;
