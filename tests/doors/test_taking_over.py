"""An unlocked browser, a kept link, a program that is a second person: none of them takes a place over."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from appliance import chat, identity, tenancy
from appliance.chat.errors import PersonNeeded
from appliance.identity import Role, Scope
from appliance.identity.console import caller_by_email
from appliance.identity.errors import (
    PersonNotFound,
    ResetLinkClosed,
    ResetNotAlone,
    SecondPersonNeeded,
    SecondStepFailed,
)
from appliance.identity.factors import use_code
from appliance.identity.invitations import Acceptance, InvitationForm
from appliance.identity.sessions import caller_of
from appliance.identity.signin import Proof
from appliance.identity.values import UserId
from appliance.kernel.errors import Refusal
from appliance.tenancy import OrganisationSettings, Review
from tests.doors.test_people import joins, link_on
from tests.doors.test_proofs import adds_app, code_of
from tests.support.furnish import lets_review
from tests.support.house import PASSWORD, House, Member
from tests.support.product import csrf
from tests.support.program import Program
from tests.support.security_key import SecurityKey
from tests.support.site import Browser

REASON = {"reason": "A leak was reported"}


def step_of(browser: Browser, path: str, **form: str) -> str:
    asked = browser.posts(path, **form)
    assert asked.status_code == 403
    step = re.search(r'name="confirm_step" value="([^"]+)"', asked.text)
    assert step is not None
    return step[1]


def both(first: Callable[[], object], second: Callable[[], object]) -> list[object]:
    """Do two things at the same moment; return what came of them, refusals too."""

    def tried(act: Callable[[], object]) -> object:
        try:
            return act()
        except Refusal as refusal:
            return refusal

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(tried, (first, second)))


@pytest.mark.parametrize("passkey", ["x", "{}"])
def test_a_made_up_passkey_is_no_proof_for_somebody_who_has_none(house: House, at_ada: Browser, passkey: str) -> None:
    house.clock.passes(minutes=11)
    step = step_of(at_ada, "/account/factors/totp", label="Thief")

    answer = at_ada.posts("/confirm", confirm_target="/account", confirm_step=step, confirm_passkey=passkey)

    assert answer.status_code == 401
    assert at_ada.posts("/account/factors/totp", label="Thief").status_code == 403


@pytest.mark.parametrize("role", ["owner", "admin", "auditor"])
def test_an_unlocked_browser_invites_nobody_to_more_than_membership(house: House, at_ada: Browser, role: str) -> None:
    house.clock.passes(minutes=11)
    assert "Is it you?" in at_ada.posts("/people/invitations", email="thief@evil.example", role=role).text
    assert "thief@evil.example" not in at_ada.gets("/people").text

    assert at_ada.posts("/people/invitations", email="mia@harrow.example", role="member").status_code == 200


def test_an_unlocked_browser_lets_no_administrator_in_again(
    house: House, ada: Member, at_ada: Browser, site: Flask
) -> None:
    eve = ada.adds("eve@harrow.example", Role.ADMIN)
    path = f"/people/{eve.caller.user_id}"
    at_ada.posts(f"{path}/removal")
    house.clock.passes(minutes=11)

    assert "Is it you?" in at_ada.posts(f"{path}/restoration").text
    assert Browser(site).signs_in(eve).status_code == 401


def test_a_new_password_ends_the_persons_sessions_in_every_organisation(
    site: Flask, ada: Member, bo: Member, at_bo: Browser
) -> None:
    with ada.services.db.tenant(ada.tenant_id) as tx:
        invited = identity.invite(
            tx, ada.caller, InvitationForm("bo@birch.example", Role.ADMIN), clock=ada.house.clock
        )
    thief = Browser(site)
    thief.signs_in(bo)
    assert joins(thief, f"/join?link={invited.token}", name="Bo") == 303
    assert thief.gets("/people").status_code == 200  # at Harrow

    assert at_bo.posts("/account/password", current=PASSWORD, new="quite another sentence").status_code == 303

    assert thief.gets("/people").status_code == 303
    assert at_bo.gets("/people").status_code == 200


def test_a_new_password_closes_the_link_to_another(
    site: Flask, ada: Member, at_ada: Browser, house: House
) -> None:
    eve = ada.adds("eve@harrow.example", Role.ADMIN)
    link = link_on(at_ada.posts(f"/people/{eve.caller.user_id}/password-reset").text)
    at_eve = Browser(site)
    at_eve.signs_in(eve)

    assert at_eve.posts("/account/password", current=PASSWORD, new="quite another sentence").status_code == 303

    assert Browser(site).gets(link).status_code == 403


def service_account(ada: Member) -> Member:
    with ada.services.db.tenant(ada.tenant_id) as tx:
        user_id = identity.create_service_account(tx, ada.caller, name="Robot", role=Role.ADMIN, clock=ada.house.clock)
        return Member(ada.house, caller_of(tx, user_id))


def token_of(site: Flask, ada: Member, owner: UserId) -> Program:
    program = Program(site, ada)
    body = {"name": "robot", "scopes": ["conversations:review"], "days": 3, "user_id": str(owner)}
    program.secret = program.asks("POST", "/tokens", body).get_json()["secret"]
    return program


def test_a_program_is_not_the_first_of_two_people(site: Flask, ada: Member) -> None:
    mia = ada.adds("mia@harrow.example", Role.MEMBER)
    mia.asks("What does the fire drill plan say about Ottilie?")
    with mia.services.db.tenant(mia.tenant_id) as tx:
        talk = chat.list_conversations(tx, mia.caller, sealer=mia.services.vault)[0].conversation_id
    robot = service_account(ada)
    lets_review(ada, Review.TWO_PERSON)
    program = token_of(site, ada, robot.caller.user_id)

    for path in (f"/reviews/{talk}/requests", "/reviews/mode/requests"):
        answer = program.asks("POST", path, REASON)
        assert (answer.status_code, answer.get_json()["code"]) == (403, PersonNeeded.code)


def test_an_answer_with_a_secret_is_not_repeated_to_a_weaker_token(site: Flask, ada: Member) -> None:
    body = {"name": "strong", "scopes": ["people:write"], "days": 3}
    strong = Program(site, ada).asks("POST", "/tokens", body, Idempotency_Key="k").get_json()
    weak = Program(site, ada, [Scope.TOKENS_WRITE])
    assert weak.asks("POST", "/tokens", body).status_code == 422  # it may not make such a token

    answer = weak.asks("POST", "/tokens", body, Idempotency_Key="k")

    assert strong["secret"] not in answer.text
    assert answer.status_code == 422


def test_two_owners_who_remove_each_other_leave_one(ada: Member) -> None:
    eve = ada.adds("eve@harrow.example", Role.OWNER)

    def removes(who: Member, whom: Member) -> None:
        with who.services.db.tenant(who.tenant_id) as tx:
            identity.remove_member(tx, who.caller, whom.caller.user_id, clock=who.house.clock)

    both(lambda: removes(ada, eve), lambda: removes(eve, ada))

    with ada.house.server.connect("boot", ada.house.database) as boot:
        row = boot.execute(
            "SELECT count(*) FROM cloister.memberships WHERE role = 'owner' AND suspended_at IS NULL"
        ).fetchone()
    assert row == (1,)


def test_of_two_clicks_on_an_invitation_one_joins(ada: Member, house: House) -> None:
    with ada.services.db.tenant(ada.tenant_id) as tx:
        invited = identity.invite(tx, ada.caller, InvitationForm("x@harrow.example", Role.MEMBER), clock=house.clock)

    def joins_as(name: str) -> object:
        return identity.accept(
            house.app.db, invited.token, Acceptance(name, PASSWORD), address="a", request_id="r", clock=house.clock
        )

    came = both(lambda: joins_as("One"), lambda: joins_as("Two"))
    assert [isinstance(one, tuple) for one in came].count(True) == 1


def test_a_new_password_ends_a_sign_in_that_waits_behind_the_old_one(
    site: Flask, house: House, ada: Member, at_ada: Browser
) -> None:
    secret, _ = adds_app(at_ada, house)
    thief = Browser(site)
    thief.signs_in(ada)

    assert at_ada.posts("/account/password", current=PASSWORD, new="quite another sentence").status_code == 303

    assert thief.gets("/sign-in/second-step").status_code == 401
    token = csrf(thief.gets("/sign-in").text)
    thief.client.post("/sign-in/second-step", data={"code": code_of(secret, house), "csrf": token})
    assert thief.gets("/people").status_code == 303


def test_of_two_clicks_on_a_link_to_a_new_password_one_counts(ada: Member, house: House) -> None:
    eve = ada.adds("eve@harrow.example", Role.MEMBER)
    with house.app.db.tenant(ada.tenant_id) as tx:
        link = identity.create_password_reset(tx, ada.caller, eve.caller.user_id, clock=house.clock)

    def sets(word: str) -> None:
        identity.reset_password(
            house.app.db, link.token, new=f"{word} is a private sentence", address="a", request_id="r",
            clock=house.clock,
        )  # fmt: skip

    came = both(lambda: sets("One"), lambda: sets("Two"))

    assert [type(one) for one in came if one is not None] == [ResetLinkClosed]
    with house.server.connect("boot", house.database) as boot:
        row = boot.execute("SELECT count(*) FROM cloister.audit_inbox WHERE event = 'identity:password:reset'").fetchone()
    assert row == (1,)


def test_a_recovery_code_is_used_once_at_the_same_moment_too(
    site: Flask, house: House, ada: Member, at_ada: Browser
) -> None:
    _, codes = adds_app(at_ada, house)

    def uses() -> object:
        with house.app.db.platform() as tx:
            shown = use_code(tx, ada.caller.user_id, codes[0], sealer=house.app.vault.platform, clock=house.clock)
            return shown and shown.method

    assert sorted(map(str, both(uses, uses))) == ["None", "recovery_code"]


def invites(who: Member, email: str, role: Role) -> str:
    with who.services.db.tenant(who.tenant_id) as tx:
        return identity.invite(tx, who.caller, InvitationForm(email, role), clock=who.house.clock).token


def test_who_is_removed_does_not_come_back_by_an_invitation_of_their_own(
    site: Flask, ada: Member, at_ada: Browser
) -> None:
    eve = ada.adds("eve@harrow.example", Role.ADMIN)
    kept = invites(eve, "eve@elsewhere.example", Role.ADMIN)
    at_ada.posts(f"/people/{eve.caller.user_id}/removal")

    assert Browser(site).gets(f"/join?link={kept}").status_code == 403
    assert "eve@elsewhere.example" not in at_ada.gets("/people").text


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MEMBER])
def test_an_invitation_ends_with_the_right_to_make_it(site: Flask, ada: Member, at_ada: Browser, role: Role) -> None:
    eve = ada.adds("eve@harrow.example", Role.OWNER)
    kept = invites(eve, "eve@elsewhere.example", Role.OWNER)
    assert Browser(site).gets(f"/join?link={kept}").status_code == 200
    at_ada.posts(f"/people/{eve.caller.user_id}/role", role=role.value)

    assert Browser(site).gets(f"/join?link={kept}").status_code == 403


@pytest.mark.parametrize("loses", ["removal", "role"])
def test_a_link_to_a_colleagues_password_ends_with_the_right_to_make_it(
    site: Flask, house: House, ada: Member, at_ada: Browser, loses: str
) -> None:
    eve, mia = ada.adds("eve@harrow.example", Role.ADMIN), ada.adds("mia@harrow.example", Role.MEMBER)
    with house.app.db.tenant(ada.tenant_id) as tx:
        kept = identity.create_password_reset(tx, eve.caller, mia.caller.user_id, clock=house.clock).token
    assert Browser(site).gets(f"/reset?link={kept}").status_code == 200
    at_ada.posts(f"/people/{eve.caller.user_id}/{loses}", role="member")

    assert Browser(site).gets(f"/reset?link={kept}").status_code == 403


def test_who_joins_anew_has_the_groups_of_the_new_invitation_alone(
    site: Flask, ada: Member, at_ada: Browser, house: House
) -> None:
    mia = ada.adds("mia@harrow.example", Role.MEMBER)
    with house.app.db.tenant(ada.tenant_id) as tx:
        board = identity.create_group(tx, ada.caller, name="Board", clock=house.clock)
        identity.set_group_members(tx, ada.caller, board.group_id, [mia.caller.user_id])
    at_ada.posts(f"/people/{mia.caller.user_id}/removal")
    link = invites(ada, "mia@harrow.example", Role.MEMBER)

    identity.accept(
        house.app.db, link, Acceptance("Mia", user_id=mia.caller.user_id), address="a", request_id="r",
        clock=house.clock,
    )  # fmt: skip

    with house.app.db.tenant(ada.tenant_id) as tx:
        assert caller_of(tx, mia.caller.user_id).groups == frozenset()


def test_the_works_council_mode_is_not_overwritten_at_the_moment_it_begins(ada: Member) -> None:
    eve = ada.adds("eve@harrow.example", Role.ADMIN)
    lets_review(ada, Review.AUDITED)
    with ThreadPoolExecutor(1) as pool:
        with ada.services.db.tenant(ada.tenant_id) as tx:
            identity.change_settings(tx, ada.caller, OrganisationSettings(Review.TWO_PERSON))
            late = pool.submit(lets_review, eve, Review.AUDITED)
            time.sleep(0.3)
        with pytest.raises(SecondPersonNeeded):
            late.result()

    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert tenancy.get_settings(tx).conversation_review is Review.TWO_PERSON


def test_a_question_who_is_there_is_no_sign_in_whose_password_was_right(
    site: Flask, house: House, at_ada: Browser
) -> None:
    secret, _ = adds_app(at_ada, house)
    house.clock.passes(minutes=11)
    step = step_of(at_ada, "/account/recovery-codes")
    thief = Browser(site)  # knows no password, and holds the telephone
    thief.client.set_cookie("cloister_step", step, path="/sign-in")
    token = csrf(thief.gets("/sign-in").text)
    thief.client.post("/sign-in/second-step", data={"code": code_of(secret, house), "csrf": token})

    assert thief.gets("/people").status_code == 303


def test_a_program_that_becomes_an_owner_leaves_its_old_tokens_behind(site: Flask, ada: Member) -> None:
    eve = ada.adds("eve@harrow.example", Role.ADMIN)
    robot = service_account(eve)
    program = token_of(site, eve, robot.caller.user_id)
    assert program.gets("/me").status_code == 200
    with ada.services.db.tenant(ada.tenant_id) as tx:
        identity.change_role(tx, ada.caller, robot.caller.user_id, role=Role.OWNER)

    assert program.gets("/me").status_code == 401


@pytest.mark.parametrize(("password", "asks", "is_proved"), [("", False, False), ("", True, True), (PASSWORD, False, True)])
def test_a_touch_alone_is_no_proof_of_who_is_there(
    ada: Member, house: House, *, password: str, asks: bool, is_proved: bool
) -> None:
    stick = SecurityKey(ada)
    with house.app.db.tenant(ada.tenant_id) as tx:
        step, options = identity.begin_confirmation(tx, ada.caller, stick.site, clock=house.clock)
    assert options is not None
    attempt = identity.Attempt(ada.caller.email, password, "a", "b", "c")

    def confirms() -> None:
        identity.confirm(
            house.app.db, ada.caller, attempt, Proof(passkey=stick.touched(options, asks=asks)), step=step,
            session="s", site=stick.site, sealer=house.app.vault.platform, clock=house.clock,
        )  # fmt: skip

    if is_proved:
        confirms()
    else:
        with pytest.raises(SecondStepFailed):
            confirms()


def test_the_console_takes_nobody_for_the_only_owner_of_two(ada: Member) -> None:
    assert caller_by_email(ada.house.worker.db, None).user_id == ada.caller.user_id
    service = service_account(ada)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        identity.change_role(tx, ada.caller, service.caller.user_id, role=Role.OWNER)
    assert caller_by_email(ada.house.worker.db, None).user_id == ada.caller.user_id
    ada.adds("eve@harrow.example", Role.OWNER)
    with pytest.raises(PersonNotFound):
        caller_by_email(ada.house.worker.db, None)


def test_no_administrator_makes_links_to_passwords_where_two_must_agree(
    site: Flask, house: House, ada: Member, at_ada: Browser
) -> None:
    mia = ada.adds("mia@harrow.example", Role.MEMBER)
    path = f"/people/{mia.caller.user_id}/password-reset"
    kept = link_on(at_ada.posts(path).text)
    lets_review(ada, Review.TWO_PERSON)

    assert Browser(site).gets(kept).status_code == 403
    assert at_ada.posts(path).status_code == 409
    assert Program(site, ada).asks("POST", path).get_json()["code"] == ResetNotAlone.code
    link = identity.create_password_reset_at_console(house.worker.db, mia.caller.email, clock=house.clock)
    assert Browser(site).gets(f"/reset?link={link.token}").status_code == 200
