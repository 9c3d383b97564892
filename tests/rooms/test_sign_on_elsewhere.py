"""Somebody of two organisations, of which one lets people in by its provider alone: a password elsewhere makes no second proof."""

import pytest

from appliance import identity
from appliance.identity import Role
from appliance.identity.breakglass import designate, list_break_glass
from appliance.identity.entry_errors import BreakGlassUnfit
from appliance.identity.invitations import Acceptance, InvitationForm
from appliance.identity.sso import connections
from appliance.identity.sso.errors import LinkUnproven
from appliance.identity.sso.values import TransactionPurpose
from tests.support.house import House, Member
from tests.support.roles import has_factor, shown_by
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
        enforced.arrives("mallory-1", purpose=TransactionPurpose.LINK, user_id=eve.caller.user_id, factor_id=shown_by(eve))
    token = enforced.arrives(
        "eve-1", purpose=TransactionPurpose.LINK, user_id=eve.caller.user_id, email="eve@harrow.example"
    )
    assert enforced.who(token).user_id == eve.caller.user_id


def test_such_a_factor_proves_no_more_once_the_other_membership_has_ended(enforced: SignOn, eve: Member, bo: Member) -> None:
    """What a password added stays what it is, whoever else has let her go since."""
    has_factor(eve)
    with bo.services.db.tenant(bo.tenant_id) as tx:
        identity.remove_member(tx, bo.caller, eve.caller.user_id, clock=bo.house.clock)
    with pytest.raises(LinkUnproven):
        enforced.arrives("mallory-1", purpose=TransactionPurpose.LINK, user_id=eve.caller.user_id, factor_id=shown_by(eve))


def test_a_factor_of_here_proves_it_though_its_person_belongs_elsewhere_too(house: House, enforced: SignOn, eve: Member) -> None:
    """Whoever comes in elsewhere needs it there as well: a password adds none beside it."""
    with house.app.db.tenant(enforced.owner.tenant_id) as tx:
        has_factor(Member(house, identity.sessions.caller_of(tx, eve.caller.user_id)))
    token = enforced.arrives("eve-1", purpose=TransactionPurpose.LINK, user_id=eve.caller.user_id, factor_id=shown_by(eve))
    assert enforced.who(token).user_id == eve.caller.user_id


def test_a_factor_of_before_that_nobody_knows_the_place_of_proves_nothing(house: House, ada: Member, enforced: SignOn) -> None:
    mia = ada.adds("mia@harrow.example", Role.MEMBER)
    has_factor(mia)
    with house.server.connect("boot", house.database) as boot:
        boot.execute("UPDATE cloister.second_factors SET added_in = NULL")
    with pytest.raises(LinkUnproven):
        enforced.arrives("mia-1", purpose=TransactionPurpose.LINK, user_id=mia.caller.user_id, factor_id=shown_by(mia))


def test_a_factor_of_elsewhere_makes_no_break_glass_account(house: House, ada: Member, bo: Member) -> None:
    """Its owner took the old one off, and whoever has the password adds one where the password does: no way in here."""
    other = ada.adds("other@harrow.example", Role.OWNER)
    with bo.services.db.tenant(bo.tenant_id) as tx:
        invited = identity.invite(tx, bo.caller, InvitationForm("other@harrow.example", Role.MEMBER), clock=house.clock)
    acceptance = Acceptance("Other", user_id=other.caller.user_id)
    identity.accept(house.app.db, invited.token, acceptance, address="a", request_id="r", clock=house.clock)
    with bo.services.db.tenant(bo.tenant_id) as tx:
        has_factor(Member(house, identity.sessions.caller_of(tx, other.caller.user_id)))
    with ada.services.db.tenant(ada.tenant_id) as tx, pytest.raises(BreakGlassUnfit):
        designate(tx, ada.caller, other.caller.user_id, clock=house.clock)
    has_factor(other)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        designate(tx, ada.caller, other.caller.user_id, clock=house.clock)
        assert [one.is_ready for one in list_break_glass(tx, ada.caller)] == [True]
