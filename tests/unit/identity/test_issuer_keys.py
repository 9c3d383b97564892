"""When an issuer is asked for its keys again: at once where one is new, and seldom where somebody invents names."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from joserfc.jwk import RSAKey

from appliance.identity.sso.errors import ProviderSilent, RuleBroken
from appliance.identity.sso.oidc.line import Line
from appliance.identity.sso.oidc.provider import Provider
from appliance.identity.sso.values import Connection, ConnectionId, ConnectionKind, ConnectionState
from appliance.identity.values import Role
from appliance.kernel.ids import TenantId, new_id

ISSUER = "https://idp.example"
PUBLIC = RSAKey.generate_key(2048).as_dict(private=False)
NAMES = ("authorization_endpoint", "token_endpoint", "jwks_uri")
AT = datetime(2026, 1, 1, tzinfo=UTC)


class Issuer:
    """An issuer whose keys have these names, and how often it was asked for them."""

    def __init__(self, *kids: str) -> None:
        self.kids, self.asked, self.is_silent, self.now = list(kids), 0, False, 0.0

    def get(self, url: str, what: str) -> dict[str, Any]:
        if "well-known" in url:
            return {"issuer": ISSUER} | {name: f"{ISSUER}/{name}" for name in NAMES}
        self.asked += 1
        if self.is_silent:
            raise ProviderSilent(why=what)
        return {"keys": [{**PUBLIC, "kid": kid} for kid in self.kids]}


@pytest.fixture
def issuer() -> Issuer:
    return Issuer("one")


@pytest.fixture
def provider(issuer: Issuer) -> Provider:
    settings: dict[str, object] = {"issuer": ISSUER, "client_id": "c"}
    connection = Connection(
        TenantId(new_id()), ConnectionId(new_id()), ConnectionKind.OIDC, "IdP", ConnectionState.ACTIVE, settings, True,
        Role.MEMBER, AT, AT,
    )  # fmt: skip
    return Provider(connection, cast("Line", issuer), tick=lambda: issuer.now)


def kid(provider: Provider, name: str | None, **how: Any) -> str | None:
    return provider.key("RS256", name, **how).kid


def test_a_key_that_is_new_is_asked_for_at_once(provider: Provider, issuer: Issuer) -> None:
    """People come while their provider changes its key: a moment after it was asked, and again a moment later."""
    for new in ("one", "two", "three"):
        issuer.kids = [new]
        assert kid(provider, new) == new
    assert issuer.asked == 3
    assert kid(provider, "three") == "three"
    assert issuer.asked == 3


def test_names_that_are_invented_ask_once_in_five_seconds(provider: Provider, issuer: Issuer) -> None:
    kid(provider, "one")
    for second in range(10):
        issuer.now = second
        with pytest.raises(RuleBroken, match="no such key"):
            kid(provider, f"invented-{second}")
    assert issuer.asked == 1 + 2
    assert kid(provider, "one") == "one"


def test_what_strangers_invent_keeps_nobody_waiting_who_signs_in(provider: Provider, issuer: Issuer) -> None:
    kid(provider, "one")
    with pytest.raises(RuleBroken):
        kid(provider, "invented", is_brought=True)
    issuer.kids = ["two"]
    assert kid(provider, "two") == "two"


def test_a_key_under_the_name_of_before_or_under_none_replaces_it_once_it_is_another(provider: Provider, issuer: Issuer) -> None:
    old = provider.key("RS256", None)
    assert provider.key("RS256", None, instead_of=old) == old  # a signature that is false, and no new key
    issuer.now = 1
    assert provider.key("RS256", None, instead_of=old) == old
    assert issuer.asked == 2
    issuer.now, issuer.kids = 6, ["two"]
    assert provider.key("RS256", None, instead_of=old) == replace(old, kid="two")
    assert issuer.asked == 3


def test_an_issuer_that_does_not_answer_for_its_keys_is_not_asked_without_end(provider: Provider, issuer: Issuer) -> None:
    kid(provider, "one")
    issuer.is_silent = True
    for _ in range(3):
        with pytest.raises(ProviderSilent):
            kid(provider, "two")
    assert issuer.asked == 2
    assert kid(provider, "one") == "one"
