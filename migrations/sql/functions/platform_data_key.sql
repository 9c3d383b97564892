-- The platform's data key of a version, or the one in force: wrapped, and worthless without the key file.
CREATE FUNCTION platform_data_key(p_version integer)
RETURNS TABLE (version integer, kek_id uuid, wrapped bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT k.version, k.kek_id, k.wrapped FROM data_keys k
  WHERE k.tenant_id = '00000000-0000-0000-0000-000000000000'
    AND CASE WHEN p_version IS NULL THEN k.state = 'active' ELSE k.version = p_version END
$$;
