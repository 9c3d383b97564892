"""The isolation catalogue: reads pg_catalog and says every way in which a tenant could see another's rows.

The tests ask it of every schema that we make, the worker every night of the one that is in use: what somebody grants or
switches off at the database by hand is found by the morning. It is no proof against a superuser, who can put back what was
changed before it is looked at, and needs no policy to read.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from appliance.evidence import shipped
from appliance.kernel.db import Tx

CANONICAL = "(tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid)"
RUNTIME = ("cloister_app", "cloister_worker", "cloister_sealer", "cloister_auditor", "cloister_migrator")
NO_TENANT_COLUMN = {
    "alembic_version": "the schema's number, readable by all",
    "users": "people exist once; only the doors' functions see them",
    "setup_links": "before any organisation; only the doors' functions see them",
    "plain_text": "the installation's own; only the doors' functions see it",
    "root_key": "the installation's own; only the doors' functions see it",
    "sign_in_attempts": "before the person is known; only the doors' functions see them",
    "second_factors": "a person's, wherever they belong; only the doors' functions see them",
    "recovery_codes": "a person's, wherever they belong; only the doors' functions see them",
    "sign_in_challenges": "before the tenant is known; only the doors' functions see them",
    "password_resets": "before the tenant is known; only the doors' functions see them",
    "procrastinate_events": "times of jobs; the app may add and never read",
    "procrastinate_periodic_defers": "the worker's own",
    "procrastinate_workers": "the worker's own heartbeats",
}
FURTHER_POLICIES = {  # beside tenant_isolation: (table, policy) -> the one role it is for
    ("organisations", "doors"): "cloister_doors",
    ("memberships", "doors"): "cloister_doors",
    ("sessions", "doors"): "cloister_doors",
    ("invitations", "doors"): "cloister_doors",
    ("api_tokens", "doors"): "cloister_doors",
    ("sign_ins", "doors"): "cloister_doors",  # failures, of whoever has the address; it may add and reads nothing
    ("sso_connections", "doors"): "cloister_doors",  # whose a connection is, and no more; the columns are granted one by one
    ("scim_tokens", "doors"): "cloister_doors",  # whose a token is, and no more; the columns are granted one by one
    ("sso_domains", "doors"): "cloister_doors",  # whose a domain is, so that it is nobody else's
    ("sso_links", "doors"): "cloister_doors",
    ("documents", "doors"): "cloister_doors",  # counts for the platform's operators; the columns are granted one by one
    ("messages", "doors"): "cloister_doors",
    ("data_keys", "doors"): "cloister_doors",  # the platform's wrapped keys, and nobody else's; and the end of all by two owners
    ("key_destructions", "doors"): "cloister_doors",  # what a second owner said, and nobody else
    ("key_encryption_keys", "doors"): "cloister_doors",
    ("key_rotations", "doors"): "cloister_doors",
    ("model_providers", "doors"): "cloister_doors",  # the platform's, and nobody else's
    ("provider_keys", "doors"): "cloister_doors",  # one of the platform's at a time, sealed
    ("provider_key_uses", "doors"): "cloister_doors",  # how often the platform's keys were used, summed
    ("provider_rules", "doors"): "cloister_doors",  # what operators said
    ("vector_indexes", "doors"): "cloister_doors",  # which model an index is built for
    ("audit_sinks", "doors"): "cloister_doors",  # how far streams are, in numbers; the columns are granted one by one
    ("audit_sink_cursors", "doors"): "cloister_doors",
    ("audit_sink_letters", "doors"): "cloister_doors",
    ("audit_heads", "doors"): "cloister_doors",
    ("audit_alarms", "doors"): "cloister_doors",  # how many there are, by what they are
    ("audit_log", "doors"): "cloister_doors",
    ("audit_inbox", "sealer"): "cloister_sealer",
    ("audit_log", "sealer"): "cloister_sealer",
    ("audit_nodes", "sealer"): "cloister_sealer",
    ("audit_heads", "sealer"): "cloister_sealer",
    ("audit_checkpoints", "sealer"): "cloister_sealer",
    ("audit_log_keys", "sealer"): "cloister_sealer",
    ("audit_cosignatures", "sealer"): "cloister_sealer",
    ("audit_time_stamps", "sealer"): "cloister_sealer",
    ("audit_anchors", "sealer"): "cloister_sealer",
    ("audit_epochs", "sealer"): "cloister_sealer",
    ("procrastinate_jobs", "worker"): "cloister_worker",
    ("queue_turns", "worker"): "cloister_worker",
}
ADD_ONLY = {  # policies of tables without a tenant that let a role add rows and see none
    ("procrastinate_events", "app_notes"): "cloister_app",
    ("procrastinate_events", "owner_notes"): "cloister_owner",
}
DOORS = {
    "add_factor", "close_challenge", "close_challenges_of", "close_password_resets", "email_of", "find_challenge", "confirm_factor", "consume_password_reset", "count_recovery_codes",
    "create_password_reset", "end_all_sessions", "find_password_reset", "list_factors", "open_challenge",
    "platform_overview", "remove_factor", "replace_recovery_codes", "resolve_api_token", "resolve_invitation",
    "suspend_organisation", "try_challenge", "use_factor", "use_recovery_code",
    "change_password", "claim_root_key", "count_passages", "root_key_is", "consume_setup_link", "count_failed_sign_ins", "count_organisations", "count_sign_in_failures", "create_setup_link",
    "create_user", "find_credentials", "find_user", "forget_sign_in_attempts", "list_memberships", "list_tenants", "models_in_use", "record_sign_in_attempt",
    "find_sign_on", "resolve_connection", "resolve_connection_link", "resolve_scim_token", "resolve_session", "sign_on_certificates", "unverify_domain", "verify_domain", "setup_link_is_open",
    "announce_root_key", "count_sealed_factors", "decide_key_destruction", "list_sealed_factors", "platform_data_key", "reseal_factor", "settle_root_key",
    "lend_shared_key", "list_own_keys", "set_own_keys", "shared_key_uses", "shared_providers",
    "due_streams", "log_alarms", "note_failed_sign_in", "own_stream_lags", "stream_lags", "stream_sums",
    "count_factors", "factors_by_place", "has_been_elsewhere", "note_plain_text", "password_now", "note_plain_text_wiped", "place_of_factor", "plain_text_state",
}  # fmt: skip
KEPT = {  # what proves something is added, and changed by nobody
    "access_review_decisions", "access_review_items", "audit_checkpoints", "audit_cosignatures", "audit_disclosures", "audit_epochs", "audit_heads",
    "audit_inbox", "audit_log", "audit_log_keys", "audit_nodes", "audit_time_stamps", "dlp_policies", "evidence_reports",
}  # fmt: skip
GLOBAL_UNIQUE = {
    "procrastinate_jobs": "the queue's own serial numbers",
    "sso_domains": "a verified domain is one organisation's; only the door verifies, and answers yes or no",
}
GLOBAL_TARGETS = {"users", "procrastinate_workers"}

Ask = Callable[..., list[Any]]


@dataclass(frozen=True)
class Isolation:
    """What was looked at, and every broken rule; none means isolated."""

    schema: str
    tables: int
    policies: int
    doors: int
    faults: tuple[str, ...]


def look(tx: Tx) -> Isolation:
    """Ask the database of this transaction."""
    connection = tx.connection()

    def ask(query: str, *values: object) -> list[Any]:
        return list(connection.exec_driver_sql(query, values))

    ((schema, tables, policies, doors),) = ask(_COUNTS)
    return Isolation(str(schema), tables, policies, doors, tuple(faults(ask)))


_COUNTS: Final = """
    SELECT (SELECT version_num FROM cloister.alembic_version), (SELECT count(*) FROM pg_class WHERE relnamespace = 'cloister'::regnamespace AND relkind IN ('r', 'p')),
           (SELECT count(*) FROM pg_policy),
           (SELECT count(*) FROM pg_proc WHERE pronamespace = 'cloister'::regnamespace AND prosecdef)"""


def faults(ask: Ask) -> list[str]:
    """Return every broken rule; none means isolated. `ask` takes a query of psycopg's form, and its values."""
    found = [*_roles(ask), *_functions(ask), *_views(ask), *_sequences(ask), *_database(ask), *shipped.faults(ask)]
    for table in ask(
        "SELECT oid, relname, relkind::text, relrowsecurity, relforcerowsecurity, pg_get_userbyid(relowner)::text "
        "FROM pg_class WHERE relnamespace IN ('cloister'::regnamespace, 'public'::regnamespace) AND relkind IN ('r','p','m','f') "
        "AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')"
    ):
        found += _table(ask, *table)
    return found


