-- Where a factor was added is what the transaction says that it is of, as for its rows.
CREATE OR REPLACE FUNCTION add_factor(p_factor_id uuid, p_user_id uuid, p_kind text, p_label text, p_credential bytea,
                                      p_sealed bytea, p_counter bigint, p_at timestamptz, p_confirmed_at timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  DELETE FROM second_factors WHERE user_id = p_user_id AND kind = p_kind AND confirmed_at IS NULL;
  INSERT INTO second_factors (factor_id, user_id, kind, label, credential, sealed, counter, created_at, confirmed_at, added_in)
  VALUES (p_factor_id, p_user_id, p_kind, p_label, p_credential, p_sealed, p_counter, p_at, p_confirmed_at,
          nullif(current_setting('app.tenant_id', true), '')::uuid)
$$;
