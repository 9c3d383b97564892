"""An auditor's access that ends by itself."""

from datetime import timedelta

import pytest
from flask import Flask

from appliance import audit, identity
from appliance.audit import EntryFilter, Event
from appliance.identity import Role, Scope
from appliance.identity.errors import AccessEnded, AccessEndMalformed
from appliance.identity.invitations import Acceptance, InvitationForm
from appliance.identity.sessions import caller_of
from tests.support.house import PASSWORD, House, Member
from tests.support.program import Program
from tests.support.site import Browser


def invites(ada: Member, *, days: float, role: Role = Role.AUDITOR) -> Member:
    house, until = ada.house, ada.house.clock.now() + timedelta(days=days)
    with house.app.db.tenant(ada.tenant_id) as tx:
        form = InvitationForm("aud@kpm.example", role, access_until=until)
        invited = identity.invite(tx, ada.caller, form, clock=house.clock)
    acceptance = Acceptance("Aud", PASSWORD)
    _, user_id = identity.accept(
        house.app.db, invited.token, acceptance, address="t", request_id="t", clock=house.clock
    )
    with house.app.db.tenant(ada.tenant_id) as tx:
        return Member(house, caller_of(tx, user_id))


def ends(house: House, member: Member) -> list[str]:
    with house.worker.db.tenant(member.tenant_id) as tx:
        return [str(one) for one in identity.end_expired(tx, clock=house.clock)]


def test_an_auditors_access_ends_at_the_next_request_and_the_worker_removes_them(
    site: Flask, house: House, ada: Member
) -> None:
    aud, browser = invites(ada, days=3), Browser(site)
    program = Program(site, aud, [Scope.AUDIT_READ])
    assert browser.signs_in(aud).status_code == 303
    house.clock.passes(days=2.99)
    assert browser.signs_in(aud).status_code == 303
    assert browser.gets("/audit").status_code == program.gets("/audit/entries").status_code == 200
    assert ends(house, aud) == []

    house.clock.passes(days=0.02)

    assert browser.gets("/audit").headers["Location"].startswith("/sign-in")
    assert program.gets("/audit/entries").status_code == 401
    assert ends(house, aud) == [str(aud.caller.user_id)]
    assert ends(house, aud) == []
    assert browser.signs_in(aud).status_code != 303
    with house.app.db.tenant(ada.tenant_id) as tx:
        (entry,) = audit.list_entries(tx, EntryFilter(Event.MEMBER_EXPIRED))
        assert entry.subject == str(aud.caller.user_id)
        with pytest.raises(AccessEnded):
            identity.restore_member(tx, ada.caller, aud.caller.user_id, clock=house.clock)


def test_they_can_be_invited_again_and_another_role_lifts_the_end(house: House, ada: Member) -> None:
    aud = invites(ada, days=1)
    house.clock.passes(days=1.1)
    ends(house, aud)
    with house.app.db.tenant(ada.tenant_id) as tx:
        until = house.clock.now() + timedelta(days=5)
        form = InvitationForm("aud@kpm.example", Role.AUDITOR, access_until=until)
        invited = identity.invite(tx, ada.caller, form, clock=house.clock)
    again = Acceptance("Aud", user_id=aud.caller.user_id)
    identity.accept(house.app.db, invited.token, again, address="t", request_id="t", clock=house.clock)
    with house.app.db.tenant(ada.tenant_id) as tx:
        assert identity.get_person(tx, ada.caller, aud.caller.user_id).access_until == until
        identity.change_role(tx, ada.caller, aud.caller.user_id, role=Role.MEMBER)
        assert identity.get_person(tx, ada.caller, aud.caller.user_id).access_until is None
    house.clock.passes(days=6)
    assert ends(house, aud) == []


@pytest.mark.parametrize(("days", "role"), [(3, Role.MEMBER), (3, Role.OWNER), (-1, Role.AUDITOR), (900, Role.AUDITOR)])
def test_only_an_auditors_access_can_end_and_on_a_day_to_come(ada: Member, days: float, role: Role) -> None:
    with pytest.raises(AccessEndMalformed):
        invites(ada, days=days, role=role)


def test_an_invitation_is_worth_nothing_after_its_access_has_ended(house: House, ada: Member) -> None:
    until = house.clock.now() + timedelta(hours=5)
    with house.app.db.tenant(ada.tenant_id) as tx:
        form = InvitationForm("aud@kpm.example", Role.AUDITOR, access_until=until)
        invited = identity.invite(tx, ada.caller, form, clock=house.clock)
    house.clock.passes(hours=6)
    with pytest.raises(identity.errors.InvitationClosed):
        identity.find_offer(house.app.db, invited.token, clock=house.clock)


def test_the_page_of_people_says_when_access_ends(house: House, ada: Member, at_ada: Browser) -> None:
    day = (house.clock.now() + timedelta(days=10)).date()
    assert at_ada.posts("/people/invitations", email="a@kpm.example", role="member", access_until=str(day)).status_code == 422
    sent = at_ada.posts("/people/invitations", email="a@kpm.example", role="auditor", access_until=str(day))
    assert sent.status_code == 200
    following = day + timedelta(days=1)
    assert f"access ends {following} 00:00" in at_ada.gets("/people").text