def _table(ask: Ask, oid: int, name: str, kind: str, enabled: bool, forced: bool, owner: str) -> Iterator[str]:
    if kind in {"m", "f"}:
        yield f"{name}: materialized views and foreign tables know no row security"
        return
    if owner != "cloister_owner":
        yield f"{name}: owned by {owner}"
    if name != "alembic_version" and not (enabled and forced):
        yield f"{name}: row security enabled={enabled} forced={forced}"
    column = ask(
        "SELECT atttypid::regtype::text, attnotnull FROM pg_attribute WHERE attrelid=%s AND attname='tenant_id'", oid
    )
    if name not in NO_TENANT_COLUMN and column != [("uuid", True)]:
        yield f"{name}: no tenant_id uuid NOT NULL"
    yield from _policies(ask, oid, name)
    if name not in NO_TENANT_COLUMN:
        yield from _keys(ask, oid, name)
    yield from _grants(ask, oid, name)


def _grants(ask: Ask, oid: int, name: str) -> Iterator[str]:
    for grantee, right in ask(
        "SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END, privilege_type "
        "FROM pg_class, aclexplode(relacl) WHERE oid=%s AND grantee <> relowner", oid
    ):  # fmt: skip
        if grantee == "PUBLIC" or right in {"TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"}:
            yield f"{name}: {grantee} has {right}"
        if grantee == "cloister_backup" and right != "SELECT":
            yield f"{name}: backup may {right}"
    if name in KEPT:
        for grantee, right in ask(
            "SELECT pg_get_userbyid(grantee), privilege_type FROM pg_class, aclexplode(relacl) WHERE oid=%s UNION "
            "SELECT pg_get_userbyid(grantee), privilege_type FROM pg_attribute, aclexplode(attacl) WHERE attrelid=%s", oid, oid
        ):  # fmt: skip
            may = {"audit_inbox": {"DELETE"}, "audit_heads": {"UPDATE"}}.get(name, set())
            allowed = grantee == "cloister_owner" or (grantee == "cloister_sealer" and right in may)
            if right in {"UPDATE", "DELETE"} and not allowed:
                yield f"{name}: {grantee} may {right} audit entries"


