"""Nobody lays a hand on whoever may do more: each verb of this room that acts on somebody else, tried from below."""

from collections.abc import Callable
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text

from appliance import identity
from appliance.identity import Caller, Forbidden, Permission, Role, UserId
from appliance.identity.factors import remove_factors_of
from appliance.identity.invitations import InvitationForm
from appliance.identity.tokens import TokenForm
from appliance.identity.values import GroupId, Scope
from appliance.kernel.db import Tx
from tests.support.house import House, Member
from tests.support.roles import again, makes_role, with_role
from tests.support.site import Browser

P = Permission
HELPDESK = (P.PEOPLE_READ, P.PEOPLE_CHANGE, P.PASSWORD_RESET, P.ROLE_CHANGE, P.SERVICE_ACCOUNT_CHANGE, P.TOKEN_CREATE)
Act = Callable[[Tx, House, Caller, UserId], object]

ON_PEOPLE: dict[str, Act] = {
    "change_role": lambda tx, _, me, them: identity.change_role(tx, me, them, role=Role.MEMBER),
    "remove_member": lambda tx, house, me, them: identity.remove_member(tx, me, them, clock=house.clock),
    "close_sessions_of": lambda tx, _, me, them: identity.close_sessions_of(tx, me, them),
    "create_password_reset": lambda tx, house, me, them: identity.create_password_reset(tx, me, them, clock=house.clock),
    "remove_factors_of": lambda tx, _, me, them: remove_factors_of(tx, me, them),
    "create_token": lambda tx, house, me, them: identity.create_token(
        tx, me, TokenForm("x", frozenset({Scope.PEOPLE_READ}), 5, them), clock=house.clock
    ),
    "revoke_token": lambda tx, house, me, them: identity.revoke_token(tx, me, _token_of(tx, them), clock=house.clock),
}


def _token_of(tx: Tx, user_id: UserId) -> UUID:
    found: UUID = tx.execute(text("SELECT token_id FROM api_tokens WHERE user_id = :id"), {"id": user_id}).scalar_one()
    return found


def does(member: Member, act: Act, other: Member) -> None:
    with member.services.db.tenant(member.tenant_id) as tx:
        act(tx, member.house, member.caller, other.caller.user_id)


def has_token(member: Member, scope: Scope = Scope.PEOPLE_READ) -> Member:
    with member.services.db.tenant(member.tenant_id) as tx:
        form = TokenForm("own", frozenset({scope}), 5)
        identity.create_token(tx, member.caller, form, clock=member.house.clock)
    return member


def test_no_verb_reaches_up(ada: Member) -> None:
    """A helpdesk of the organisation's own, an administrator, and those above each of them."""
    helpdesk = with_role(ada, "eve@harrow.example", makes_role(ada, "Helpdesk", HELPDESK))
    admin = ada.adds("adam@harrow.example", Role.ADMIN)
    auditor = has_token(ada.adds("olga@harrow.example", Role.AUDITOR), Scope.AUDIT_READ)  # reads a log that the helpdesk does not
    for one in (ada, admin):
        has_token(one)
    reached = []
    for below, above in ((helpdesk, ada), (helpdesk, admin), (helpdesk, auditor), (admin, ada)):
        for name, act in ON_PEOPLE.items():
            try:
                does(below, act, above)
            except Forbidden:
                continue
            except identity.errors.PersonNotFound:
                if name == "create_token":  # nobody makes tokens of persons
                    continue
                raise
            reached.append((below.caller.email, name, above.caller.email))
    assert reached == []


def test_it_reaches_those_who_may_do_no_more(ada: Member, house: House) -> None:
    """Or the rule would be no help desk's."""
    helpdesk = with_role(ada, "eve@harrow.example", makes_role(ada, "Helpdesk", [*HELPDESK, P.DOCUMENT_READ]))
    mia = with_role(ada, "mia@harrow.example", makes_role(ada, "Reads", [P.PEOPLE_READ, P.TOKEN_CREATE]))
    has_token(mia)
    for name in ("close_sessions_of", "create_password_reset", "remove_factors_of", "revoke_token", "remove_member"):
        does(helpdesk, ON_PEOPLE[name], mia)


def test_an_invitation_to_more_is_neither_taken_back_nor_replaced_from_below(ada: Member, house: House) -> None:
    helpdesk = with_role(ada, "eve@harrow.example", makes_role(ada, "Helpdesk", [*HELPDESK, P.CHAT, P.DOCUMENT_ADD, P.MODEL_CALL, P.OVERVIEW_READ]))
    with ada.services.db.tenant(ada.tenant_id) as tx:
        made = identity.invite(tx, ada.caller, InvitationForm("olive@harrow.example", Role.OWNER), clock=house.clock)
    with ada.services.db.tenant(ada.tenant_id) as tx, pytest.raises(Forbidden):
        identity.revoke_invitation(tx, helpdesk.caller, made.invitation.invitation_id, clock=house.clock)
    with ada.services.db.tenant(ada.tenant_id) as tx, pytest.raises(Forbidden):
        identity.invite(tx, helpdesk.caller, InvitationForm("olive@harrow.example", Role.MEMBER), clock=house.clock)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        open_now = identity.list_invitations(tx, ada.caller, clock=house.clock)
        assert [one.role for one in open_now] == [Role.OWNER]
        # One's own kind goes on.
        form = InvitationForm("mia@harrow.example", Role.MEMBER)
        lower = identity.invite(tx, ada.caller, form, clock=house.clock).invitation
        identity.invite(tx, helpdesk.caller, form, clock=house.clock)
        assert len(identity.list_invitations(tx, ada.caller, clock=house.clock)) == 2
        assert lower.role is Role.MEMBER


def test_who_may_not_change_groups_puts_nobody_into_one(ada: Member, house: House) -> None:
    """By an invitation or a program's account they would open what is open to that group alone."""
    helpdesk = with_role(ada, "eve@harrow.example", makes_role(ada, "Helpdesk", [*HELPDESK, P.CHAT, P.DOCUMENT_ADD, P.MODEL_CALL, P.OVERVIEW_READ]))
    with ada.services.db.tenant(ada.tenant_id) as tx:
        board: GroupId = identity.create_group(tx, ada.caller, name="Board", clock=house.clock).group_id
        with pytest.raises(Forbidden):
            identity.invite(tx, helpdesk.caller, InvitationForm("x@harrow.example", Role.MEMBER, (board,)), clock=house.clock)
        with pytest.raises(Forbidden):
            identity.create_service_account(
                tx, helpdesk.caller, name="robot", role=Role.MEMBER, group_ids=[board], clock=house.clock
            )
        identity.invite(tx, helpdesk.caller, InvitationForm("x@harrow.example", Role.MEMBER), clock=house.clock)
        assert identity.create_service_account(tx, helpdesk.caller, name="r", role=Role.MEMBER, clock=house.clock)


def test_the_page_offers_no_hand_on_whoever_may_do_more(at_ada: Browser, ada: Member, site: Flask) -> None:
    eve = with_role(ada, "eve@harrow.example", makes_role(ada, "Helpdesk", HELPDESK))
    at_eve = Browser(site)
    at_eve.signs_in(again(eve))
    assert at_eve.posts(f"/people/{ada.caller.user_id}/sessions/end").status_code == 403
    assert at_ada.gets("/people").status_code == 200
