-- What may end a key: this door, by two owners; and the worker, a key that a rotation has replaced. Nobody brings one back.
CREATE FUNCTION guard_key_end() RETURNS trigger
LANGUAGE plpgsql SET search_path = cloister, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'active' THEN
      RAISE EXCEPTION 'a key is never made but to be in force' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
  END IF;
  IF to_jsonb(NEW) - '{state,kek_id,wrapped,retired_at,destroyed_at,end_proof}'::text[]
     <> to_jsonb(OLD) - '{state,kek_id,wrapped,retired_at,destroyed_at,end_proof}'::text[]
     OR (TG_ARGV[0] = 'kek' AND to_jsonb(NEW) ->> 'kek_id' <> to_jsonb(OLD) ->> 'kek_id') THEN
    RAISE EXCEPTION 'a key is never renamed' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF OLD.state = 'destroyed' AND NEW IS DISTINCT FROM OLD THEN
    RAISE EXCEPTION 'a destroyed key is never brought back' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF NEW.state = 'destroyed' AND OLD.state <> 'destroyed' AND current_user <> 'cloister_doors'
     AND NOT (current_user = 'cloister_worker' AND OLD.state = 'retiring'
              AND EXISTS (SELECT FROM key_rotations r WHERE r.tenant_id = OLD.tenant_id AND r.level = TG_ARGV[0]
                          AND r.state = 'waiting')) THEN
    RAISE EXCEPTION 'a key ends by two owners, or by a rotation that is over' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;

-- What a second owner says to another one's request; a yes ends every key of the organisation that is bound. `p_proofs` has
-- what the holder of each key-encryption key says of its end: {kek: hex}.
CREATE FUNCTION decide_key_destruction(p_request uuid, p_by uuid, p_is_granted boolean, p_now timestamptz, p_proofs jsonb)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
DECLARE
  v_tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
  v_asked uuid;
BEGIN
  UPDATE key_destructions SET decided_by = p_by, decided_at = p_now, is_granted = p_is_granted
  WHERE tenant_id = v_tenant AND request_id = p_request AND decided_at IS NULL
  RETURNING requested_by INTO v_asked;
  IF v_asked IS NULL THEN
    RAISE EXCEPTION 'there is no such request to decide' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF NOT p_is_granted THEN
    RETURN;
  END IF;
  IF (SELECT count(DISTINCT m.user_id) FROM memberships m WHERE m.tenant_id = v_tenant AND m.user_id IN (v_asked, p_by)
      AND m.role = 'owner' AND m.kind = 'person' AND m.suspended_at IS NULL
      AND m.own_since <= now() - interval '7 days') <> 2 THEN
    RAISE EXCEPTION 'a key ends by two owners who have been so for seven days' USING ERRCODE = 'insufficient_privilege';
  END IF;
  UPDATE data_keys SET state = 'destroyed', wrapped = NULL, destroyed_at = p_now
  WHERE tenant_id = v_tenant AND state <> 'destroyed';
  UPDATE key_rotations SET state = 'done', ended_at = p_now  -- nothing is left that a rotation could seal anew
  WHERE tenant_id = v_tenant AND state <> 'done';
  UPDATE key_encryption_keys SET state = 'destroyed', destroyed_at = p_now,
    end_proof = decode(p_proofs ->> kek_id::text, 'hex')
  WHERE tenant_id = v_tenant AND state <> 'destroyed';
END $$;