def _policies(ask: Ask, oid: int, name: str) -> Iterator[str]:
    policies = ask(
        "SELECT polname, polcmd::text, ARRAY(SELECT CASE r WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(r) END FROM unnest(polroles) r), "
        "pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid), polpermissive FROM pg_policy WHERE polrelid=%s", oid
    )  # fmt: skip
    isolating = 0
    for policy, command, roles, using, check, is_permissive in policies:
        if policy == "tenant_isolation":
            isolating += 1
            if (command, roles, using, check, is_permissive) != ("*", ["PUBLIC"], CANONICAL, CANONICAL, True):
                yield f"{name}: policy {policy} is not the canonical one: {using} / {check}"
        elif name in NO_TENANT_COLUMN:
            adds_only = command == "a" and [ADD_ONLY.get((name, policy))] == roles
            if roles not in (["cloister_doors"], ["cloister_worker"]) and not adds_only:
                yield f"{name}: policy {policy} opens the table to {roles}"
        elif [FURTHER_POLICIES.get((name, policy))] != roles:
            yield f"{name}: policy {policy} widens access to {roles}"
    if name not in NO_TENANT_COLUMN and isolating != 1:
        yield f"{name}: {isolating} tenant policies"


def _keys(ask: Ask, oid: int, name: str) -> Iterator[str]:
    if name not in GLOBAL_UNIQUE:
        for index, columns in ask(
            "SELECT indexrelid::regclass::text, ARRAY(SELECT attname::text FROM unnest(indkey::int2[]) k JOIN pg_attribute ON attrelid=indrelid AND attnum=k) "
            "FROM pg_index WHERE indrelid=%s AND indisunique", oid
        ):  # fmt: skip
            if "tenant_id" not in columns:
                yield f"{name}: unique {index} tells of other tenants' rows"
    for constraint, columns, target in ask(
        "SELECT conname, ARRAY(SELECT attname::text FROM unnest(conkey) k JOIN pg_attribute ON attrelid=conrelid AND attnum=k), confrelid::regclass::text "
        "FROM pg_constraint WHERE conrelid=%s AND contype='f'", oid
    ):  # fmt: skip
        if target.split(".")[-1] not in GLOBAL_TARGETS and "tenant_id" not in columns:
            yield f"{name}: foreign key {constraint} reaches into other tenants"


