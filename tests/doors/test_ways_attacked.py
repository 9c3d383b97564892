"""Ways to a provider that strangers begin without end: they leave nothing here, and open nothing else."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import urlencode

import psycopg
import pytest
from flask import Flask

from appliance.identity import Role
from appliance.identity.sso import ways
from appliance.identity.sso.errors import TransactionClosed
from appliance.identity.sso.values import TransactionPurpose, Wish
from tests.doors import test_sign_on_flow as flow
from tests.support.house import House, Member
from tests.support.oidc_host import OidcHost
from tests.support.saml_sign_on import opens_saml, request_of
from tests.support.sign_on import CAME, SignOn
from tests.support.site import Browser

begins, host, idp = flow.begins, flow.host, flow.idp


def rows(house: House) -> list[int]:
    """Return how much is stored of ways, and how many entries are in the log."""
    tables = ("sso_transactions", "sso_seen", "audit_inbox", "sign_ins")
    with house.server.connect("boot", house.database) as boot:
        return [_count(boot, one) for one in tables]


def _count(boot: "psycopg.Connection[tuple[object, ...]]", table: str) -> int:
    row = boot.execute(f"SELECT count(*) FROM cloister.{table}").fetchone()
    assert row is not None
    return int(str(row[0]))


def test_whoever_begins_without_end_stores_nothing(site: Flask, idp: SignOn, host: OidcHost, ada: Member, house: House) -> None:
    saml = opens_saml(ada, "Another")
    before = rows(house)
    for number in range(20):
        stranger = Browser(site)
        for place in (f"/sso/{idp.connection_id}/start", f"/sso/{saml.connection_id}/start"):
            assert stranger.gets(f"{place}?{urlencode({'next': f'/documents?{number}'})}").status_code in {200, 303}
    assert rows(house) == before


def test_strangers_push_nobody_out(site: Flask, at_cy: Browser, idp: SignOn, host: OidcHost) -> None:
    path = begins(at_cy, idp, host, "/documents")
    for _ in range(60):
        Browser(site).gets(f"/sso/{idp.connection_id}/start")
    assert at_cy.gets(path).headers["Location"] == "/documents"


def test_what_a_browser_brings_is_a_sign_in_and_nothing_else(ada: Member, idp: SignOn, house: House) -> None:
    """Whoever had the key of ways could link nobody's account with their own person at the provider."""
    desk = house.app.sign_on.desk
    eve = ada.adds("eve@harrow.example", Role.MEMBER)
    for purpose in (TransactionPurpose.LINK, TransactionPurpose.TEST, TransactionPurpose.CONFIRM):
        with house.app.db.tenant(ada.tenant_id) as tx:
            wish = Wish(purpose, eve.caller.user_id)
            token = ways.begin(tx, desk, idp.connection, wish, secrets={})
            assert not token.startswith("way.")
    found = ways.open_way(desk, idp.connection, ways.seal_way(desk, idp.connection, secrets={"purpose": "link"}, target="/"))
    assert (found.purpose, found.user_id) == (TransactionPurpose.SIGN_IN, None)


def flipped(token: str) -> str:
    sealed = bytearray(urlsafe_b64decode(token.removeprefix("way.")))
    sealed[-1] ^= 1
    return "way." + urlsafe_b64encode(sealed).decode()


BENT: list[Callable[[str], str]] = [
    flipped, lambda token: token[:-8], lambda token: token + "AAAA", lambda _: "way.", lambda _: "way.%%%",
    lambda token: token.removeprefix("way."), lambda _: "way." + "A" * 5000, lambda _: "way.ä",
]  # fmt: skip


@pytest.mark.parametrize("bend", BENT, ids=range(len(BENT)))
def test_a_bent_way_is_closed(idp: SignOn, house: House, bend: Callable[[str], str]) -> None:
    desk = house.app.sign_on.desk
    token = ways.seal_way(desk, idp.connection, secrets={}, target="/")
    with house.app.db.tenant(idp.owner.tenant_id) as tx, pytest.raises(TransactionClosed):
        ways.take(tx, desk, idp.connection, bend(token))


def test_a_way_written_otherwise_counts_once_still(idp: SignOn, house: House) -> None:
    """Base64 has several spellings of the same bytes."""
    desk = house.app.sign_on.desk
    token = ways.seal_way(desk, idp.connection, secrets={}, target="/")
    with house.app.db.tenant(idp.owner.tenant_id) as tx:
        ways.take(tx, desk, idp.connection, token)
        for again in (token, token + "=", token[:20] + "\n" + token[20:]):
            with pytest.raises(TransactionClosed):
                ways.take(tx, desk, idp.connection, again)


def test_a_long_target_is_left_out_of_the_cookie(at_cy: Browser, idp: SignOn, host: OidcHost) -> None:
    answer = at_cy.gets(f"/sso/{idp.connection_id}/start?{urlencode({'next': '/documents?' + 'x' * 6000})}")
    cookie = next(one for one in answer.headers.getlist("Set-Cookie") if one.startswith("cloister_sso="))
    assert len(cookie) < 4096


def test_a_request_of_saml_is_proved_by_its_own_id(ada: Member, bo: Member, house: House) -> None:
    saml, other, desk = opens_saml(ada), opens_saml(bo), house.app.sign_on.desk
    mine = request_of(saml.leaves())
    bent = [mine[:-1] + ("0" if mine[-1] != "0" else "1"), mine[:2] + "0" * 32 + mine[34:], mine[:50], mine + "0", "_w"]
    with house.app.db.tenant(ada.tenant_id) as tx:
        for one in bent:
            with pytest.raises(TransactionClosed):
                ways.take_request(tx, desk, saml.connection, one)
    with house.app.db.tenant(bo.tenant_id) as tx, pytest.raises(TransactionClosed):
        ways.take_request(tx, desk, other.connection, mine)
    with house.app.db.tenant(ada.tenant_id) as tx:
        assert ways.take_request(tx, desk, saml.connection, mine).purpose is TransactionPurpose.SIGN_IN
        with pytest.raises(TransactionClosed):
            ways.take_request(tx, desk, saml.connection, mine)


def test_the_page_after_the_reply_wants_the_cookie_of_that_request(ada: Member) -> None:
    saml = opens_saml(ada)
    first, second = saml.leaves(), saml.leaves()
    landed = saml.lands(saml.lab(request_of(first)).true())
    with pytest.raises(TransactionClosed):
        saml.comes_back(landed, second.token)
    landed = saml.lands(saml.lab(request_of(second)).true())
    assert saml.comes_back(landed, second.token).target == "/documents"
    assert CAME.address
