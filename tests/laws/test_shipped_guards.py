"""A law: what the database does by itself is what was shipped; what somebody changed there by hand is found."""

import pytest

from appliance.evidence.shipped import GUARDS, digests
from tests.support.catalogue import faults
from tests.support.house import Server

PLANTED = {
    "a guard dropped": ("DROP TRIGGER append_only ON audit_log", "audit_log: trigger append_only is missing"),
    "a guard disabled": ("ALTER TABLE audit_log DISABLE TRIGGER append_only", "audit_log: trigger append_only is off"),
    "a guard for replicas alone": (
        "ALTER TABLE audit_inbox ENABLE REPLICA TRIGGER append_only", "audit_inbox: trigger append_only is off"
    ),
    "a guard narrowed": (
        "DROP TRIGGER append_only ON audit_log; CREATE TRIGGER append_only BEFORE UPDATE ON audit_log EXECUTE FUNCTION refuse_change()",
        "audit_log: trigger append_only is off, or another",
    ),
    "a guard with a condition": (
        ("DROP TRIGGER never_removed ON audit_heads; CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE ON audit_heads "
        "FOR EACH STATEMENT WHEN (current_user = 'nobody') EXECUTE FUNCTION refuse_change()"),
        "audit_heads: trigger never_removed is off, or another",
    ),
    "a guard emptied": (
        ("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = cloister, pg_temp AS "
        "'BEGIN RETURN NULL; END'"),
        "function refuse_change(): its body is not the shipped one",
    ),
    "a door altered": ("", "its body is not the shipped one"),  # the statement is made of what is there
    "a function of somebody": (
        "CREATE FUNCTION cloister.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'", "function mine(): not shipped with this version"
    ),
    "a trigger of somebody": (
        "CREATE TRIGGER copies BEFORE UPDATE ON documents FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
        "documents: trigger copies is not ours",
    ),
    "a rule that swallows entries": (
        "CREATE RULE swallow AS ON INSERT TO audit_inbox DO INSTEAD NOTHING", "audit_inbox: rule swallow stands before"
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", PLANTED, ids=str)
def test_it_finds_each_planted_fault(server: Server, database: str, fault: str) -> None:
    statement, expected = PLANTED[fault]
    with server.connect("boot", database) as boot:
        boot.execute("SET search_path = cloister, public")
        if fault == "a door altered":
            (signature,) = boot.execute("SELECT pg_get_functiondef('email_of'::regproc)").fetchone() or ("",)
            statement = str(signature).replace("SELECT", "SELECT 1; SELECT", 1)
        boot.execute(statement)

        found = faults(boot)

    assert any(expected in line for line in found), found


def test_the_newest_definition_counts() -> None:
    assert len(digests()) > 50
    assert {function for function, _ in GUARDS.values()} <= set(digests())
