"""The way to a provider and back, and those who lie in wait on it."""

import html
import json
import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask import Flask

from appliance import identity
from appliance.identity import Role
from appliance.identity.sso import connections
from appliance.identity.sso.desk import SignOn as Desk
from appliance.identity.sso.oidc import flow
from appliance.identity.sso.oidc.provider import Providers
from appliance.identity.sso.values import ConnectionState, TransactionPurpose
from appliance.kernel.egress import Egress
from tests.support.house import House, Member
from tests.support.oidc_host import OidcHost, RSAKey, encoded, oidc_host
from tests.support.sign_on import SignOn, connects, owns_domain
from tests.support.site import Browser


@pytest.fixture
def host(house: House) -> Iterator[OidcHost]:
    with oidc_host() as found:
        found.now = lambda: house.clock.now().timestamp()
        port = found.address.rpartition(":")[2]
        desk = house.app.sign_on
        providers = Providers(lambda _only: Egress([f"127.0.0.1:{port}"]))
        object.__setattr__(house.app, "sign_on", Desk(desk.desk, providers, desk.look_up))
        yield found


@pytest.fixture
def idp(host: OidcHost, ada: Member) -> SignOn:
    owns_domain(ada, "harrow.example")
    return connects(ada, issuer=host.address).opens()


def begins(browser: Browser, idp: SignOn, host: OidcHost, target: str = "/") -> str:
    """Go to the provider; return where it sends the browser back to."""
    left = browser.gets(f"/sso/{idp.connection_id}/start?{urlencode({'next': target})}")
    return comes_from(idp, host, left.headers["Location"])


def comes_from(idp: SignOn, host: OidcHost, url: str) -> str:
    return f"/sso/{idp.connection_id}/callback?{urlencode(host.goes_through(url), doseq=True)}"


def by_form(page: str) -> str:
    """Return where the page in between leads."""
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', page)
    assert found is not None, page
    return html.unescape(found[1])


def reasons(house: House) -> list[str]:
    with house.server.connect("boot", house.database) as boot:
        rows = boot.execute(
            "SELECT convert_from(body, 'UTF8')::jsonb -> 'facts' ->> 'reason' FROM cloister.audit_inbox"
            " WHERE event = 'identity:sign_on:refused' ORDER BY event_id"
        ).fetchall()
    return [str(row[0]) for row in rows]


def test_the_request_is_a_code_flow_with_pkce_and_its_own_return(at_cy: Browser, idp: SignOn, host: OidcHost) -> None:
    left = at_cy.gets(f"/sso/{idp.connection_id}/start")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(left.headers["Location"]).query).items()}
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert asked["redirect_uri"].endswith(f"/sso/{idp.connection_id}/callback")
    cookie = next(one for one in left.headers.getlist("Set-Cookie") if one.startswith("cloister_sso="))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_a_person_comes_in_and_their_page_opens(at_cy: Browser, idp: SignOn, host: OidcHost) -> None:
    answer = at_cy.gets(begins(at_cy, idp, host, "/documents"))
    assert answer.headers["Location"] == "/documents"
    page = at_cy.gets("/account").text
    assert "eve@harrow.example" in page
    assert "Second factors" not in page


def test_a_return_that_began_in_another_browser_is_refused(
    site: Flask, at_cy: Browser, idp: SignOn, host: OidcHost, house: House
) -> None:
    """Login CSRF, and a stolen answer: the one who has the address has not the cookie."""
    path = begins(at_cy, idp, host)
    other = Browser(site)
    assert other.gets(path).status_code == 401
    begins(other, idp, host)
    assert other.gets(path).status_code == 401
    assert other.gets("/account").status_code == 303
    assert reasons(house) == ["sign_on_not_begun_here"] * 2


def test_a_return_counts_once(at_cy: Browser, idp: SignOn, host: OidcHost, house: House) -> None:
    path = begins(at_cy, idp, host)
    cookie = at_cy.client.get_cookie("cloister_sso")
    assert cookie is not None
    assert at_cy.gets(path).status_code == 303
    at_cy.client.set_cookie("cloister_sso", cookie.value)
    assert at_cy.gets(path).status_code == 401
    assert reasons(house) == ["sign_on_not_begun_here"]


def test_a_return_counts_for_ten_minutes(at_cy: Browser, idp: SignOn, host: OidcHost, house: House) -> None:
    path = begins(at_cy, idp, host)
    house.clock.passes(minutes=10)
    assert at_cy.gets(path).status_code == 401
    assert reasons(house) == ["sign_on_not_begun_here"]


