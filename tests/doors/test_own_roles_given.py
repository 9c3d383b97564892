"""An organisation's own roles by invitation, to programs' accounts and by a provider's groups: never above the giver."""

import re

import pytest
from flask import Flask

from appliance import identity
from appliance.identity import Forbidden, Permission, Role
from appliance.identity.custom_roles import delete_role
from appliance.identity.entry_errors import CustomRoleInUse
from appliance.identity.invitations import Acceptance, InvitationForm
from appliance.identity.permissions import held
from appliance.identity.sessions import caller_of
from tests.support.house import PASSWORD, House, Member
from tests.support.product import csrf
from tests.support.program import Program
from tests.support.provisioning import provisions
from tests.support.roles import makes_role, with_role
from tests.support.sign_on import SignOn, connects, owns_domain
from tests.support.site import Browser

P = Permission
HELPDESK = (P.PEOPLE_READ, P.PEOPLE_CHANGE, P.SERVICE_ACCOUNT_CHANGE, P.TOKEN_CREATE)


@pytest.fixture
def idp(ada: Member) -> SignOn:
    owns_domain(ada, "harrow.example")
    return connects(ada).opens()


def test_somebody_is_invited_to_it_at_the_page(site: Flask, at_ada: Browser, ada: Member) -> None:
    role = makes_role(ada, "Archive", [P.DOCUMENT_READ])
    assert "Archive" in at_ada.gets("/people").text
    page = at_ada.posts("/people/invitations", email="eve@harrow.example", role=str(role.role_id)).text
    link = re.search(r"/join\?link=[\w-]+", page)
    assert link is not None
    assert "Archive" in at_ada.gets("/people").text.partition("eve@harrow.example")[2][:200]
    with ada.services.db.tenant(ada.tenant_id) as tx, pytest.raises(CustomRoleInUse):
        delete_role(tx, ada.caller, role.role_id)
    eve = Browser(site)
    shown = eve.gets(link[0]).text
    assert "Archive" in shown
    form = {"name": "Eve", "password": PASSWORD, "again": PASSWORD, "csrf": csrf(shown), "link": link[0].partition("=")[2]}
    assert eve.client.post("/join", data=form).status_code == 303
    assert (eve.gets("/documents").status_code, eve.gets("/chat").status_code) == (200, 403)


def test_a_role_of_ones_own_that_the_role_named_does_not_have_is_not_passed_over(site: Flask, ada: Member) -> None:
    """`appliance user change-role --custom-role-id …` of a member said "Done." and did nothing."""
    role = makes_role(ada, "Reader", [P.DOCUMENT_READ])
    mia, program = ada.adds("mia@harrow.example", Role.MEMBER), Program(site, ada)
    path, own = f"/people/{mia.caller.user_id}/role", {"custom_role_id": str(role.role_id)}
    for method, place, form in (("PUT", path, {"role": "member"}), ("POST", "/invitations", {"role": "member", "email": "x@harrow.example"})):
        refused = program.asks(method, place, form | own)
        assert (refused.status_code, refused.get_json()["code"]) == (422, "role_misplaced"), place
    assert program.asks("PUT", path, {"role": "custom"} | own).status_code == 204
    assert program.asks("PUT", path, {"role": "member"} | own).status_code == 204  # as the console says what stays


