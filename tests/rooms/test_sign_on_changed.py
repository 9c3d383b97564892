"""Somebody is on their way to a provider while the connection is set otherwise: nothing is redeemed or judged by other settings."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from appliance.identity import Role
from appliance.identity.sso import connections, mappings
from appliance.identity.sso.connections import ConnectionChange
from appliance.identity.sso.desk import SignOn as Desk
from appliance.identity.sso.errors import ConnectionChanged, ConnectionClosed, LinkUnproven, PersonUnknown, RuleBroken
from appliance.identity.sso.oidc.provider import Providers
from appliance.identity.sso.values import Return, TransactionPurpose, Wish
from appliance.kernel.egress import Egress
from tests.support.house import House, Member
from tests.support.oidc_host import OidcHost, oidc_host
from tests.support.roles import has_factor, shown_by
from tests.support.saml_provider import known_signer, signer
from tests.support.saml_sign_on import SamlSignOn, opens_saml, request_of
from tests.support.sign_on import CAME, SignOn, connects, owns_domain, refusals


@pytest.fixture
def host(house: House) -> Iterator[OidcHost]:
    with oidc_host() as found:
        found.now = lambda: house.clock.now().timestamp()
        desk, name = house.app.sign_on, found.address.removeprefix("http://")
        object.__setattr__(house.app, "sign_on", Desk(desk.desk, Providers(lambda _only: Egress([name])), desk.look_up))
        yield found


@pytest.fixture
def idp(host: OidcHost, ada: Member) -> SignOn:
    owns_domain(ada, "harrow.example")
    return connects(ada, issuer=host.address).opens()


def changes(idp: SignOn, *, secret: str | None = None, further: ConnectionChange | None = None, **settings: Any) -> None:
    idp.house.clock.passes(seconds=1)
    change = further or ConnectionChange(settings=idp.connection.settings | settings, secret=secret)
    with idp.house.app.db.tenant(idp.owner.tenant_id) as tx:
        connections.change_connection(
            tx, idp.owner.caller, idp.connection_id, change, sealer=idp.house.app.vault, clock=idp.house.clock
        )


def is_turned_off(idp: SignOn) -> None:
    with idp.house.app.db.tenant(idp.owner.tenant_id) as tx:
        connections.turn_off(tx, idp.owner.caller, idp.connection_id)


def leaves(idp: SignOn, host: OidcHost, wish: Wish | None = None) -> Callable[[], Return]:
    """Go to the provider; return what brings the browser back."""
    sign_on = idp.house.app.sign_on
    departure = sign_on.leave(idp.connection, wish or Wish(), CAME)
    answer = host.goes_through(departure.url)
    return lambda: sign_on.come_back(idp.connection, departure.token, answer, CAME)


def test_a_code_is_redeemed_by_the_settings_it_was_asked_with_or_not_at_all(
    house: House, ada: Member, idp: SignOn, host: OidcHost
) -> None:
    """Else a provider that was just entered would be sent the code and the verifier of the one before."""
    test = Wish(TransactionPurpose.TEST, ada.caller.user_id)

    def there_and_back() -> None:
        changes(idp, issuer="https://elsewhere.example")
        changes(idp, issuer=host.address)

    acts: list[Callable[[], None]] = [
        lambda: changes(idp, client_id="another"),
        lambda: changes(idp, secret="another one"),
        lambda: changes(idp, subject_claim="email", groups_claim="roles"),
        there_and_back,
    ]
    for act, wish in [*((one, Wish()) for one in acts), (there_and_back, test)]:
        came = leaves(idp, host, wish)
        act()
        idp.opens()
        host.asked.clear()
        with pytest.raises(ConnectionChanged):
            came()
        assert host.asked == []
    came = leaves(idp, host)
    is_turned_off(idp)
    with pytest.raises(ConnectionClosed):
        came()
    assert "/token" not in host.asked
    with house.server.connect("boot", house.database) as boot:
        assert refusals(boot) == ["connection_changed"] * 5 + ["connection_closed"]


@pytest.mark.parametrize("place", ["description", "claims"])
def test_a_change_while_the_provider_is_asked_lets_nobody_in(idp: SignOn, host: OidcHost, place: str) -> None:
    """And the one that was asked is not shown the secret that belongs to the one of now."""
    came = leaves(idp, host)
    idp.house.app.sign_on.providers._kept.clear()
    host.asked.clear()

    def between(_: dict[str, Any]) -> None:
        host.edits.clear()
        changes(idp, secret="of another provider")

    host.does(place, between)
    with pytest.raises(ConnectionChanged):
        came()
    assert ("/token" in host.asked) == (place == "claims")


def test_what_is_ours_to_say_counts_as_it_is_when_somebody_comes(ada: Member, idp: SignOn, host: OidcHost) -> None:
    """Mappings, who is made here, that it is enforced: no provider is asked about these, so the way goes on."""
    mapped = idp.maps("staff", role=Role.ADMIN)
    came = leaves(idp, host)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        mappings.remove_mapping(tx, ada.caller, idp.connection_id, mapped.mapping_id)
    assert idp.who(came().session).role is Role.MEMBER

    host.subject = "mia-1"
    came = leaves(idp, host)
    changes(idp, further=ConnectionChange(provisions=False))
    with pytest.raises(PersonUnknown):
        came()

    idp.arrives("ada-1", purpose=TransactionPurpose.LINK, user_id=ada.caller.user_id)
    bob = ada.adds("bob@harrow.example", Role.MEMBER)
    host.subject = "mallory-1"
    came = leaves(idp, host, Wish(TransactionPurpose.LINK, bob.caller.user_id))
    idp.is_tested(ada)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        connections.enforce(tx, ada.caller, idp.connection_id)
    with pytest.raises(LinkUnproven):
        came()


@pytest.fixture
def saml(ada: Member) -> SamlSignOn:
    owns_domain(ada, "harrow.example")
    return opens_saml(ada)


def test_the_factor_that_was_shown_goes_along_whatever_the_provider_speaks(
    house: House, ada: Member, host: OidcHost, saml: SamlSignOn
) -> None:
    idp = connects(ada, issuer=host.address).opens()
    bob = ada.adds("bob@harrow.example", Role.MEMBER)
    has_factor(bob)
    idp.arrives("ada-1", purpose=TransactionPurpose.LINK, user_id=ada.caller.user_id)
    idp.is_tested(ada)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        connections.enforce(tx, ada.caller, idp.connection_id)
    wish = Wish(TransactionPurpose.LINK, bob.caller.user_id, factor_id=shown_by(bob))
    host.subject = "bob-1"
    assert idp.who(leaves(idp, host, wish)().session).user_id == bob.caller.user_id
    departure = house.app.sign_on.leave(saml.connection, wish, CAME)
    came = saml.comes_back(saml.lands(saml.lab(request_of(departure)).true()), departure.token)
    assert saml.who(came.session).user_id == bob.caller.user_id


def test_a_response_answers_a_request_by_the_settings_it_was_asked_with(ada: Member, saml: SamlSignOn) -> None:
    before = dict(saml.connection.settings)
    acts: list[dict[str, Any]] = [
        {"certificates": [known_signer("provider").pem, signer("new").pem]},
        {"sign_on_url": "https://idp.example/another"},
        {"groups_attribute": "roles", "subject_attribute": "mail"},
        {"takes_unsolicited": True},
    ]
    for act in acts:
        for purpose in (TransactionPurpose.SIGN_IN, TransactionPurpose.TEST):
            departure = saml.leaves(purpose)
            changes(saml, **act)
            saml.opens()
            message = saml.lab(request_of(departure)).true()
            with pytest.raises(ConnectionChanged):
                saml.lands(message)
            changes(saml, further=ConnectionChange(settings=before))
            saml.opens()
    departure = saml.leaves()
    landed = saml.lands(saml.lab(request_of(departure)).true())
    is_turned_off(saml)
    with pytest.raises(ConnectionClosed):
        saml.comes_back(landed, departure.token)


def test_a_request_whose_settings_were_rewritten_is_none_of_ours(saml: SamlSignOn) -> None:
    """The id says of which settings it is, and proves it: nobody writes those of now into one of before."""
    request_id, later = request_of(saml.leaves()), SamlSignOn(saml.owner, saml.connection_id)
    changes(saml, sign_on_url="https://idp.example/another")
    now = request_of(later.leaves())
    bent = request_id[:50] + now[50:66] + request_id[66:]
    assert bent not in {request_id, now}
    with pytest.raises(RuleBroken, match="in_response_to"):
        saml.lands(saml.lab(bent).true())
