-- What a call may need at most is taken from every budget that applies, or from none: nothing is left behind by a refusal.
-- Counters are locked in one order by all (budget, then whom it counts for), so that two calls never wait for each other.
-- p_micros is null where the model has no price. Returned is one row for each budget: held, or the first that refuses.
CREATE FUNCTION reserve_in_budgets(
  p_call uuid, p_kinds text[], p_ids uuid[], p_names text[], p_tokens bigint, p_micros bigint, p_currency text,
  p_day timestamptz, p_month timestamptz
) RETURNS TABLE (budget_id uuid, verdict text, name text, unit text, counted bigint, soft bigint, hard bigint, is_first boolean)
LANGUAGE plpgsql SET search_path = cloister, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
  v_one record;
  v_amount bigint;
  v_counted bigint;
  v_ids uuid[] := '{}';
  v_whom uuid[] := '{}';
  v_from timestamptz[] := '{}';
  v_amounts bigint[] := '{}';
BEGIN
  FOR v_one IN
    SELECT DISTINCT b.budget_id, a.id AS whom, b.name, b.unit, b.currency, b.unpriced, b.soft_limit, b.hard_limit,
           CASE b.period WHEN 'day' THEN p_day ELSE p_month END AS began
    FROM unnest(p_kinds, p_ids, p_names) AS a (kind, id, named)
    JOIN budget_limits b ON b.tenant_id = v_tenant AND b.subject_kind = a.kind
     AND (b.subject_id IS NULL OR b.subject_id = a.id) AND (b.subject_name IS NULL OR b.subject_name = a.named)
    WHERE b.subject_id IS NOT NULL OR NOT EXISTS (  -- one person's or key's own takes the place of the one for each
      SELECT FROM budget_limits s
      WHERE s.tenant_id = v_tenant AND s.subject_kind = b.subject_kind AND s.subject_id = a.id AND s.unit = b.unit
        AND s.currency IS NOT DISTINCT FROM b.currency AND s.period = b.period)
    ORDER BY b.budget_id, a.id
  LOOP
    v_amount := CASE WHEN v_one.unit = 'tokens' THEN p_tokens WHEN p_micros = 0 OR v_one.currency = p_currency THEN p_micros END;
    IF v_amount IS NULL THEN
      IF v_one.unpriced = 'refused' THEN
        RETURN QUERY SELECT v_one.budget_id, 'unpriced', v_one.name, v_one.unit, 0::bigint, v_one.soft_limit, v_one.hard_limit, false;
        RETURN;
      END IF;
      CONTINUE;
    END IF;
    SELECT c.used + c.reserved INTO v_counted FROM budget_counters c
    WHERE c.tenant_id = v_tenant AND c.budget_id = v_one.budget_id AND c.subject_id = v_one.whom AND c.period_from = v_one.began
    FOR UPDATE;
    IF NOT FOUND THEN
      INSERT INTO budget_counters (tenant_id, budget_id, subject_id, period_from)
      VALUES (v_tenant, v_one.budget_id, v_one.whom, v_one.began) ON CONFLICT DO NOTHING;
      SELECT c.used + c.reserved INTO v_counted FROM budget_counters c
      WHERE c.tenant_id = v_tenant AND c.budget_id = v_one.budget_id AND c.subject_id = v_one.whom AND c.period_from = v_one.began
      FOR UPDATE;
    END IF;
    IF v_amount > 0 AND v_counted + v_amount > v_one.hard_limit THEN
      RETURN QUERY SELECT v_one.budget_id, 'spent', v_one.name, v_one.unit, v_counted, v_one.soft_limit, v_one.hard_limit, false;
      RETURN;
    END IF;
    v_ids := v_ids || v_one.budget_id;
    v_whom := v_whom || v_one.whom::uuid;
    v_from := v_from || v_one.began::timestamptz;
    v_amounts := v_amounts || v_amount;
  END LOOP;
  IF v_ids = '{}' THEN
    RETURN;
  END IF;
  INSERT INTO budget_reservations (tenant_id, call_id, budget_id, subject_id, period_from, amount)
  SELECT v_tenant, p_call, t.* FROM unnest(v_ids, v_whom, v_from, v_amounts) AS t;
  RETURN QUERY
  UPDATE budget_counters c
  SET reserved = c.reserved + t.amount,
      warned_by = CASE WHEN c.warned_by IS NULL AND c.used + c.reserved + t.amount > b.soft_limit THEN p_call ELSE c.warned_by END
  FROM unnest(v_ids, v_whom, v_from, v_amounts) AS t (id, whom, began, amount)
  JOIN budget_limits b ON b.tenant_id = v_tenant AND b.budget_id = t.id
  WHERE c.tenant_id = v_tenant AND c.budget_id = t.id AND c.subject_id = t.whom AND c.period_from = t.began
  RETURNING b.budget_id, 'held', b.name, b.unit, c.used + c.reserved, b.soft_limit, b.hard_limit, c.warned_by = p_call;
END
$$;

-- Puts what a call used in the place of what was reserved for it, once: the second time there is nothing left to replace.
-- A null stands for the reservation itself: of what nobody knows, the worst is taken to be true.
CREATE FUNCTION settle_in_budgets(p_call uuid, p_tokens bigint, p_micros bigint) RETURNS integer
LANGUAGE plpgsql SET search_path = cloister, pg_temp AS $$
DECLARE
  v_tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
  v_one record;
  v_count integer := 0;
BEGIN
  FOR v_one IN
    WITH gone AS (DELETE FROM budget_reservations r WHERE r.tenant_id = v_tenant AND r.call_id = p_call RETURNING r.*)
    SELECT g.*, b.unit FROM gone g JOIN budget_limits b ON b.tenant_id = v_tenant AND b.budget_id = g.budget_id
    ORDER BY g.budget_id, g.subject_id
  LOOP
    UPDATE budget_counters c
    SET reserved = c.reserved - v_one.amount,
        used = c.used + coalesce(CASE v_one.unit WHEN 'tokens' THEN p_tokens ELSE p_micros END, v_one.amount)
    WHERE c.tenant_id = v_tenant AND c.budget_id = v_one.budget_id AND c.subject_id = v_one.subject_id
      AND c.period_from = v_one.period_from;
    v_count := v_count + 1;
  END LOOP;
  RETURN v_count;
END
$$;
