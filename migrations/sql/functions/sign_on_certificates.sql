-- Of how many connections that people come in by the provider's last certificate ends within 30 days, and of how many it has ended.
-- Numbers alone: whose they are is their organisation's affair.
CREATE FUNCTION sign_on_certificates() RETURNS TABLE (ending bigint, ended bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cloister, pg_temp AS $$
  SELECT count(*) FILTER (WHERE c.good_until > now() AND c.good_until <= now() + interval '30 days'),
         count(*) FILTER (WHERE c.good_until <= now())
  FROM sso_connections c WHERE c.state IN ('active', 'enforced')
$$;