def test_a_return_of_another_connection_finds_nothing(
    at_cy: Browser, idp: SignOn, host: OidcHost, bo: Member, ada: Member, house: House
) -> None:
    """Another organisation's, and another one of the same: mix-up."""
    for owner in (bo, ada):
        other = connects(owner, "Another", issuer=host.address).opens()
        path = begins(at_cy, idp, host).replace(str(idp.connection_id), str(other.connection_id))
        assert at_cy.gets(path).status_code == 401
    assert at_cy.gets("/account").status_code == 303
    assert reasons(house) == ["sign_on_not_begun_here"] * 2


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "\\\\evil.example", "/\\evil.example", "https://evil.example", "https:evil.example",
     "%2f%2fevil.example", "/\t/evil.example", "javascript:alert(1)", "\n//evil.example", "http:///evil.example"],
    ids=range(10),
)  # fmt: skip
def test_it_leads_to_this_site_only(at_cy: Browser, idp: SignOn, host: OidcHost, target: str) -> None:
    place = at_cy.gets(begins(at_cy, idp, host, target)).headers["Location"]
    assert urlsplit(place).netloc == ""
    assert place == "/"


def test_it_takes_no_session_that_was_put_into_the_browser(at_cy: Browser, idp: SignOn, host: OidcHost) -> None:
    at_cy.client.set_cookie("cloister", "fixed")
    at_cy.gets(begins(at_cy, idp, host))
    cookie = at_cy.client.get_cookie("cloister")
    assert cookie is not None
    assert cookie.value != "fixed"
    assert at_cy.gets("/account").status_code == 200


def test_a_provider_that_is_down_is_said_to_be_and_recorded(at_cy: Browser, idp: SignOn, host: OidcHost, house: House) -> None:
    from werkzeug.wrappers import Response

    host.raw["/.well-known/openid-configuration"] = lambda: Response("", 503)
    answer = at_cy.gets(f"/sso/{idp.connection_id}/start")
    assert answer.status_code == 503
    assert "does not answer" in answer.text
    assert "emergency account" in answer.text
    assert reasons(house) == ["identity_provider_silent"]


@pytest.mark.parametrize("kid", ["k2", "k1", None], ids=["another name", "the same name", "no name"])
def test_a_provider_changes_its_key_between_two_people(at_cy: Browser, idp: SignOn, host: OidcHost, kid: str | None) -> None:
    """However it calls the new one, and though its keys were asked for a moment ago."""
    at_cy.gets(begins(at_cy, idp, host))
    named = {"kid": kid} if kid else {}
    host.keys = [RSAKey.generate_key(2048)]
    public = {name: value for name, value in host.keys[0].as_dict(private=False).items() if name != "kid"}
    host.does("keys", lambda _: {"keys": [public | named]})
    host.does("header", lambda header: {"alg": header["alg"], **named})
    assert at_cy.gets(begins(at_cy, idp, host)).status_code == 303
    assert at_cy.gets("/account").status_code == 200
    assert host.asked.count("/keys") == 2


def test_logout_tokens_that_invent_names_of_keys_keep_nobody_waiting(at_cy: Browser, idp: SignOn, host: OidcHost) -> None:
    """Anybody may send them; a provider's new key is still asked for when somebody comes with it."""
    at_cy.gets(begins(at_cy, idp, host))
    place, forged = f"/sso/{idp.connection_id}/backchannel-logout", host.logout_token().split(".")
    for number in range(5):
        header = encoded(json.dumps({"alg": "RS256", "kid": f"invented-{number}"}).encode())
        at_cy.client.post(place, data={"logout_token": ".".join((header, *forged[1:]))})
    assert host.asked.count("/keys") == 2
    host.keys = [RSAKey.generate_key(2048, {"kid": "k2"})]
    host.does("header", lambda header: {**header, "kid": "k2"})
    assert at_cy.gets(begins(at_cy, idp, host)).status_code == 303
    assert host.asked.count("/keys") == 3


def test_invented_names_of_keys_ask_the_provider_no_more_often(at_cy: Browser, idp: SignOn, host: OidcHost) -> None:
    host.does("header", lambda header: {**header, "kid": "invented"})
    for _ in range(4):
        assert at_cy.gets(begins(at_cy, idp, host)).status_code == 401
    assert host.asked.count("/keys") == 1


