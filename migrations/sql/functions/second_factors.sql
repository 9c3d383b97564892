-- A person's second factors, wherever they belong. What proves them is sealed; the key is not in the database.
CREATE FUNCTION list_factors(p_user_id uuid)
RETURNS TABLE (factor_id uuid, kind text, label text, credential bytea, sealed bytea, counter bigint, created_at timestamptz,
               confirmed_at timestamptz, last_used_at timestamptz)
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT f.factor_id, f.kind, f.label, f.credential, f.sealed, f.counter, f.created_at, f.confirmed_at, f.last_used_at
  FROM second_factors f WHERE f.user_id = p_user_id ORDER BY f.created_at
$$;

-- A factor that was begun and never confirmed makes way for the next one of its kind.
CREATE FUNCTION add_factor(p_factor_id uuid, p_user_id uuid, p_kind text, p_label text, p_credential bytea, p_sealed bytea,
                           p_counter bigint, p_at timestamptz, p_confirmed_at timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  DELETE FROM second_factors WHERE user_id = p_user_id AND kind = p_kind AND confirmed_at IS NULL;
  INSERT INTO second_factors (factor_id, user_id, kind, label, credential, sealed, counter, created_at, confirmed_at)
  VALUES (p_factor_id, p_user_id, p_kind, p_label, p_credential, p_sealed, p_counter, p_at, p_confirmed_at)
$$;

CREATE FUNCTION confirm_factor(p_user_id uuid, p_factor_id uuid, p_at timestamptz) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  WITH done AS (UPDATE second_factors SET confirmed_at = p_at WHERE user_id = p_user_id AND factor_id = p_factor_id
                AND confirmed_at IS NULL RETURNING 1)
  SELECT EXISTS (SELECT FROM done)
$$;

-- The counter only goes up: a code or an assertion that was used once is not used twice.
CREATE FUNCTION use_factor(p_user_id uuid, p_factor_id uuid, p_counter bigint, p_at timestamptz) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  WITH done AS (UPDATE second_factors SET counter = p_counter, last_used_at = p_at
                WHERE user_id = p_user_id AND factor_id = p_factor_id AND (counter < p_counter OR (p_counter = 0 AND counter = 0))
                RETURNING 1)
  SELECT EXISTS (SELECT FROM done)
$$;

CREATE FUNCTION remove_factor(p_user_id uuid, p_factor_id uuid) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  WITH done AS (DELETE FROM second_factors WHERE user_id = p_user_id AND factor_id = p_factor_id RETURNING 1)
  SELECT EXISTS (SELECT FROM done)
$$;

CREATE FUNCTION replace_recovery_codes(p_user_id uuid, p_digests bytea[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  DELETE FROM recovery_codes WHERE user_id = p_user_id;
  INSERT INTO recovery_codes (user_id, digest) SELECT p_user_id, d FROM unnest(p_digests) d
$$;

CREATE FUNCTION use_recovery_code(p_user_id uuid, p_digest bytea, p_at timestamptz) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  WITH done AS (UPDATE recovery_codes SET used_at = p_at WHERE user_id = p_user_id AND digest = p_digest AND used_at IS NULL
                RETURNING 1)
  SELECT EXISTS (SELECT FROM done)
$$;

CREATE FUNCTION count_recovery_codes(p_user_id uuid) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT count(*) FROM recovery_codes WHERE user_id = p_user_id AND used_at IS NULL
$$;
