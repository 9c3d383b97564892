"""People at the web door: invited, moved between roles and organisations, signed out, let in again."""

import re
from html import unescape

import pytest
from flask import Flask

from appliance import identity
from appliance.identity import Forbidden, Role, Scope
from appliance.identity.errors import LastOwner
from appliance.identity.invitations import InvitationForm
from appliance.identity.tokens import TokenForm
from appliance.kernel.errors import Invalid
from tests.support.house import PASSWORD, House, Member
from tests.support.product import csrf
from tests.support.site import Browser

LINK = r'value="http://127\.0\.0\.1:8080(/[^"]+)"'


def link_on(page: str) -> str:
    found = re.search(LINK, page)
    assert found is not None, page[-1500:]
    return unescape(found[1])


def joins(browser: Browser, link: str, **form: str) -> int:
    page = browser.gets(link)
    given = {"name": "Eve", "password": PASSWORD, "again": PASSWORD, "link": link.split("link=")[1]} | form
    return browser.client.post("/join", data=given | {"csrf": csrf(page.text)}).status_code


def test_it_invites_by_a_link_that_works_once(site: Flask, at_ada: Browser) -> None:
    link = link_on(at_ada.posts("/people/invitations", email="eve@harrow.example", role="auditor").text)
    eve = Browser(site)

    assert "eve@harrow.example is invited as auditor" in eve.gets(link).text
    assert joins(eve, link) == 303
    assert eve.gets("/").headers["Location"] == "/evidence"
    assert "Harrow" in eve.gets("/evidence").text
    assert eve.gets("/audit").status_code == 200
    assert eve.gets("/documents").status_code == 403
    assert Browser(site).gets(link).status_code == 403
    assert "Eve" in at_ada.gets("/people").text


def test_it_keeps_an_invitation_open_after_a_mistake(site: Flask, at_ada: Browser) -> None:
    link = link_on(at_ada.posts("/people/invitations", email="eve@harrow.example", role="member").text)
    eve = Browser(site)

    assert joins(eve, link, password="short", again="short") == 422
    assert joins(eve, link, again="another private sentence") == 422
    assert joins(eve, link) == 303


def test_it_closes_an_invitation_that_is_taken_back_or_old_or_followed_by_another(
    site: Flask, house: House, at_ada: Browser
) -> None:
    first = link_on(at_ada.posts("/people/invitations", email="eve@harrow.example", role="member").text)
    second = link_on(at_ada.posts("/people/invitations", email="eve@harrow.example", role="member").text)
    assert Browser(site).gets(first).status_code == 403
    path = at_ada.first(r'action="(/people/invitations/[^"]+/revocation)"', "/people")
    assert at_ada.posts(path).status_code == 303
    assert Browser(site).gets(second).status_code == 403

    third = link_on(at_ada.posts("/people/invitations", email="eve@harrow.example", role="member").text)
    house.clock.passes(days=8)
    assert Browser(site).gets(third).status_code == 403


def test_it_lets_no_admin_invite_an_owner(site: Flask, ada: Member) -> None:
    admin = Browser(site)
    admin.signs_in(ada.adds("eve@harrow.example", Role.ADMIN))

    assert admin.posts("/people/invitations", email="x@harrow.example", role="owner").status_code == 403
    assert admin.posts("/people/invitations", email="x@harrow.example", role="operator").status_code == 422


def test_it_gives_an_account_of_elsewhere_to_nobody_but_its_person(
    site: Flask, ada: Member, bo: Member, at_bo: Browser, at_ada: Browser
) -> None:
    link = link_on(at_ada.posts("/people/invitations", email="bo@birch.example", role="member").text)
    stranger = Browser(site)

    assert "There is an account for this address already" in stranger.gets(link).text
    assert joins(stranger, link) == 409
    assert joins(at_bo, link, name="Bo at Harrow") == 303
    assert "Harrow" in at_bo.gets("/").text
    assert Browser(site).signs_in(bo).status_code == 303  # with the old password, which nobody changed