def test_back_channel_logout_ends_the_session_it_names_once(at_cy: Browser, idp: SignOn, host: OidcHost, house: House) -> None:
    at_cy.gets(begins(at_cy, idp, host))
    place = f"/sso/{idp.connection_id}/backchannel-logout"
    for wrong in (host.logout_token(sid="another"), host.logout_token(nonce="x", jti="2"), host.logout_token(events={}, jti="3"),
                  host.logout_token(aud="x", jti="4"), host.logout_token(sid=None, jti="5"), "x.y.z", ""):  # fmt: skip
        at_cy.client.post(place, data={"logout_token": wrong})
        assert at_cy.gets("/account").status_code == 200
    token = host.logout_token(jti="last")
    assert at_cy.client.post(place, data={"logout_token": token}, headers={"Origin": host.address}).status_code == 200
    assert at_cy.gets("/account").status_code == 303
    assert at_cy.client.post(place, data={"logout_token": token}).status_code == 400
    assert len(reasons(house)) == 7


def test_back_channel_logout_by_the_subject_ends_all_of_theirs(
    site: Flask, at_cy: Browser, idp: SignOn, host: OidcHost
) -> None:
    other = Browser(site)
    for browser in (at_cy, other):
        browser.gets(begins(browser, idp, host))
    linking = comes_from(idp, host, by_form(at_cy.posts(f"/sso/{idp.connection_id}/link").text))
    token = host.logout_token(sid=None, sub="eve-1")
    at_cy.client.post(f"/sso/{idp.connection_id}/backchannel-logout", data={"logout_token": token})
    assert [browser.gets("/account").status_code for browser in (at_cy, other)] == [303, 303]
    assert at_cy.gets(linking).status_code == 401  # whoever sits there next signs in at the provider as themselves


def test_a_sensitive_step_is_proved_at_the_provider(at_cy: Browser, idp: SignOn, host: OidcHost) -> None:
    idp.maps("staff", role=Role.ADMIN)
    host.does("claims", lambda said: {name: value for name, value in said.items() if name != "auth_time"})
    at_cy.gets(begins(at_cy, idp, host))
    form = {"name": "script", "days": "5", "scopes": "chat"}
    asked = at_cy.posts("/tokens", **form)
    assert asked.status_code == 403
    assert "Prove it at the provider" in asked.text
    left = at_cy.posts("/sso/confirm", back="/tokens")
    url = by_form(left.text)
    assert parse_qs(urlsplit(url).query)["prompt"] == ["login"]
    assert at_cy.gets(comes_from(idp, host, url)).status_code == 401  # it does not say when they proved it
    host.edits.clear()
    came = at_cy.gets(comes_from(idp, host, by_form(at_cy.posts("/sso/confirm", back="/tokens").text)))
    assert came.headers["Location"] == "/tokens?notice=proved"
    assert at_cy.posts("/tokens", **form).status_code == 200


def test_a_test_shows_what_came_and_which_rule_failed_and_lets_nobody_in(
    at_ada: Browser, ada: Member, host: OidcHost, house: House
) -> None:
    one = connects(ada, issuer=host.address)
    host.does("claims", lambda said: {**said, "aud": "somebody-else"})
    failed = at_ada.gets(comes_from(one, host, by_form(at_ada.posts(f"/sso/{one.connection_id}/test").text)))
    assert failed.status_code == 401
    assert "the aud is not us" in failed.text
    assert "somebody-else" in failed.text
    assert "The test was passed" not in failed.text
    host.edits.clear()
    passed = at_ada.gets(comes_from(one, host, by_form(at_ada.posts(f"/sso/{one.connection_id}/test").text)))
    assert "The test was passed" in passed.text
    assert "<code>eve-1</code>" in passed.text
    assert "eve@harrow.example" in passed.text
    assert one.connection.state is ConnectionState.TESTED
    assert one.connection.tested_by == ada.caller.user_id
    with house.app.db.tenant(ada.tenant_id) as tx:
        assert len(identity.list_people(tx, ada.caller)) == 1


