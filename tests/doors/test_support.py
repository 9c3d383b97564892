"""An operator of the platform in an organisation: let in by an owner, for hours, seen by all, and otherwise not at all."""

import pytest
from flask import Flask

from appliance import identity
from appliance.identity import Role
from appliance.identity.entry_errors import OperatorNotFound
from appliance.identity.errors import Forbidden, RoleMisplaced, StepUpRequired
from appliance.identity.support import SupportLevel
from tests.support.house import House, Member
from tests.support.roles import enters, inside, lets_in
from tests.support.site import Browser

CANARY = "harrow-canary: the merger with Tarn is planned for June."


@pytest.fixture
def olga(house: House) -> Member:
    return house.operator("olga@host.example")


@pytest.fixture
def at_olga(site: Flask, olga: Member) -> Browser:
    browser = Browser(site)
    assert browser.signs_in(olga).status_code == 303
    return browser


def grants(browser: Browser, email: str = "olga@host.example", **form: str) -> int:
    given = {"email": email, "level": "read", "hours": "4", "reason": "Uploads fail"} | form
    return browser.posts("/support", **given).status_code


def test_an_operator_sees_content_only_while_an_owner_lets_them(
    house: House, ada: Member, at_ada: Browser, at_olga: Browser
) -> None:
    document = ada.reads_in("harrow-canary.txt", CANARY)
    assert enters(at_olga, ada) == 404
    assert grants(at_ada) == 303
    assert "let into your organisation until" in at_ada.gets("/documents").text

    assert enters(at_olga, ada) == 303
    assert "harrow-canary" in at_olga.gets("/documents").text
    assert at_olga.gets(f"/documents/{document.document_id}").status_code == 200
    assert at_olga.posts(f"/documents/{document.document_id}/deletion").status_code == 403
    for path in ("/chat", "/reviews", "/settings", "/tokens"):
        assert at_olga.gets(path).status_code == 403, path
    assert at_olga.posts("/people/invitations", email="x@y.example", role="member").status_code == 403

    house.seals()
    log = at_ada.gets("/audit").text
    assert "identity:support:acted" in log
    with house.server.connect("boot", house.database) as boot:
        rows = boot.execute(
            "SELECT convert_from(body, 'UTF8')::jsonb FROM cloister.audit_log WHERE event = 'identity:support:acted'"
            " ORDER BY position"
        ).fetchall()
    paths = [row[0]["facts"]["path"] for row in rows]  # type: ignore[index]
    assert f"/documents/{document.document_id}" in paths
    assert {row[0]["actor"]["kind"] for row in rows} == {"operator"}  # type: ignore[index]


def test_it_ends_by_itself_and_at_once_when_it_is_ended(
    site: Flask, house: House, ada: Member, olga: Member, at_ada: Browser, at_olga: Browser
) -> None:
    grant = lets_in(ada, olga, SupportLevel.ADMIN)
    assert enters(at_olga, ada) == 303
    assert at_olga.gets("/documents").status_code == 200
    assert at_ada.posts(f"/support/{grant.grant_id}/end").status_code == 303
    assert at_olga.gets("/documents").headers["Location"].startswith("/sign-in")
    assert "let into your organisation" not in at_ada.gets("/documents").text
    assert at_ada.posts(f"/support/{grant.grant_id}/end").status_code == 404

    lets_in(ada, olga, hours=2)
    assert Browser.signs_in(at_olga, olga).status_code == 303
    assert enters(at_olga, ada) == 303
    house.clock.passes(hours=2, minutes=1)
    assert at_olga.gets("/documents").headers["Location"].startswith("/sign-in")
    with house.worker.db.tenant(ada.tenant_id) as tx:
        assert identity.end_expired(tx, clock=house.clock) == [olga.caller.user_id]


def test_only_an_owner_lets_in_at_a_browser_and_after_a_proof(
    site: Flask, house: House, ada: Member, olga: Member, at_ada: Browser, bo: Member
) -> None:
    admin = ada.adds("adam@harrow.example", Role.ADMIN)
    at_admin = Browser(site)
    at_admin.signs_in(admin)
    assert grants(at_admin) == 403
    for form in ({"hours": "73"}, {"hours": "0"}, {"reason": " "}, {"level": "all"}):
        assert grants(at_ada, **form) == 422, form
    assert grants(at_ada, email="bo@birch.example") == 422  # no operator; said in the words of an unknown one
    assert grants(at_ada, email="nobody@host.example") == 422
    house.clock.passes(minutes=11)
    assert grants(at_ada) == 403
    from dataclasses import replace

    from appliance.audit import ActorKind

    for caller, refusal in (
        (replace(ada.caller, is_recent=False), StepUpRequired),
        (replace(ada.caller, kind=ActorKind.OPERATOR), Forbidden),  # the console is the operator's own
        (olga.caller, Forbidden),
    ):
        with pytest.raises(refusal):
            lets_in(Member(house, caller), olga)


def test_who_was_let_in_is_given_nothing_that_stays(house: House, ada: Member, olga: Member) -> None:
    lets_in(ada, olga, SupportLevel.ADMIN)
    operator = inside(ada, olga)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        with pytest.raises(RoleMisplaced):
            identity.change_role(tx, ada.caller, operator.caller.user_id, role=Role.ADMIN)
        with pytest.raises(OperatorNotFound):
            lets_in(ada, olga)
        assert [one.email for one in identity.list_addressees(tx, identity.Permission.DOCUMENT_APPROVE)] == [
            "ada@harrow.example"
        ]
        identity.remove_member(tx, ada.caller, operator.caller.user_id, clock=house.clock)
        with pytest.raises(RoleMisplaced):
            identity.restore_member(tx, ada.caller, operator.caller.user_id, clock=house.clock)


def test_one_organisations_grant_opens_no_other(at_olga: Browser, ada: Member, bo: Member, olga: Member) -> None:
    lets_in(ada, olga)
    assert enters(at_olga, bo) == 404
    assert enters(at_olga, ada) == 303
    assert enters(at_olga, bo) == 404
