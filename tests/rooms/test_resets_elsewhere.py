"""A new password opens every organisation of its person: no single one of them hands it out, not even for one of before."""

import pytest

from appliance import identity
from appliance.identity import Role
from appliance.identity.errors import Forbidden, ResetByOperator, ResetLinkClosed
from appliance.identity.factors import remove_factors_of
from appliance.identity.invitations import Acceptance, InvitationForm
from tests.support.house import House, Member


def joins(house: House, owner: Member, eve: Member) -> None:
    """Invite somebody who has an account, and let them join."""
    with house.app.db.tenant(owner.tenant_id) as tx:
        invited = identity.invite(tx, owner.caller, InvitationForm(eve.caller.email, Role.MEMBER), clock=house.clock)
    acceptance = Acceptance("Eve", user_id=eve.caller.user_id)
    identity.accept(house.app.db, invited.token, acceptance, address="a", request_id="r", clock=house.clock)


def test_who_was_let_go_elsewhere_may_be_let_in_again_and_is_reset_by_the_operator(house: House, ada: Member, bo: Member) -> None:
    """Else Bo's help desk would choose the password by which Eve comes in at Ada's, once Ada has let her in again."""
    eve = ada.adds("eve@harrow.example", Role.MEMBER)
    joins(house, bo, eve)
    with house.app.db.tenant(ada.tenant_id) as tx:
        identity.remove_member(tx, ada.caller, eve.caller.user_id, clock=house.clock)
    with house.app.db.tenant(bo.tenant_id) as tx:
        with pytest.raises(ResetByOperator):
            identity.create_password_reset(tx, bo.caller, eve.caller.user_id, clock=house.clock)
        with pytest.raises(Forbidden):
            remove_factors_of(tx, bo.caller, eve.caller.user_id)


def test_an_open_link_ends_when_its_person_joins_another_organisation(house: House, ada: Member, bo: Member) -> None:
    eve = bo.adds("eve@harrow.example", Role.MEMBER)
    with house.app.db.tenant(bo.tenant_id) as tx:
        link = identity.create_password_reset(tx, bo.caller, eve.caller.user_id, clock=house.clock)
    joins(house, ada, eve)
    with pytest.raises(ResetLinkClosed):
        identity.reset_password(
            house.app.db, link.token, new="quite another sentence", address="a", request_id="r", clock=house.clock
        )