def test_it_takes_a_person_from_one_organisation_to_another(site: Flask, ada: Member, bo: Member) -> None:
    ada.reads_in("fire-drill.txt")
    with ada.services.db.tenant(ada.tenant_id) as tx:
        invited = identity.invite(
            tx, ada.caller, InvitationForm("bo@birch.example", Role.MEMBER), clock=ada.house.clock
        )
    browser = Browser(site)
    browser.signs_in(bo)
    joins(browser, f"/join?link={invited.token}", name="Bo")

    assert "fire-drill" in browser.gets("/documents").text
    assert browser.gets("/people").status_code == 403
    back = browser.first(r'action="(/account/places/[^"]+)"', "/account")
    assert browser.posts(back).status_code == 303
    assert "fire-drill" not in browser.gets("/documents").text
    assert browser.gets("/people").status_code == 200


def test_it_lets_nobody_enter_where_they_do_not_belong(ada: Member, bo: Member, at_bo: Browser) -> None:
    assert at_bo.posts(f"/account/places/{ada.tenant_id}").status_code == 404
    assert "Birch" in at_bo.gets("/").text


def test_it_removes_and_lets_in_again(site: Flask, ada: Member, at_ada: Browser) -> None:
    eve = ada.adds("eve@harrow.example", Role.MEMBER)
    browser = Browser(site)
    browser.signs_in(eve)
    path = f"/people/{eve.caller.user_id}"

    assert at_ada.posts(f"{path}/removal").status_code == 303
    assert browser.gets("/").status_code == 303
    assert "They cannot sign in" in at_ada.gets(path).text
    assert at_ada.posts(f"{path}/restoration").status_code == 303
    assert browser.signs_in(eve).status_code == 303


def test_it_resets_a_password_by_a_link_that_works_once(site: Flask, ada: Member, at_ada: Browser) -> None:
    eve = ada.adds("eve@harrow.example", Role.MEMBER)
    signed_in = Browser(site)
    signed_in.signs_in(eve)
    link = link_on(at_ada.posts(f"/people/{eve.caller.user_id}/password-reset").text)
    browser = Browser(site)
    form = {"link": link.split("link=")[1], "new": "a new private sentence", "again": "a new private sentence"}

    assert browser.client.post("/reset", data=form | {"csrf": csrf(browser.gets(link).text)}).status_code == 303
    assert signed_in.gets("/").status_code == 303
    assert browser.signs_in(eve).status_code == 401
    assert browser.signs_in(eve, "a new private sentence").status_code == 303
    assert Browser(site).gets(link).status_code == 403


def test_it_resets_no_password_that_opens_another_organisation(
    site: Flask, ada: Member, bo: Member, at_ada: Browser, at_bo: Browser
) -> None:
    link = link_on(at_ada.posts("/people/invitations", email="bo@birch.example", role="member").text)
    joins(at_bo, link, name="Bo")
    answer = at_ada.posts(f"/people/{bo.caller.user_id}/password-reset")

    assert answer.status_code == 409
    assert "only the platform" in answer.text


def test_it_lets_no_admin_reset_an_owner(site: Flask, ada: Member) -> None:
    admin = Browser(site)
    admin.signs_in(ada.adds("eve@harrow.example", Role.ADMIN))

    assert admin.posts(f"/people/{ada.caller.user_id}/password-reset").status_code == 403
    assert admin.posts(f"/people/{ada.caller.user_id}/factors/removal").status_code == 403


def test_it_lets_no_admin_act_by_an_owners_service_account(ada: Member) -> None:
    eve, clock = ada.adds("eve@harrow.example", Role.ADMIN), ada.house.clock
    with ada.services.db.tenant(ada.tenant_id) as tx:
        program = identity.create_service_account(tx, ada.caller, name="Sync", role=Role.OWNER, clock=clock)
    form = TokenForm("mine now", frozenset({Scope.PEOPLE_WRITE}), 30, program)
    with ada.services.db.tenant(ada.tenant_id) as tx, pytest.raises(Forbidden):
        identity.create_token(tx, eve.caller, form, clock=clock)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert identity.create_token(tx, ada.caller, form, clock=clock).token.user_id == program


def test_a_token_that_asks_for_too_much_says_which_scopes(ada: Member) -> None:
    clock = ada.house.clock
    with ada.services.db.tenant(ada.tenant_id) as tx:
        program = identity.create_service_account(tx, ada.caller, name="Feed", role=Role.MEMBER, clock=clock)
    scopes = frozenset({Scope.CHAT, Scope.PEOPLE_WRITE, Scope.AUDIT_READ})
    with ada.services.db.tenant(ada.tenant_id) as tx, pytest.raises(Invalid, match="this: audit:read, people:write"):
        identity.create_token(tx, ada.caller, TokenForm("feed", scopes, 30, program), clock=clock)


