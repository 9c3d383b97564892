"""An organisation's own rules, from what an administrator writes to what is found: real rows, real keys."""

import json
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from appliance import dlp
from appliance.dlp import Category, Finding
from appliance.dlp.own import flow
from appliance.dlp.own.allowances import AllowanceForm, allow, end_allowance, list_allowances
from appliance.dlp.own.errors import AllowanceMalformed, AllowanceNotFound, OwnListNotFound, TermsMalformed
from appliance.dlp.own.exact_values import Values, read_digests, read_values
from appliance.dlp.own.expressions import read_expression
from appliance.dlp.own.flow import write_exact
from appliance.dlp.own.service import Named, get_list, list_lists, remove_list, set_dictionary, set_exact, set_pattern
from appliance.dlp.own.words import digest
from appliance.identity import Forbidden, Role
from appliance.kernel.ids import new_id
from appliance.kernel.sealing import IntegrityError
from tests.support.house import House, Member

ENGINE = dlp.Engine()
PROJECTS = Named("projects", Category.MARKING)


def version_of(member: Member) -> int:
    with member.services.db.tenant(member.tenant_id) as tx:
        return dlp.own_rules(tx).version


def finds(member: Member, said: str) -> list[Finding]:
    with member.services.db.tenant(member.tenant_id) as tx:
        own = dlp.own_rules(tx)
    return ENGINE.inspect(said, own=own)


def names_projects(member: Member, *terms: str) -> None:
    with member.services.db.tenant(member.tenant_id) as tx:
        set_dictionary(tx, member.caller, PROJECTS, terms or ("Phoenix",), clock=member.house.clock)


def test_who_has_said_nothing_has_version_nought_and_no_rules(ada: Member) -> None:
    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert dlp.own_rules(tx) == dlp.NOTHING
    assert version_of(ada) == 0


def test_a_term_is_found_from_the_next_text_on_and_by_nobody_else(ada: Member, bo: Member) -> None:
    names_projects(ada)
    first = version_of(ada)

    (found,) = finds(ada, "The phoenix plan.")
    assert (found.category, found.rule) == (Category.MARKING, "own/dictionary/projects")
    assert finds(bo, "The phoenix plan.") == []
    names_projects(ada, "Griffin")
    assert finds(ada, "The phoenix plan.") == []
    assert version_of(ada) > first


def test_nothing_of_a_list_stands_in_the_database_or_the_log_in_the_clear(house: House, ada: Member) -> None:
    names_projects(ada, "Zanzibar Ledger")
    values = read_values(b"Quentin Oyelaran\nMN-771204\n")
    write_exact(house.app.db, ada.caller, Named("members", Category.OWN), values, clock=house.clock)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        set_pattern(tx, ada.caller, Named("orders", Category.OWN), read_expression("XQ-[0-9]{5}"), clock=house.clock)
        form = AllowanceForm("it is public", house.clock.now() + timedelta(days=30), value="Quentin Oyelaran")
        allow(tx, ada.caller, form, clock=house.clock)
    with house.server.connect("boot", house.database) as boot:
        rows = boot.execute("SELECT row_to_json(one)::text FROM cloister.dlp_own_lists one").fetchall()
        rows += boot.execute("SELECT row_to_json(one)::text FROM cloister.dlp_allowances one").fetchall()
        rows += boot.execute("SELECT convert_from(body, 'UTF8') FROM cloister.audit_inbox").fetchall()
    kept = "".join(str(row[0]) for row in rows)
    for value in ("Zanzibar", "Oyelaran", "771204", "XQ-"):
        assert value not in kept
        assert value.encode().hex() not in kept
    assert "dlp:own_list:set" in kept