def test_an_owner_links_enforces_and_comes_back_by_the_provider(at_ada: Browser, idp: SignOn, host: OidcHost, ada: Member) -> None:
    host.subject = "ada-1"
    at_ada.gets(comes_from(idp, host, by_form(at_ada.posts(f"/sso/{idp.connection_id}/test").text)))
    came = at_ada.gets(comes_from(idp, host, by_form(at_ada.posts(f"/sso/{idp.connection_id}/link").text)))
    assert came.headers["Location"] == "/account?notice=linked"
    assert at_ada.posts(f"/sign-on/{idp.connection_id}/enforcement").status_code == 303
    assert at_ada.gets("/account").status_code == 303
    assert at_ada.signs_in(ada).status_code == 200  # the page that leads to the provider
    assert at_ada.gets("/account").status_code == 303
    at_ada.gets(begins(at_ada, idp, host))
    assert ada.caller.email in at_ada.gets("/account").text


def test_whoever_is_not_linked_yet_links_by_their_password_once_it_is_enforced(
    site: Flask, at_ada: Browser, idp: SignOn, host: OidcHost, ada: Member, house: House
) -> None:
    eve = ada.adds("eve@harrow.example", Role.MEMBER)
    idp.arrives("ada-1", purpose=TransactionPurpose.LINK, user_id=ada.caller.user_id)
    idp.is_tested(ada)
    with house.app.db.tenant(ada.tenant_id) as tx:
        connections.enforce(tx, ada.caller, idp.connection_id)
    browser = Browser(site)
    assert browser.signs_in(eve, "wrong password, for sure").status_code == 401
    browser.gets(comes_from(idp, host, by_form(browser.signs_in(eve).text)))
    assert str(eve.caller.user_id) == str(idp.who(browser.client.get_cookie("cloister").value).user_id)  # type: ignore[union-attr]


def test_a_link_is_begun_by_a_form_of_ours_alone(at_ada: Browser, idp: SignOn, host: OidcHost) -> None:
    """Or a stranger would have their own person of the provider linked with whoever follows an address."""
    assert at_ada.gets(f"/sso/{idp.connection_id}/link").status_code == 405
    assert at_ada.client.post(f"/sso/{idp.connection_id}/link", data={"csrf": "0" * 64}).status_code == 403


def test_a_session_of_a_provider_changes_no_password_and_no_factor(at_cy: Browser, idp: SignOn, host: OidcHost, ada: Member) -> None:
    idp.arrives("eve-1", purpose=TransactionPurpose.LINK, user_id=ada.caller.user_id)
    at_cy.gets(begins(at_cy, idp, host))
    assert ada.caller.email in at_cy.gets("/account").text
    for path, form in (("/account/factors/totp", {"label": "mine"}), ("/account/password", {"current": "x", "new": "y" * 20}),
                       ("/account/recovery-codes", {})):  # fmt: skip
        assert at_cy.posts(path, **form).status_code == 403, path


def test_an_address_leads_to_its_organisations_provider_whether_or_not_there_is_such_a_person(
    at_cy: Browser, idp: SignOn, host: OidcHost, ada: Member
) -> None:
    pages = [at_cy.posts("/sso/find", email=email).text for email in (ada.caller.email, "nobody@harrow.example")]
    places = [urlsplit(by_form(one)) for one in pages]
    assert {(one.netloc, one.path) for one in places} == {(host.address.removeprefix("http://"), "/authorize")}
    assert at_cy.posts("/sso/find", email="ada@elsewhere.example").status_code == 404
    assert "Our IdP" in at_cy.gets(f"/sso/at/{ada.tenant_id}").text
    assert at_cy.gets("/sso/at/01900000-0000-7000-8000-000000000000").status_code == 404


def lead_nowhere(at_ada: Browser, ada: Member) -> str:
    """Return a link to a connection whose provider is not there."""
    there = connects(ada, "Nowhere", issuer="https://nowhere.example").connection_id
    found = re.search(r"/sso/setup\?link=([\w-]+)", html.unescape(at_ada.posts(f"/sign-on/{there}/setup-link").text))
    assert found is not None
    return found[1]