def _roles(ask: Ask) -> Iterator[str]:
    for name, superuser, bypass, createrole, createdb, replication in ask(
        "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication FROM pg_roles WHERE starts_with(rolname, 'cloister_') AND rolname <> 'cloister_boot'"
    ):  # fmt: skip
        if superuser or createrole or createdb or replication or (bypass and name != "cloister_backup"):
            yield f"role {name}: dangerous attribute"
    for member, role in ask("SELECT pg_get_userbyid(member)::text, pg_get_userbyid(roleid)::text FROM pg_auth_members"):
        allowed = {("cloister_migrator", "cloister_owner"), ("cloister_owner", "cloister_doors")}
        if member.startswith("cloister_") and (member, role) not in allowed:
            yield f"role {member}: member of {role}"
    for (name,) in ask(
        "SELECT rolname FROM pg_roles WHERE rolname IN ('cloister_owner', 'cloister_doors') AND rolcanlogin"
    ):
        yield f"role {name}: may sign in"


def _functions(ask: Ask) -> Iterator[str]:
    for signature, name, owner, settings, is_public in ask(
        "SELECT p.oid::regprocedure::text, proname, pg_get_userbyid(proowner)::text, coalesce(proconfig::text, ''), "
        "proacl IS NULL OR EXISTS (SELECT FROM aclexplode(proacl) WHERE grantee = 0) FROM pg_proc p "
        "WHERE pronamespace IN ('cloister'::regnamespace, 'public'::regnamespace) AND prosecdef"
    ):
        if name not in DOORS or owner != "cloister_doors":
            yield f"function {signature}: SECURITY DEFINER and not a door"
        if "search_path=cloister" not in settings:
            yield f"function {signature}: no fixed search_path"
        if is_public:
            yield f"function {signature}: PUBLIC may call it"
    for role in RUNTIME:
        for function in ("set_config(text,text,boolean)", "lo_create(oid)", "lo_get(oid)"):
            if ask(f"SELECT has_function_privilege(%s, 'pg_catalog.{function}', 'EXECUTE')", role) == [(True,)]:
                yield f"role {role}: may call {function}"


def _views(ask: Ask) -> Iterator[str]:
    for name, options in ask(
        "SELECT relname, coalesce(reloptions::text, '') FROM pg_class WHERE relkind='v' AND relnamespace IN ('cloister'::regnamespace, 'public'::regnamespace)"
    ):
        if "security_invoker=true" not in options:
            yield f"view {name}: not security_invoker"


def _sequences(ask: Ask) -> Iterator[str]:
    for name, grantee, right in ask(
        "SELECT relname, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END, privilege_type "
        "FROM pg_class, aclexplode(relacl) WHERE relkind='S' AND relnamespace='cloister'::regnamespace AND grantee <> relowner"
    ):
        if grantee == "PUBLIC" or right == "UPDATE" or (right == "SELECT" and grantee != "cloister_backup"):
            yield f"sequence {name}: {grantee} has {right}"


def _database(ask: Ask) -> Iterator[str]:
    for right in ("CREATE", "TEMPORARY"):
        for role in RUNTIME:
            if ask("SELECT has_database_privilege(%s, current_database(), %s)", role, right) == [(True,)]:
                yield f"role {role}: may {right} in the database"
    for schema in ("public", "cloister"):
        for role in RUNTIME:
            if ask("SELECT has_schema_privilege(%s, %s, 'CREATE')", role, schema) == [(True,)]:
                yield f"role {role}: may create in schema {schema}"
