"""At the instant in which access ends, or somebody becomes more: what is made of the old rights does not stay. Each in both orders."""

from collections.abc import Callable

import pytest

from appliance import identity
from appliance.identity import Role, Scope
from appliance.identity.errors import Forbidden, InvitationClosed, ResetLinkClosed, TokenRefused
from appliance.identity.invitations import InvitationForm, find_offer
from appliance.identity.passwords import find_password_reset
from appliance.identity.revocation import end_links
from appliance.identity.scim.service import TokenWish, change_provisioning, create_provisioning_token
from appliance.identity.scim.tokens import resolve_client
from appliance.identity.scim.values import Service
from appliance.identity.sso.errors import SetupLinkEnded
from appliance.identity.sso.links import create_link, find_link
from appliance.identity.sso.tables import ConnectionRow
from appliance.identity.sso.values import TransactionPurpose
from appliance.identity.tokens import TokenForm, caller_by_token, create_service_account
from appliance.kernel.db import Tx
from tests.rooms.test_sign_on_races import beside
from tests.support.house import House, Member
from tests.support.sign_on import connects

Act = Callable[[Tx], object]


@pytest.fixture
def adam(ada: Member) -> Member:
    """An administrator, who is about to be one no more, or not to be the strongest any more."""
    return ada.adds("adam@harrow.example", Role.ADMIN)


def at_once(ada: Member, first: Act, second: Act) -> tuple[object, list[BaseException], list[object]]:
    """Do one thing, and another before it is committed; return what came of both."""
    came = list[object]()

    def follows() -> None:
        with ada.services.db.tenant(ada.tenant_id) as tx:
            came.append(second(tx))

    with ada.services.db.tenant(ada.tenant_id) as tx:
        made = first(tx)
        going_on = beside(ada.house, follows)
        raised = going_on.__enter__()
    going_on.__exit__(None, None, None)
    return made, raised, came


def removes(ada: Member, adam: Member) -> Act:
    return lambda tx: identity.remove_member(tx, ada.caller, adam.caller.user_id, clock=ada.house.clock)


def test_an_invitation_of_whoever_is_removed(house: House, ada: Member, adam: Member) -> None:
    def invites(tx: Tx) -> str:
        return identity.invite(tx, adam.caller, InvitationForm("back@harrow.example", Role.ADMIN), clock=house.clock).token

    made, raised, _ = at_once(ada, invites, removes(ada, adam))
    assert raised == []
    with pytest.raises(InvitationClosed):
        find_offer(house.app.db, str(made), clock=house.clock)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        identity.restore_member(tx, ada.caller, adam.caller.user_id, clock=house.clock)
    assert [type(one) for one in at_once(ada, removes(ada, adam), invites)[1]] == [Forbidden]


def test_a_link_of_theirs_to_a_colleagues_password(house: House, ada: Member, adam: Member) -> None:
    mia = ada.adds("mia@harrow.example", Role.MEMBER)

    def links(tx: Tx) -> str:
        return identity.create_password_reset(tx, adam.caller, mia.caller.user_id, clock=house.clock).token

    made, raised, _ = at_once(ada, links, removes(ada, adam))
    assert raised == []
    with pytest.raises(ResetLinkClosed):
        find_password_reset(house.app.db, str(made), clock=house.clock)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        identity.restore_member(tx, ada.caller, adam.caller.user_id, clock=house.clock)
    assert [type(one) for one in at_once(ada, removes(ada, adam), links)[1]] == [Forbidden]


def test_a_link_of_theirs_that_sets_a_connection_up(house: House, ada: Member, adam: Member) -> None:
    """Whoever kept it would choose the provider."""
    idp = connects(ada)

    def links(tx: Tx) -> str:
        return create_link(tx, adam.caller, idp.connection_id, clock=house.clock)

    made, raised, _ = at_once(ada, links, removes(ada, adam))
    assert raised == []
    with pytest.raises(SetupLinkEnded):
        find_link(house.app.db, str(made), clock=house.clock)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        identity.restore_member(tx, ada.caller, adam.caller.user_id, clock=house.clock)
    assert [type(one) for one in at_once(ada, removes(ada, adam), links)[1]] == [Forbidden]


def test_neither_waits_for_the_other_without_end_where_a_provider_takes_rights_away(house: House, ada: Member, adam: Member) -> None:
    """Who signs in holds the connection, and then ends links; who makes a link of it wants both, too."""
    idp = connects(ada)

    def links() -> None:
        with ada.services.db.tenant(ada.tenant_id) as tx:
            create_link(tx, ada.caller, idp.connection_id, clock=house.clock)

    with ada.services.db.tenant(ada.tenant_id) as tx:
        tx.get(ConnectionRow, (ada.tenant_id, idp.connection_id), with_for_update={"read": True})
        going_on = beside(house, links)
        raised = going_on.__enter__()
        end_links(tx, ada.caller.actor, adam.caller.user_id)
    going_on.__exit__(None, None, None)
    assert raised == []


def test_a_token_of_a_program_that_becomes_an_owner(house: House, ada: Member, adam: Member) -> None:
    with ada.services.db.tenant(ada.tenant_id) as tx:
        robot = create_service_account(tx, ada.caller, name="Robot", role=Role.ADMIN, clock=house.clock)

    def issues(tx: Tx) -> object:
        form = TokenForm("adam's", frozenset({Scope.PEOPLE_WRITE}), 3, robot)
        return identity.create_token(tx, adam.caller, form, clock=house.clock).token.token_id

    def raises_it(tx: Tx) -> None:
        identity.change_role(tx, ada.caller, robot, role=Role.OWNER)

    made, raised, _ = at_once(ada, issues, raises_it)
    assert raised == []
    with ada.services.db.tenant(ada.tenant_id) as tx:
        with pytest.raises(TokenRefused):
            caller_by_token(tx, made, address=None, now=house.clock.now())  # type: ignore[arg-type]  # an id
        identity.change_role(tx, ada.caller, robot, role=Role.ADMIN)
    assert [type(one) for one in at_once(ada, raises_it, issues)[1]] == [Forbidden]


def test_a_provisioning_token_over_somebody_who_becomes_an_owner(house: House, ada: Member, adam: Member) -> None:
    """Whoever holds one says by which name the owner signs in."""
    idp, eve = connects(ada).opens(), ada.adds("eve@harrow.example", Role.ADMIN)
    idp.arrives("eve", purpose=TransactionPurpose.LINK, user_id=eve.caller.user_id)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        change_provisioning(tx, ada.caller, idp.connection_id, Service(is_on=True), clock=house.clock)

    def issues(tx: Tx) -> str:
        return create_provisioning_token(tx, adam.caller, idp.connection_id, TokenWish(3), clock=house.clock).secret

    def raises_her(tx: Tx) -> None:
        identity.change_role(tx, ada.caller, eve.caller.user_id, role=Role.OWNER)

    made, raised, _ = at_once(ada, issues, raises_her)
    assert raised == []
    with pytest.raises(TokenRefused):
        resolve_client(
            house.app.db, str(made), idp.connection_id, base="", address="192.0.2.7", request_id="r", clock=house.clock
        )
    with ada.services.db.tenant(ada.tenant_id) as tx:
        identity.change_role(tx, ada.caller, eve.caller.user_id, role=Role.ADMIN)
    assert [type(one) for one in at_once(ada, raises_her, issues)[1]] == [Forbidden]