def test_nobody_invites_to_more_than_they_may(ada: Member, house: House) -> None:
    helpdesk = with_role(ada, "eve@harrow.example", makes_role(ada, "Helpdesk", HELPDESK))
    wide = makes_role(ada, "Wide", [P.SETTINGS_CHANGE])
    narrow = makes_role(ada, "Narrow", [P.PEOPLE_READ])
    with ada.services.db.tenant(ada.tenant_id) as tx:
        form = InvitationForm("x@harrow.example", Role.CUSTOM, custom_role_id=wide.role_id)
        with pytest.raises(Forbidden):
            identity.invite(tx, helpdesk.caller, form, clock=house.clock)
        with pytest.raises(Forbidden):
            identity.create_service_account(
                tx, helpdesk.caller, name="r", role=Role.CUSTOM, custom_role_id=wide.role_id, clock=house.clock
            )
        form = InvitationForm("x@harrow.example", Role.CUSTOM, custom_role_id=narrow.role_id)
        invited = identity.invite(tx, helpdesk.caller, form, clock=house.clock)
        account = identity.create_service_account(
            tx, helpdesk.caller, name="r", role=Role.CUSTOM, custom_role_id=narrow.role_id, clock=house.clock
        )
        assert held(caller_of(tx, account)) == {P.PEOPLE_READ}
    _, user_id = identity.accept(
        house.app.db, invited.token, Acceptance("X", PASSWORD), address="a", request_id="r", clock=house.clock
    )
    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert held(caller_of(tx, user_id)) == {P.PEOPLE_READ}


def test_a_programs_account_has_it_from_the_page(at_ada: Browser, ada: Member) -> None:
    role = makes_role(ada, "Archive", [P.DOCUMENT_READ])
    assert at_ada.posts("/tokens/service-accounts", name="robot", role=str(role.role_id)).status_code == 303
    assert "robot (Archive)" in at_ada.gets("/tokens").text


def test_a_group_of_the_provider_gives_it_and_takes_it(at_ada: Browser, idp: SignOn, ada: Member) -> None:
    archive, broad = makes_role(ada, "Archive", [P.DOCUMENT_READ]), makes_role(ada, "Broad", [P.DOCUMENT_ADD])
    place = f"/sign-on/{idp.connection_id}"
    assert at_ada.posts(f"{place}/mappings", said="cn=archive", gives=f"own:{archive.role_id}").status_code == 303
    assert "role Archive" in at_ada.gets(place).text
    for said, role in (("cn=broad", broad.role_id), ("cn=archive", archive.role_id)):
        assert at_ada.posts(f"{place}/mappings", said=said, gives=f"own:{role}").status_code in {303, 422}
    idp.maps("cn=it", role=Role.ADMIN)
    idp.maps("cn=audit", role=Role.AUDITOR)
    heard = [("cn=archive",), ("cn=archive", "cn=broad"), ("cn=archive", "cn=audit"), ("cn=it", "cn=broad"), ("cn=audit",), ()]
    found = [idp.who(idp.arrives("eve-1", groups=groups)) for groups in heard]
    assert [one.role_title or one.role.value for one in found] == ["Archive", "Broad", "Archive", "admin", "auditor", "member"]
    with ada.services.db.tenant(ada.tenant_id) as tx, pytest.raises(CustomRoleInUse):
        delete_role(tx, ada.caller, archive.role_id)


def test_a_first_arrival_has_it_at_once(idp: SignOn, ada: Member) -> None:
    role = makes_role(ada, "Archive", [P.DOCUMENT_READ])
    idp.maps("cn=archive", role=Role.CUSTOM, custom_role_id=role.role_id)
    assert held(idp.who(idp.arrives("new-1", groups=("cn=archive",)))) == {P.DOCUMENT_READ}


def test_a_provisioned_group_gives_it_and_takes_it(site: Flask, ada: Member) -> None:
    provider, role = provisions(site, ada), makes_role(ada, "Archive", [P.DOCUMENT_READ])
    person = provider.adds("eve@harrow.example", displayName="Eve")
    group = provider.groups("cn=archive", person)
    provider.sign_on.maps("cn=archive", role=Role.CUSTOM, custom_role_id=role.role_id)

    def title() -> str:
        with ada.services.db.tenant(ada.tenant_id) as tx:
            return next(one.role_title or one.role.value for one in identity.list_people(tx, ada.caller) if one.display_name == "Eve")

    assert title() == "Archive"
    assert provider.patches(f"/Groups/{group['id']}", {"op": "remove", "path": "members"}).status_code in {200, 204}
    assert title() == "member"