def test_a_program_that_is_an_owner_is_removed_and_keeps_no_place_for_a_person(ada: Member) -> None:
    clock = ada.house.clock
    with ada.services.db.tenant(ada.tenant_id) as tx:
        program = identity.create_service_account(tx, ada.caller, name="Sync", role=Role.OWNER, clock=clock)
    with ada.services.db.tenant(ada.tenant_id) as tx, pytest.raises(LastOwner):
        identity.change_role(tx, ada.caller, ada.caller.user_id, role=Role.MEMBER)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        identity.remove_member(tx, ada.caller, program, clock=clock)
        assert identity.get_person(tx, ada.caller, program).suspended_at is not None


def test_it_signs_somebody_out_everywhere(site: Flask, ada: Member, at_ada: Browser) -> None:
    eve = ada.adds("eve@harrow.example", Role.MEMBER)
    browser = Browser(site)
    browser.signs_in(eve)

    assert at_ada.posts(f"/people/{eve.caller.user_id}/sessions/end").status_code == 303
    assert browser.gets("/").status_code == 303


def test_it_finds_sorts_and_keeps_both_in_the_address(ada: Member, at_ada: Browser) -> None:
    for name in ("zoe", "mia"):
        ada.adds(f"{name}@harrow.example", Role.MEMBER)

    assert "mia@" not in at_ada.gets("/people?q=zoe").text
    page = at_ada.gets("/people?sort=-name").text
    assert page.index("zoe@") < page.index("mia@")
    assert "q=zoe" in at_ada.gets("/people?q=zoe").text.split("<thead>")[1].split("</thead>")[0]
    assert "Nobody here fits" in at_ada.gets("/people?q=nobody-like-this").text
    auditors = at_ada.gets("/people?role=auditor").text
    assert "Nobody here fits" in auditors
    assert '<option value="auditor" selected>' in auditors
    assert "ada@" in at_ada.gets("/people?role=owner").text
    assert "mia@" not in at_ada.gets("/people?role=owner").text


def test_it_keeps_groups(site: Flask, ada: Member, at_ada: Browser) -> None:
    eve = ada.adds("eve@harrow.example", Role.MEMBER)
    path = at_ada.posts("/groups", name="Board").headers["Location"].split("?")[0]
    assert at_ada.posts("/groups", name="Board").status_code == 409
    assert at_ada.posts(path, name="The board", members=str(eve.caller.user_id)).status_code == 303

    assert "The board" in at_ada.gets(f"/people/{eve.caller.user_id}").text
    assert at_ada.posts(f"{path}/deletion").status_code == 303
    assert at_ada.gets(path).status_code == 404


def test_it_speaks_the_readers_language_and_zone(at_ada: Browser) -> None:
    at_ada.posts("/account/profile", name="Ada", language="de", zone="Europe/Berlin")
    page = at_ada.gets("/people").text

    assert '<html lang="de">' in page
    assert "Personen" in page
    assert at_ada.posts("/account/profile", name="Ada", language="xx", zone="Nowhere/Else").status_code == 422


def test_it_takes_the_language_that_a_browser_asks_for(site: Flask) -> None:
    page = site.test_client().get("/sign-in", headers={"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}).text

    assert '<html lang="de">' in page
    assert "Anmelden" in page


def test_it_mails_links_and_does_not_show_them(
    site: Flask, house: House, at_ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.support.mailbox import Mailbox

    with Mailbox() as mailbox:
        mailbox.serves(house)
        page = at_ada.posts("/people/invitations", email="eve@harrow.example", role="member").text
        assert "on its way by mail" in page
        assert "/join?link=" not in page
        (mail,) = mailbox.mails
    assert mail["To"] == "eve@harrow.example"
    found = re.search(r"http://127\.0\.0\.1:8080(/join\?link=\S+)", mail.get_content())
    assert found is not None
    assert joins(Browser(site), found[1]) == 303


def test_it_shows_the_link_where_the_mail_server_does_not_take_it(house: House, at_ada: Browser) -> None:
    from tests.support.mailbox import Mailbox

    with Mailbox() as mailbox:
        mailbox.serves(house)
        mailbox.refuses = True
        page = at_ada.posts("/people/invitations", email="eve@harrow.example", role="member").text

    assert "The mail server did not take the mail" in page
    assert "/join?link=" in link_on(page)
