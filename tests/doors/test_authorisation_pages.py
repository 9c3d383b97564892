"""The authorisation matrix at the pages: each form and each page, for each role, as its operation's permission says."""

import re

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from appliance import identity
from appliance.identity import Role
from appliance.identity.operators import set_suspended
from appliance.identity.permissions import Permission, held
from appliance.identity.values import SUPPORT_ROLES
from appliance.tenancy import Review
from tests.doors.test_authorisation import NOBODY, member_as
from tests.support.furnish import lets_review
from tests.support.house import House, Member
from tests.support.parity import OPERATIONS_OF, guard_of
from tests.support.policies import drafts
from tests.support.roles import enters
from tests.support.site import Browser

PEOPLE_ONLY = {
    "POST access_reviews.decide": Permission.PEOPLE_CHANGE,
    "POST support.grant": Permission.SUPPORT_GRANT,
    "POST access_reviews.create_closure": Permission.PEOPLE_CHANGE,
    "POST keys.ask_for_destruction": Permission.KEY_DESTROY,
    "POST keys.decide": Permission.KEY_DESTROY,
    "POST reviews.decide": Permission.CONVERSATION_REVIEW,
}
OWN = {"POST account.end_session"}  # a program needs the right to tokens for it; a browser is one's own
STARTS = {Role.AUDITOR: "/evidence", Role.CUSTOM: "/documents", Role.OPERATOR: "/organisations"}
PERMISSIONS = {page: guard_of(page).permission for page in OPERATIONS_OF} | PEOPLE_ONLY
FORM = {  # what a form must say to be understood; that nothing has these ids is found out after the permission
    "attestation": "off", "audience": "everyone", "chatbot_id": NOBODY, "collection": NOBODY, "conversation_review": "two_person",
    "days": "3", "due_on": "2027-01-01", "decision": "grant", "email": "someone@x.example", "level": "dek", "model": "extractive", "monthly_tokens": "5",
    "base_url": "", "key": "sk-nobody-0123456789", "kind": "openai", "label": "Key", "name": "Board", "own_keys": "allowed",
    "weight": "1", "question": "x", "reason": "A leak was reported", "role": "member", "scopes": "chat",
    "temperature": "0", "title": "x", "verdict": "good",
}  # fmt: skip


class Visitor(Browser):
    """Goes to every page and sends every form."""

    def __init__(self, app: Flask, member: Member) -> None:
        super().__init__(app)
        assert self.signs_in(member).status_code == 303
        if member.caller.role in SUPPORT_ROLES:
            assert enters(self, member) == 303
        token = re.search(r'name="csrf" content="([^"]+)"', self.gets("/account").text)
        assert token is not None
        self.app, self.token = app, token[1]

    def goes(self, page: str) -> TestResponse:
        """Open a page, or send its form, for ids that nothing has."""
        method, endpoint = page.split()
        rule = next(one for one in self.app.url_map.iter_rules(endpoint) if method in (one.methods or ()))
        path = re.sub(r"<[^>]+>", NOBODY, rule.rule)
        if method == "GET":
            return self.client.get(path)
        return self.client.post(path, data=FORM | {"csrf": self.token})


def has_ids(site: Flask, page: str) -> bool:
    """Whether a page is of one thing, which is not there where it is asked for by an id that nothing has."""
    return bool(guard_of(page).parameters) or any("<" in one.rule for one in site.url_map.iter_rules(page.split()[1]))


@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_at_the_pages_what_the_catalogue_grants_and_no_more(
    site: Flask, house: House, ada: Member, role: Role
) -> None:
    lets_review(ada, Review.TWO_PERSON)
    drafts(ada)
    member = member_as(house, ada, role)
    visitor = Visitor(site, member)
    house.seals()
    for page, permission in PERMISSIONS.items():
        if page == "GET overview.show" and role in STARTS:
            assert visitor.goes(page).headers["Location"] == STARTS[role]
            continue
        is_granted = permission is None or page in OWN or permission in held(member.caller)
        answer = visitor.goes(page)
        assert (answer.status_code != 403) == is_granted, (role, page, answer.status_code)
        assert answer.status_code < 500, page
        if is_granted and page.startswith("GET") and not has_ids(site, page):
            assert answer.status_code == 200, (role, page)


def test_a_closed_organisation_has_no_pages_and_opens_again(site: Flask, house: House, ada: Member) -> None:
    olga, visitor = house.operator("olga@host.example"), Visitor(site, ada)
    for is_suspended in (True, False):
        with house.app.db.tenant(olga.tenant_id) as tx:
            set_suspended(tx, olga.caller, ada.tenant_id, is_suspended=is_suspended, clock=house.clock)
        statuses = {visitor.goes(page).status_code for page in PERMISSIONS}
        if is_suspended:
            assert statuses <= {303, 403}, statuses
            assert visitor.signs_in(ada).status_code != 303
    assert Browser(site).signs_in(ada).status_code == 303


def test_a_removed_person_has_no_pages_and_cannot_sign_in(site: Flask, house: House, ada: Member) -> None:
    eve = ada.adds("eve@harrow.example", Role.ADMIN)
    visitor = Visitor(site, eve)
    with house.app.db.tenant(ada.tenant_id) as tx:
        identity.remove_member(tx, ada.caller, eve.caller.user_id, clock=house.clock)
    assert_signed_out(visitor)
    assert visitor.signs_in(eve).status_code != 303


@pytest.mark.parametrize("minutes", [31, 60 * 24 * 31])
def test_an_ended_session_has_no_pages(site: Flask, house: House, ada: Member, minutes: int) -> None:
    visitor = Visitor(site, ada)
    house.clock.passes(minutes=max(minutes, house.settings.session_idle_minutes + 1))
    assert_signed_out(visitor)


def assert_signed_out(visitor: Visitor) -> None:
    for page in PERMISSIONS:
        answer = visitor.goes(page)
        assert answer.status_code == 303, page
        assert answer.headers["Location"].startswith("/sign-in"), page