def test_a_link_sets_the_connection_up_for_whoever_holds_it(site: Flask, at_ada: Browser, ada: Member, host: OidcHost) -> None:
    one = connects(ada, issuer=host.address)
    ours = f"/sign-on/{one.connection_id}"
    assert f"{ours}/setup-link/revocation" not in at_ada.gets(ours).text  # there is none to close
    page = at_ada.posts(f"{ours}/setup-link").text
    assert f"{ours}/setup-link/revocation" in page
    assert f"{ours}/activation" not in page  # nobody has tested it
    found = re.search(r"/sso/setup\?link=([\w-]+)", html.unescape(page))
    assert found is not None
    stranger = Browser(site)
    away = stranger.posts("/sso/setup/test", link=lead_nowhere(at_ada, ada)).text
    assert ("does not answer" in away, "The test was passed" in away, "/sso/setup?link=" in away) == (True, False, True)
    shown = stranger.gets(f"/sso/setup?link={found[1]}").text
    assert f"/sso/{one.connection_id}/callback" in shown
    assert "a secret of the client" not in shown
    assert ('value="sub"' in shown, "Another provider" in shown) == (True, True)
    assert 'value="oid"' in stranger.gets(f"/sso/setup?link={found[1]}&vendor=entra").text
    saved = stranger.posts("/sso/setup", link=found[1], issuer=host.address, client_id="cloister", groups_claim="groups")
    assert saved.status_code == 303
    came = stranger.gets(comes_from(one, host, by_form(stranger.posts("/sso/setup/test", link=found[1]).text)))
    assert "The test was passed" in came.text
    assert f"{ours}/activation" in at_ada.gets(ours).text
    at_ada.posts(f"{ours}/setup-link/revocation")
    assert f"{ours}/setup-link/revocation" not in at_ada.gets(ours).text
    assert stranger.gets("/sign-on").status_code == 303
    assert stranger.gets("/sso/setup?link=guessed").status_code == 403


def test_a_link_to_a_connection_by_a_proxy_asks_for_what_a_proxy_has(site: Flask, at_ada: Browser) -> None:
    made = at_ada.posts("/sign-on", kind="proxy", name="Proxy", networks="10.1.2.3/32").headers["Location"].partition("?")[0]
    found = re.search(r"/sso/setup\?link=([\w-]+)", html.unescape(at_ada.posts(f"{made}/setup-link").text))
    assert found is not None
    stranger = Browser(site)
    shown = stranger.gets(f"/sso/setup?link={found[1]}").text
    assert ("10.1.2.3/32" in shown, 'name="issuer"' in shown, "/proxied" in shown) == (True, False, True)
    form = {"networks": "10.1.2.4/32", "user_header": "X-Forwarded-User", "secret_header": "X-Proxy-Secret"}
    assert stranger.posts("/sso/setup", link=found[1], **form).status_code == 303
    assert "10.1.2.4/32" in at_ada.gets(made).text


def test_the_wizard_begins_changes_and_ends_a_connection(at_ada: Browser, ada: Member, host: OidcHost, house: House) -> None:
    form = {"name": "Entra", "issuer": host.address, "client_id": "c", "key": "not-to-be-shown", "groups_claim": "groups"}
    made = at_ada.posts("/sign-on", **form).headers["Location"].partition("?")[0]
    page = at_ada.gets(made).text
    assert "not-to-be-shown" not in page
    assert "Not tested as it is set now" in page
    wrong = at_ada.posts(made, **{**form, "issuer": "ftp://x", "name": "Kept"})
    assert (wrong.status_code, "Kept" in wrong.text) == (422, True)
    assert at_ada.posts(f"{made}/activation").status_code == 409
    assert at_ada.posts(f"{made}/mappings", said="cn=it", gives="role:admin").status_code == 303
    assert "cn=it" in at_ada.gets(made).text
    assert at_ada.posts(f"{made}/people", default_role="auditor").status_code == 303
    assert at_ada.posts(f"{made}/deletion").status_code == 303
    assert at_ada.gets(made).status_code == 404
    assert at_ada.posts("/sign-on/domains", domain="harrow.example").status_code == 303
    assert "_cloister-challenge.harrow.example" in at_ada.gets("/sign-on").text


def test_an_account_at_google_has_anybody_and_one_of_a_verified_workspace_comes_in(
    at_cy: Browser, idp: SignOn, host: OidcHost, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that is open to all of Google let anybody in as a member, with an address of the organisation if they read its mail once."""
    monkeypatch.setattr(flow, "_EVERYBODYS", frozenset({host.address}))
    for home, status in (({}, 401), ({"hd": "evil.example"}, 401), ({"hd": ["harrow.example"]}, 401), ({"hd": "harrow.example"}, 303)):
        host.person = {"email": "eve@harrow.example", "email_verified": True, "name": "Eve", **home}
        assert at_cy.gets(begins(at_cy, idp, host)).status_code == status, home
    assert reasons(house) == ["rule_broken"] * 3
