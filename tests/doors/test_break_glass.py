"""Owners who still come in by password while sign-on is enforced: once, loudly, and until then untouched."""

import pyotp
import pytest
from flask import Flask
from prometheus_client import REGISTRY

from appliance import identity
from appliance.identity import Role
from appliance.identity.breakglass import MOST, designate, list_break_glass, needs_break_glass, refuse_break_glass
from appliance.identity.entry_errors import BreakGlassFull, BreakGlassKept, BreakGlassUnfit
from appliance.identity.sso.errors import BreakGlassShut, SignOnEnforced
from appliance.worker.reminders import tell_of_break_glass
from tests.doors.conftest import Console
from tests.support.house import House, Member
from tests.support.mailbox import Mailbox
from tests.support.product import csrf
from tests.support.roles import has_factor, shown_by
from tests.support.site import Browser

SHUT = {403, 422}  # what is left is the way by the provider, whose connection has no settings here


def is_enforced(house: House, member: Member) -> None:
    """Say that the organisation lets people in by its provider alone; how it comes to that is another test's."""
    with house.server.connect("boot", house.database) as boot:
        boot.execute(
            "INSERT INTO cloister.sso_connections (tenant_id, connection_id, kind, name, state, settings, created_at, changed_at)"
            " VALUES (%s, gen_random_uuid(), 'oidc', 'IdP', 'enforced', '{}', now(), now())",
            [member.tenant_id],
        )


def is_named(owner: Member, member: Member) -> None:
    with owner.services.db.tenant(owner.tenant_id) as tx:
        designate(tx, owner.caller, member.caller.user_id, clock=owner.house.clock)


def comes(site: Flask, member: Member, secret: str) -> tuple[Browser, int]:
    """Sign in by password and the app."""
    browser = Browser(site)
    assert browser.signs_in(member).headers["Location"].startswith("/sign-in/second-step")
    code = pyotp.TOTP(secret).at(int(member.house.clock.now().timestamp()))
    page = browser.gets("/sign-in/second-step").text
    answer = browser.client.post("/sign-in/second-step", data={"code": code, "csrf": csrf(page)})
    return browser, answer.status_code


def test_it_opens_once_and_tells_the_owners(site: Flask, house: House, ada: Member, console: Console) -> None:
    other = ada.adds("olive@harrow.example", Role.OWNER)
    secret = has_factor(ada)
    is_named(ada, ada)
    is_enforced(house, ada)
    before = REGISTRY.get_sample_value("cloister_break_glass_uses_total") or 0
    assert Browser(site).signs_in(other).status_code in SHUT  # an owner like any other

    browser, status = comes(site, ada, secret)
    assert (status, browser.gets("/people").status_code) == (303, 200)
    assert REGISTRY.get_sample_value("cloister_break_glass_uses_total") == before + 1
    with Mailbox() as mailbox:
        mailbox.serves(house)
        tell_of_break_glass(house.worker, ada.tenant_id, ada.caller.user_id)
        tell_of_break_glass(house.worker, ada.tenant_id, ada.caller.user_id)
    assert sorted(str(mail["To"]) for mail in mailbox.mails) == ["ada@harrow.example", "olive@harrow.example"]
    assert "break-glass" in str(mailbox.mails[0]["Subject"])

    house.clock.passes(minutes=1)
    again, status = comes(site, ada, secret)
    assert status == 403  # used up
    assert again.gets("/account").status_code == 303
    assert "to open it again" in browser.gets("/break-glass").text
    assert "Opened again in 1 organisation" in console("break-glass", "enable", "ada@harrow.example").output
    house.clock.passes(minutes=1)
    assert comes(site, ada, secret)[1] == 303
    house.seals()
    log = browser.gets("/audit").text
    assert "identity:break_glass:used" in log
    assert "identity:break_glass:enabled" in log


def test_while_sign_on_is_not_enforced_it_is_an_account_like_any_other(site: Flask, ada: Member) -> None:
    secret = has_factor(ada)
    is_named(ada, ada)
    for _ in range(2):
        assert comes(site, ada, secret)[1] == 303
        ada.house.clock.passes(minutes=1)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert [one.is_ready for one in list_break_glass(tx, ada.caller)] == [True]


def test_a_recovery_code_does_not_break_the_glass(house: House, ada: Member) -> None:
    has_factor(ada)
    is_named(ada, ada)
    is_enforced(house, ada)
    for methods in (("password",), ("password", "recovery_code")):
        with ada.services.db.tenant(ada.tenant_id) as tx, pytest.raises(SignOnEnforced):
            identity.open_session(
                tx, ada.caller.user_id, address="a", agent="b", request_id="r",
                lifetime=house.clock.now() - house.clock.now(), clock=house.clock, methods=methods,
            )  # fmt: skip
    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert [one.is_ready for one in list_break_glass(tx, ada.caller)] == [True]  # nothing was used up


def test_only_a_fit_account_is_one_and_only_a_few(house: House, ada: Member) -> None:
    admin = ada.adds("adam@harrow.example", Role.ADMIN)
    has_factor(admin)
    for unfit in (ada, admin):  # no factor; no owner
        with pytest.raises(BreakGlassUnfit):
            is_named(ada, unfit)
    owners = [ada.adds(f"owner{number}@harrow.example", Role.OWNER) for number in range(MOST + 1)]
    for owner in owners:
        has_factor(owner)
    for owner in owners[:MOST]:
        is_named(ada, owner)
    with pytest.raises(BreakGlassFull):
        is_named(ada, owners[MOST])
    with pytest.raises(identity.Forbidden):
        is_named(admin, owners[0])


def test_one_that_lost_its_factor_or_its_role_does_not_open(house: House, ada: Member) -> None:
    other = ada.adds("olive@harrow.example", Role.OWNER)
    has_factor(other)
    is_named(ada, other)
    is_enforced(house, ada)
    shown = {"methods": ("password", "totp"), "factor_id": shown_by(other)}
    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert needs_break_glass(tx, other.caller.user_id, **shown)  # type: ignore[arg-type]
        identity.change_role(tx, ada.caller, other.caller.user_id, role=Role.ADMIN)
        with pytest.raises(BreakGlassShut):
            needs_break_glass(tx, other.caller.user_id, **shown)  # type: ignore[arg-type]
        with pytest.raises(SignOnEnforced):
            needs_break_glass(tx, ada.caller.user_id, methods=("password",), factor_id=None)


def test_no_provider_and_no_provisioning_changes_it(house: House, ada: Member) -> None:
    has_factor(ada)
    is_named(ada, ada)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        with pytest.raises(BreakGlassKept):
            refuse_break_glass(tx, ada.caller.user_id)


def test_an_owner_names_one_at_the_page_and_withdraws_it(ada: Member, at_ada: Browser) -> None:
    path = f"/break-glass/{ada.caller.user_id}"
    assert at_ada.posts(f"{path}/designation").status_code == 409
    has_factor(ada)
    assert at_ada.posts(f"{path}/designation").status_code == 303
    assert "ready since" in at_ada.gets("/break-glass").text
    assert at_ada.posts(f"{path}/removal").status_code == 303
    assert "None yet" in at_ada.gets("/break-glass").text
