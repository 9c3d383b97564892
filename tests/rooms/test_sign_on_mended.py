"""What a set-up link's holder cannot bring into use, and what a password alone does not link."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from appliance import identity
from appliance.identity import Role
from appliance.identity.sso import connections
from appliance.identity.sso.connections import ConnectionChange
from appliance.identity.sso.errors import ConnectionTestedByLink, LinkUnproven
from appliance.identity.sso.values import ConnectionState, TransactionPurpose
from tests.support.house import House, Member
from tests.support.roles import has_factor, shown_by
from tests.support.sign_on import SignOn, connects, owns_domain, refusals


@pytest.fixture
def boot(house: House) -> Iterator["psycopg.Connection[Any]"]:
    with house.server.connect("boot", house.database) as connection:
        yield connection


def activates(one: SignOn, by: Member) -> None:
    with one.house.app.db.tenant(one.owner.tenant_id) as tx:
        connections.activate(tx, by.caller, one.connection_id)


def test_a_test_by_a_set_up_link_brings_no_connection_into_use(ada: Member) -> None:
    """Its holder chose the provider, and alone saw what it says: an administrator goes through it, and sees it too."""
    one = connects(ada)
    one.is_tested()
    assert str(one.connection.state) == ConnectionState.TESTED
    with pytest.raises(ConnectionTestedByLink):
        activates(one, ada)
    adam = ada.adds("adam@harrow.example", Role.ADMIN)
    one.is_tested(adam)
    one.is_tested()  # the link's holder again: what Adam saw has not changed since
    activates(one, ada)
    assert one.connection.state is ConnectionState.ACTIVE


def test_the_test_of_whoever_may_no_longer_change_sign_on_does_not_count(ada: Member) -> None:
    one, adam = connects(ada), ada.adds("adam@harrow.example", Role.ADMIN)
    one.is_tested(adam)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        identity.change_role(tx, ada.caller, adam.caller.user_id, role=Role.MEMBER)
    with pytest.raises(ConnectionTestedByLink):
        activates(one, ada)


def test_an_administrators_test_ends_with_what_the_link_changes_after_it(ada: Member) -> None:
    one = connects(ada)
    one.is_tested(ada)
    one.house.clock.passes(seconds=1)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        change = ConnectionChange(settings={"issuer": "https://idp.harrow.example", "client_id": "another"})
        connections.change_connection(
            tx, ada.caller, one.connection_id, change, sealer=ada.services.vault, clock=ada.house.clock
        )
    one.is_tested()
    with pytest.raises(ConnectionTestedByLink):
        activates(one, ada)


@pytest.fixture
def enforced(ada: Member) -> SignOn:
    owns_domain(ada, "harrow.example")
    one = connects(ada).opens()
    one.arrives("ada-1", purpose=TransactionPurpose.LINK, user_id=ada.caller.user_id)
    one.is_tested(ada)
    return one


def enforces(one: SignOn) -> None:
    with one.house.app.db.tenant(one.owner.tenant_id) as tx:
        connections.enforce(tx, one.owner.caller, one.connection_id)


def links(one: SignOn, member: Member, subject: str, **said: Any) -> str:
    return one.arrives(subject, purpose=TransactionPurpose.LINK, user_id=member.caller.user_id, **said)


def test_a_password_alone_links_nobody_once_it_is_enforced(ada: Member, enforced: SignOn, boot: "psycopg.Connection[Any]") -> None:
    """Whoever has a colleague's password has an account of their own at the provider, too: they would become that colleague."""
    eve = ada.adds("eve@harrow.example", Role.MEMBER)
    enforces(enforced)
    others: list[dict[str, Any]] = [
        {}, {"email": "mallory@harrow.example"}, {"email": "eve@harrow.example", "is_email_verified": False},
    ]  # fmt: skip
    for said in others:
        with pytest.raises(LinkUnproven):
            links(enforced, eve, "mallory-1", **said)
    assert refusals(boot) == ["link_unproven"] * 3
    token = links(enforced, eve, "eve-1", email="Eve@harrow.example")
    assert enforced.who(token).user_id == eve.caller.user_id


def test_an_address_of_a_domain_that_is_not_the_organisations_proves_nothing(ada: Member, enforced: SignOn) -> None:
    eve = ada.adds("eve@elsewhere.example", Role.MEMBER)
    enforces(enforced)
    with pytest.raises(LinkUnproven):
        links(enforced, eve, "eve-1", email="eve@elsewhere.example")


def test_an_account_with_a_second_factor_has_proved_it_on_the_way(ada: Member, enforced: SignOn) -> None:
    eve = ada.adds("eve@harrow.example", Role.MEMBER)
    has_factor(eve)
    enforces(enforced)
    assert enforced.who(links(enforced, eve, "any-name", factor_id=shown_by(eve))).user_id == eve.caller.user_id


def test_while_passwords_let_people_in_they_link_as_well(ada: Member, enforced: SignOn) -> None:
    eve = ada.adds("eve@harrow.example", Role.MEMBER)
    assert enforced.who(links(enforced, eve, "any-name")).user_id == eve.caller.user_id


def test_an_account_that_a_provider_made_moves_to_another_one_while_passwords_let_people_in(ada: Member, enforced: SignOn) -> None:
    """While sign-on is enforced it does not: it has no address and no factor of its own that would prove whose it is."""
    eve = enforced.who(enforced.arrives("eve-1", email="eve@harrow.example"))
    new = connects(ada, "The new IdP", issuer="https://new.example").opens()
    link: dict[str, Any] = {"purpose": TransactionPurpose.LINK, "user_id": eve.user_id, "email": "eve@harrow.example"}
    enforces(enforced)
    with pytest.raises(LinkUnproven):
        new.arrives("e-1", **link)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        connections.relax(tx, ada.caller, enforced.connection_id)
    assert new.who(new.arrives("e-1", **link)).user_id == eve.user_id
    with ada.services.db.tenant(ada.tenant_id) as tx:
        connections.turn_off(tx, ada.caller, enforced.connection_id)
        connections.remove_connection(tx, ada.caller, enforced.connection_id)
    assert new.who(new.arrives("e-1", email="eve@harrow.example")).user_id == eve.user_id
