"""Somebody of two organisations, of which one lets people in by its provider alone: a password elsewhere makes no second proof."""

import pytest

from appliance import identity
from appliance.identity import Role
from appliance.identity.invitations import Acceptance, InvitationForm
from appliance.identity.sso import connections
from appliance.identity.sso.errors import LinkUnproven
from appliance.identity.sso.values import TransactionPurpose
from tests.support.house import House, Member
from tests.support.roles import has_factor
from tests.support.sign_on import SignOn, connects, owns_domain


@pytest.fixture
def eve(house: House, ada: Member, bo: Member) -> Member:
    """A colleague of Ada's who belongs to Bo's organisation as well. Returned as she is there."""
    at_ada = ada.adds("eve@harrow.example", Role.MEMBER)
    with bo.services.db.tenant(bo.tenant_id) as tx:
        invited = identity.invite(tx, bo.caller, InvitationForm("eve@harrow.example", Role.MEMBER), clock=house.clock)
    acceptance = Acceptance("Eve", user_id=at_ada.caller.user_id)
    identity.accept(house.app.db, invited.token, acceptance, address="a", request_id="r", clock=house.clock)
    with bo.services.db.tenant(bo.tenant_id) as tx:
        return Member(house, identity.sessions.caller_of(tx, at_ada.caller.user_id))


@pytest.fixture
def enforced(ada: Member) -> SignOn:
    owns_domain(ada, "harrow.example")
    one = connects(ada).opens()
    one.arrives("ada-1", purpose=TransactionPurpose.LINK, user_id=ada.caller.user_id)
    one.is_tested(ada)
    with one.house.app.db.tenant(ada.tenant_id) as tx:
        connections.enforce(tx, ada.caller, one.connection_id)
    return one


def test_a_factor_that_a_password_may_have_added_elsewhere_links_nobody(enforced: SignOn, eve: Member) -> None:
    """Whoever has her password signs in at Bo's, adds an app of their own, and would be her at Ada's."""
    has_factor(eve)
    with pytest.raises(LinkUnproven):
        enforced.arrives("mallory-1", purpose=TransactionPurpose.LINK, user_id=eve.caller.user_id)
    token = enforced.arrives(
        "eve-1", purpose=TransactionPurpose.LINK, user_id=eve.caller.user_id, email="eve@harrow.example"
    )
    assert enforced.who(token).user_id == eve.caller.user_id
