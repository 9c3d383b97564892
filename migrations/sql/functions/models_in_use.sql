-- By which models organisations are searched, or will be, and how many by each: for the operator's doctor, which says
-- whether their files are there. Names of models and numbers, no ids.
CREATE FUNCTION models_in_use() RETURNS TABLE (model text, organisations bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT v.model, count(*) FROM vector_indexes v WHERE v.state IN ('active', 'filling') GROUP BY v.model
$$;