def test_exact_values_are_found_however_they_are_written(house: House, ada: Member) -> None:
    rows = "first,last,member\nMaría,Núñez Ortega,4711-0815-99\nBob,Lee,4711-0815-98\n".encode()
    values = read_values(rows, columns="first+last, member")
    write_exact(house.app.db, ada.caller, Named("members", Category.OWN), values, clock=house.clock)
    said = "Maria NUNEZ Ortega; 4711081599; 4711 0815 98, Robert Lee, 4711-0815-97"

    found = [said[one.start : one.end] for one in finds(ada, said) if one.rule == "own/exact/members"]
    assert found == ["Maria NUNEZ Ortega", "4711081599", "4711 0815 98"]


def test_nobody_waits_while_values_are_digested(house: House, ada: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    made = flow.digested

    def meanwhile(values: Values, key: bytes) -> Values:
        names_projects(ada, "Griffin")  # it takes the turn of everybody who writes own rules
        return made(values, key)

    monkeypatch.setattr(flow, "digested", meanwhile)
    write_exact(house.app.db, ada.caller, Named("members", Category.OWN), read_values(b"MN-771204\n"), clock=house.clock)
    assert {one.rule for one in finds(ada, "Griffin is MN-771204")} == {"own/dictionary/projects", "own/exact/members"}


def test_digests_that_were_made_elsewhere_match_without_their_values(house: House, ada: Member) -> None:
    salt = "a salt of their own, kept there"
    said = bytes.fromhex("00" * 32).hex() + "\n" + _digest_elsewhere(salt, "mn771204") + "\n"
    with ada.services.db.tenant(ada.tenant_id) as tx:
        set_exact(tx, ada.caller, Named("hashed", Category.HEALTH_ID), read_digests(said.encode(), salt=salt), clock=house.clock)

    (found,) = finds(ada, "Member MN-771204.")
    assert (found.rule, found.category) == ("own/exact/hashed", Category.HEALTH_ID)


def _digest_elsewhere(salt: str, canonical: str) -> str:
    import hashlib
    import hmac

    assert digest(salt.encode(), canonical) == hmac.new(salt.encode(), canonical.encode(), hashlib.sha256).digest()[:16]
    return hmac.new(salt.encode(), canonical.encode(), hashlib.sha256).hexdigest()


def test_what_is_allowed_is_told_again_when_its_time_is_over(house: House, ada: Member) -> None:
    said = "Write to press@harrow.example or to kim@harrow.example."
    with ada.services.db.tenant(ada.tenant_id) as tx:
        form = AllowanceForm("on our web site", house.clock.now() + timedelta(days=30), value="Press@Harrow.example")
        allow(tx, ada.caller, form, clock=house.clock)
    before = version_of(ada)

    assert [said[one.start : one.end] for one in finds(ada, said)] == ["kim@harrow.example"]
    house.clock.passes(days=31)
    assert [said[one.start : one.end] for one in finds(ada, said)] == ["press@harrow.example", "kim@harrow.example"]
    assert version_of(ada) > before


def test_no_allowance_lowers_the_floor(house: House, ada: Member) -> None:
    until = house.clock.now() + timedelta(days=30)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        for form in (
            AllowanceForm("x", until, value="4111 1111 1111 1111"),
            AllowanceForm("x", until, rule="card/pan/2"),
            AllowanceForm("x", until, value="Card 4111 1111 1111 1111 of Kim"),
        ):
            allow(tx, ada.caller, form, clock=house.clock)
    names_projects(ada, "4111 1111 1111 1111", "card 4111 1111 1111 1111")

    assert Category.PAYMENT_CARD in {one.category for one in finds(ada, "Card 4111 1111 1111 1111 of Kim")}


def test_an_allowance_for_a_document_holds_there_alone_and_whoever_releases_documents_may_give_it(house: House, ada: Member) -> None:
    document = new_id()
    with ada.services.db.tenant(ada.tenant_id) as tx:
        form = AllowanceForm("a price list", house.clock.now() + timedelta(days=9), rule="email/1", document_id=document)
        given = allow(tx, ada.caller, form, clock=house.clock)
        own = dlp.own_rules(tx)
    said = "kim@harrow.example"

    assert ENGINE.inspect(said, own=own.about(document_id=document)) == []
    assert len(ENGINE.inspect(said, own=own)) == len(ENGINE.inspect(said, own=own.about(document_id=new_id()))) == 1
    with ada.services.db.tenant(ada.tenant_id) as tx:
        end_allowance(tx, ada.caller, given.allowance_id, clock=house.clock)
        assert list_allowances(tx, ada.caller, clock=house.clock) == []
        with pytest.raises(AllowanceNotFound):
            end_allowance(tx, ada.caller, given.allowance_id, clock=house.clock)
        own = dlp.own_rules(tx)
    assert len(ENGINE.inspect(said, own=own.about(document_id=document))) == 1


def test_an_allowance_has_a_reason_an_end_and_something_that_it_is_about(house: House, ada: Member) -> None:
    now = house.clock.now()
    wrong = [
        AllowanceForm("", now + timedelta(days=1), rule="email/1"), AllowanceForm("x", now, rule="email/1"),
        AllowanceForm("x", now + timedelta(days=400), rule="email/1"), AllowanceForm("x", now + timedelta(days=1)),
        AllowanceForm("x", now + timedelta(days=1), value="…"),
    ]  # fmt: skip
    with ada.services.db.tenant(ada.tenant_id) as tx:
        for form in wrong:
            with pytest.raises(AllowanceMalformed):
                allow(tx, ada.caller, form, clock=house.clock)


def test_who_is_no_administrator_reads_and_writes_none_of_it(ada: Member) -> None:
    eve = ada.adds("eve@harrow.example", Role.MEMBER)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        for attempt in (
            lambda: list_lists(tx, eve.caller),
            lambda: set_dictionary(tx, eve.caller, PROJECTS, ["x y"], clock=ada.house.clock),
            lambda: remove_list(tx, eve.caller, new_id()),
        ):
            with pytest.raises(Forbidden):
                attempt()


def test_a_list_of_one_kind_cannot_be_made_into_another_nor_moved(house: House, ada: Member, bo: Member) -> None:
    names_projects(ada)
    with house.server.connect("boot", house.database) as boot:
        boot.execute("UPDATE cloister.dlp_own_lists SET kind = 'pattern'")
        boot.execute("UPDATE cloister.dlp_own_rules SET version = version + 1")
    with ada.services.db.tenant(ada.tenant_id) as tx, pytest.raises(IntegrityError):
        dlp.own_rules(tx)
    with bo.services.db.tenant(bo.tenant_id) as tx, pytest.raises(OwnListNotFound):
        get_list(tx, bo.caller, _only_list(house))


def _only_list(house: House) -> UUID:
    with house.server.connect("boot", house.database) as boot:
        (found,) = boot.execute("SELECT list_id FROM cloister.dlp_own_lists").fetchall()
    return UUID(str(found[0]))


def test_a_wrong_term_is_named_by_its_line(ada: Member) -> None:
    with ada.services.db.tenant(ada.tenant_id) as tx:
        for terms, line in ((["fine", "x"], 2), (["..."], 1), ([], 1), (["fine"] * 3 + ["y" * 201], 4)):
            with pytest.raises(TermsMalformed) as refused:
                set_dictionary(tx, ada.caller, PROJECTS, terms, clock=ada.house.clock)
            assert f"Line {line} " in str(refused.value)


def test_what_was_done_is_on_record_by_name_and_number(ada: Member) -> None:
    names_projects(ada, "Phoenix", "Griffin", "phoenix")
    with ada.services.db.tenant(ada.tenant_id) as tx:
        body = tx.scalars(text("SELECT convert_from(body, 'UTF8') FROM audit_inbox ORDER BY event_id DESC LIMIT 1")).one()
    told = json.loads(body)
    assert told["event"] == "dlp:own_list:set"
    assert told["facts"] == {"kind": "dictionary", "name": "projects", "category": "confidential marking", "entries": 3}
