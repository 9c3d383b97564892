-- Roles and the rights that no table can grant. Run by a superuser, before the first migration; safe to repeat.
-- Passwords are set by the caller, role by role, and never stand in a file of this project.
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['cloister_owner', 'cloister_doors'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION', name);
    END IF;
  END LOOP;
  FOREACH name IN ARRAY ARRAY['cloister_migrator', 'cloister_app', 'cloister_worker', 'cloister_sealer', 'cloister_auditor'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
      EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION', name);
    END IF;
  END LOOP;
  -- pg_dump as a role without BYPASSRLS fails on forced row security, or silently dumps nothing.
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'cloister_backup') THEN
    CREATE ROLE cloister_backup LOGIN NOSUPERUSER BYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION;
  END IF;
END $$;

-- The migrator may become the owner, and the owner may hand functions to the doors; neither inherits their policies.
GRANT cloister_owner TO cloister_migrator WITH INHERIT FALSE, SET TRUE;
GRANT cloister_doors TO cloister_owner WITH INHERIT FALSE, SET TRUE;

DO $$
DECLARE
  role text;
BEGIN
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());  -- also TEMPORARY: temp tables outlive a tenant
  FOREACH role IN ARRAY ARRAY['cloister_migrator', 'cloister_app', 'cloister_worker', 'cloister_sealer', 'cloister_auditor', 'cloister_backup'] LOOP
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), role);
    EXECUTE format('ALTER ROLE %I IN DATABASE %I SET search_path = cloister, public', role, current_database());
    EXECUTE format('ALTER ROLE %I IN DATABASE %I SET idle_in_transaction_session_timeout = ''60s''', role, current_database());
  END LOOP;
END $$;
ALTER ROLE cloister_app SET statement_timeout = '30s';

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA IF NOT EXISTS cloister AUTHORIZATION cloister_owner;
GRANT USAGE ON SCHEMA cloister TO cloister_migrator;
CREATE EXTENSION IF NOT EXISTS vector SCHEMA public;

-- SQL injection inside a SELECT could otherwise call set_config('app.tenant_id', …) and read another tenant.
REVOKE EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) FROM PUBLIC;
-- pg_dump sets its search_path by it; the backup role bypasses row security in any case.
GRANT EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) TO cloister_backup;
-- Large objects know no row security.
REVOKE EXECUTE ON FUNCTION pg_catalog.lo_create(oid), pg_catalog.lo_creat(integer), pg_catalog.lo_from_bytea(oid, bytea),
  pg_catalog.lo_get(oid), pg_catalog.lo_get(oid, bigint, integer), pg_catalog.lo_open(oid, integer) FROM PUBLIC;
