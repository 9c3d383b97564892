-- What is asked and written at every call, as functions, so that the server's process keeps their plans: to plan a statement
-- anew took longer than to run it. They run with the rights of who calls them, under row-level security.

CREATE FUNCTION callers_of_tokens(p_tokens uuid[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = cloister, pg_temp AS $$
DECLARE
  v_tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
BEGIN
  RETURN (
    SELECT jsonb_agg(to_jsonb(answer)) FROM (
      SELECT t.token_id, t.user_id, t.scopes, t.models, t.endpoints, t.networks, t.expires_at, t.revoked_at, t.last_used_at,
             m.role, m.display_name, m.email, m.language, m.zone, m.suspended_at, m.access_until, o.name AS organisation,
             o.suspended_at AS organisation_suspended_at,
             ARRAY(SELECT g.group_id FROM group_members g WHERE g.tenant_id = t.tenant_id AND g.user_id = t.user_id) AS groups
      FROM api_tokens t
      JOIN organisations o ON o.tenant_id = t.tenant_id
      JOIN memberships m ON m.tenant_id = t.tenant_id AND m.user_id = t.user_id
      WHERE t.tenant_id = v_tenant AND t.token_id = ANY (p_tokens)) AS answer);
END
$$;

-- The operators' rule, and the organisation's own provider of this name with its keys in force, if it has any.
CREATE FUNCTION own_provider(p_name text, p_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = cloister, pg_temp AS $$
DECLARE
  v_tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
BEGIN
  RETURN (
    SELECT jsonb_agg(to_jsonb(answer)) FROM (
      SELECT r.own_keys, p.provider_id, p.name, p.kind, p.base_url, p.region, k.key_id, k.fingerprint, k.weight, k.sealed
      FROM (SELECT v_tenant AS tenant_id) AS asked
      LEFT JOIN provider_rules r ON r.tenant_id = asked.tenant_id
      LEFT JOIN model_providers p ON p.tenant_id = asked.tenant_id AND p.name = p_name AND p.removed_at IS NULL
      LEFT JOIN provider_keys k ON k.tenant_id = p.tenant_id AND k.provider_id = p.provider_id
        AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > p_now)) AS answer);
END
$$;

-- An organisation's data key of a version, or the one in force; without `wrapped` where there is nothing but ashes.
CREATE FUNCTION own_data_key(p_version integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = cloister, pg_temp AS $$
DECLARE
  v_tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
BEGIN
  RETURN (
    SELECT jsonb_build_object(
             'version', k.version, 'kek_id', k.kek_id,
             'wrapped', CASE WHEN k.state = 'active' OR p_version IS NOT NULL THEN k.wrapped END)
    FROM data_keys k
    WHERE k.tenant_id = v_tenant AND (p_version IS NULL OR k.version = p_version)
    ORDER BY k.state = 'active' DESC, k.version DESC LIMIT 1);
END
$$;

-- All that an organisation says of calls.
CREATE FUNCTION call_rules_in_force() RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = cloister, pg_temp AS $$
DECLARE
  v_tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
BEGIN
  RETURN jsonb_build_object(
    'version', (SELECT version FROM rules_versions WHERE tenant_id = v_tenant),
    'allowed', (SELECT jsonb_agg(jsonb_build_array(provider, model)) FROM allowed_models WHERE tenant_id = v_tenant),
    'rules', (SELECT jsonb_agg(to_jsonb(r) ORDER BY r.group_id IS NOT NULL, r.name, r.rule_id) FROM call_rules r
              WHERE tenant_id = v_tenant),
    'labels', (SELECT jsonb_agg(to_jsonb(d)) FROM data_labels d WHERE tenant_id = v_tenant),
    'contracts', (SELECT jsonb_agg(to_jsonb(c) ORDER BY c.contract_id) FROM provider_contracts c
                  WHERE tenant_id = v_tenant AND ended_at IS NULL));
END
$$;

-- For how many days the organisation keeps what calls to providers say.
CREATE FUNCTION days_calls_are_kept() RETURNS integer
LANGUAGE plpgsql STABLE SET search_path = cloister, pg_temp AS $$
DECLARE
  v_tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
BEGIN
  RETURN (SELECT call_content_days FROM organisation_settings WHERE tenant_id = v_tenant);
END
$$;

-- Takes what calls may need, in their order, from the budgets that apply; null where there are none. Lots of an organisation
-- wait here for each other, as they lock counters in another order. Where all are asked for and one is refused, or is the
-- first above a soft limit, nothing is taken: SQLSTATE CL001.
CREATE FUNCTION reserve_all_in_budgets(p_calls jsonb, p_day timestamptz, p_month timestamptz, p_all boolean) RETURNS jsonb
LANGUAGE plpgsql SET search_path = cloister, pg_temp AS $$
DECLARE
  v_tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
  v_rows jsonb;
BEGIN
  IF NOT EXISTS (SELECT FROM budget_limits WHERE tenant_id = v_tenant) THEN
    RETURN NULL;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended(v_tenant::text || '/budgets', 0));
  SELECT jsonb_agg(to_jsonb(answer) ORDER BY answer.place, answer.name, answer.budget_id) INTO v_rows FROM (
    SELECT asked.place, r.*, b.period
    FROM jsonb_array_elements(p_calls) WITH ORDINALITY AS asked (call, place)
    CROSS JOIN LATERAL reserve_in_budgets(
      (asked.call ->> 'id')::uuid, ARRAY(SELECT jsonb_array_elements_text(asked.call -> 'kinds')),
      ARRAY(SELECT one::uuid FROM jsonb_array_elements_text(asked.call -> 'ids') AS one),
      ARRAY(SELECT jsonb_array_elements_text(asked.call -> 'names')), (asked.call ->> 'tokens')::bigint,
      (asked.call ->> 'micros')::bigint, asked.call ->> 'currency', p_day, p_month) AS r
    JOIN budget_limits b ON b.tenant_id = v_tenant AND b.budget_id = r.budget_id) AS answer;
  IF p_all AND EXISTS (
    SELECT FROM jsonb_array_elements(v_rows) AS one WHERE one ->> 'verdict' <> 'held' OR (one ->> 'is_first')::boolean
  ) THEN
    RAISE EXCEPTION 'not all of these calls can be reserved for' USING ERRCODE = 'CL001';
  END IF;
  RETURN coalesce(v_rows, '[]');
END
$$;

-- Puts what calls used in the place of what was reserved for them, each once.
CREATE FUNCTION settle_all_in_budgets(p_calls uuid[], p_tokens bigint[], p_micros bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = cloister, pg_temp AS $$
DECLARE
  v_tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
BEGIN
  IF EXISTS (SELECT FROM budget_limits WHERE tenant_id = v_tenant) THEN
    PERFORM pg_advisory_xact_lock(hashtextextended(v_tenant::text || '/budgets', 0));
  END IF;
  PERFORM settle_in_budgets(used.call, used.tokens, used.micros) FROM unnest(p_calls, p_tokens, p_micros) AS used (call, tokens, micros);
END
$$;

-- Settles the calls of these rows that are open, and returns which those were. Where all are asked for and one of them is
-- settled already, nothing is: SQLSTATE CL001.
CREATE FUNCTION settle_calls(p_rows json, p_all boolean) RETURNS jsonb
LANGUAGE plpgsql SET search_path = cloister, pg_temp AS $$
DECLARE
  v_tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
  v_settled uuid[];
BEGIN
  WITH settled AS (
    UPDATE model_calls AS call
    SET state = ended.state, prompt_tokens = ended.prompt_tokens, answer_tokens = ended.answer_tokens,
        cached_tokens = ended.cached_tokens, reasoning_tokens = ended.reasoning_tokens, is_estimated = ended.is_estimated,
        status = ended.status, code = ended.code, answer_digest = ended.answer_digest, cost_micros = ended.cost_micros,
        is_priced = ended.is_priced, currency = ended.currency, first_byte_ms = ended.first_byte_ms,
        total_ms = ended.total_ms, settled_at = ended.settled_at
    FROM json_populate_recordset(NULL::model_calls, p_rows) AS ended
    WHERE call.tenant_id = v_tenant AND call.call_id = ended.call_id AND call.state = 'admitted'
    RETURNING call.call_id)
  SELECT coalesce(array_agg(call_id), '{}') INTO v_settled FROM settled;
  IF p_all AND cardinality(v_settled) <> json_array_length(p_rows) THEN
    RAISE EXCEPTION 'not all of these calls are open' USING ERRCODE = 'CL001';
  END IF;
  RETURN to_jsonb(v_settled);
END
$$;

-- Counts that keys were lent; in slots, so that calls which are admitted at once do not wait for each other.
CREATE FUNCTION count_key_uses(p_keys uuid[], p_uses bigint[], p_slots integer, p_now timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = cloister, pg_temp AS $$
DECLARE
  v_tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
BEGIN
  INSERT INTO provider_key_uses AS u (tenant_id, key_id, slot, uses, last_used_at)
  SELECT v_tenant, key_id, mod(pg_backend_pid(), p_slots), uses, p_now FROM unnest(p_keys, p_uses) AS lent (key_id, uses)
  ON CONFLICT (tenant_id, key_id, slot) DO UPDATE SET uses = u.uses + excluded.uses, last_used_at = excluded.last_used_at;
END
$$;
