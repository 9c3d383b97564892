"""Every forged response through the reply address of the running product: nobody comes in, and the log says why, once."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from appliance.identity.sso import links
from appliance.identity.sso.values import Departure
from tests.support.costs import Cost
from tests.support.forgeries import FORGERIES
from tests.support.house import House, Member
from tests.support.product import csrf
from tests.support.saml_provider import known_signer, posted
from tests.support.saml_sign_on import SamlSignOn, asked_of, connects_saml, opens_saml, request_of
from tests.support.sign_on import owns_domain
from tests.support.site import Browser

# What an answer to a request of nobody, or to none, is told before anything else of it is looked at.
_EARLIER = {
    "answer_response_for_another": "in_response_to", "answer_of_another_request": "in_response_to", "answer_of_none": "unsolicited",
}  # fmt: skip


@pytest.fixture
def idp(ada: Member) -> SamlSignOn:
    owns_domain(ada, "harrow.example")
    return opens_saml(ada)


def starts(site: Flask, idp: SamlSignOn, target: str = "/documents") -> tuple[Browser, str]:
    """Send a browser to the provider; return it, and the id of its request."""
    browser = Browser(site)
    away = browser.gets(f"/sso/{idp.connection_id}/start?next={target}")
    assert away.status_code == 303
    (packed,) = parse_qs(urlsplit(away.location).query)["SAMLRequest"]
    assert packed
    return browser, _request(away.location)


def _request(url: str) -> str:
    return request_of(Departure(url, ""))


def comes(browser: Browser, idp: SamlSignOn, message: str | bytes, **fields: str) -> TestResponse:
    """Post a response from the provider's site, where the browser sends no cookie of ours with it."""
    stranger = browser.client.application.test_client()
    return stranger.post(
        f"/sso/{idp.connection_id}/acs", data={"SAMLResponse": posted(message)} | fields,
        headers={"Origin": "https://idp.example", "Sec-Fetch-Site": "cross-site"},
    )  # fmt: skip


def refusals(house: House) -> list[tuple[str, str | None]]:
    with house.server.connect("boot", house.database) as boot:
        return boot.execute(
            "SELECT convert_from(body, 'UTF8')::jsonb -> 'facts' ->> 'reason', convert_from(body, 'UTF8')::jsonb -> 'facts' ->> 'rule'"
            " FROM cloister.audit_inbox WHERE event = 'identity:sign_on:refused' ORDER BY event_id"
        ).fetchall()  # type: ignore[return-value]


def test_a_person_signs_in_by_the_bounce_and_is_where_they_wanted(site: Flask, idp: SamlSignOn) -> None:
    browser, request_id = starts(site, idp)
    landed = comes(browser, idp, idp.lab(request_id).true())

    assert landed.status_code == 303
    assert "Set-Cookie" not in landed.headers
    done = browser.gets(landed.location)
    assert (done.status_code, done.location) == (303, "/documents")
    assert "Cleo" in browser.gets("/account").text


def test_a_stolen_response_or_way_signs_nobody_in_elsewhere(site: Flask, house: House, idp: SamlSignOn) -> None:
    browser, request_id = starts(site, idp)
    landed = comes(browser, idp, idp.lab(request_id).true())
    other, _ = starts(site, idp)

    assert other.gets(landed.location).status_code == 401
    assert browser.gets(landed.location).status_code == 401
    assert browser.gets("/account").status_code == 303
    assert [reason for reason, _ in refusals(house)] == ["sign_on_not_begun_here"] * 2


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example", "/%09/evil.example", "javascript:alert(1)"]
)
def test_a_sign_in_that_the_provider_begins_leads_to_a_path_of_ours(site: Flask, ada: Member, target: str) -> None:
    owns_domain(ada, "harrow.example")
    idp = opens_saml(ada, takes_unsolicited=True)
    browser = Browser(site)
    landed = browser.client.post(
        f"/sso/{idp.connection_id}/acs", data={"SAMLResponse": posted(idp.lab(None).true()), "RelayState": target}
    )

    done = browser.gets(landed.location)

    assert done.status_code == 303
    assert urlsplit(done.location).netloc == ""
    assert done.location.startswith("/")
    assert not done.location.startswith("//")
    assert "Cleo" in browser.gets("/account").text


def test_every_forged_response_is_refused_with_one_entry_in_the_log(site: Flask, house: House, idp: SamlSignOn) -> None:
    expected, dear = [], []
    provider = Browser(site)
    for name, (forgery, rule) in sorted(FORGERIES.items()):
        message = forgery(idp.lab(request_of(idp.leaves())))
        with Cost() as cost:
            answer = comes(provider, idp, message)
        if cost.seconds > 0.2 or cost.kilobytes > 50_000:
            dear.append((name, cost))
        assert answer.status_code == 401, name
        assert "cloister=" not in answer.headers.get("Set-Cookie", ""), name
        expected.append((name, _EARLIER.get(name, rule.value)))

    found = refusals(house)

    assert [reason for reason, _ in found] == ["rule_broken"] * len(expected)
    assert [(name, rule) for (name, _), (_, rule) in zip(expected, found, strict=True)] == expected
    assert dear == []
    assert len(expected) >= 70


def test_who_tests_a_connection_reads_which_rule_was_broken_and_what_to_do(site: Flask, at_ada: Browser, idp: SamlSignOn) -> None:
    left = at_ada.posts(f"/sso/{idp.connection_id}/test")
    found = re.search(r'href="(https://idp\.example/[^"]+)"', left.text)
    assert found is not None
    lab = idp.lab(_request(found[1].replace("&amp;", "&")), audience="https://wrong.example/metadata")

    answer = comes(at_ada, idp, lab.true())

    assert answer.status_code == 401
    assert "audience" in answer.text
    assert "Copy the entity id of this connection" in answer.text
    assert "https://wrong.example/metadata" in answer.text


def test_metadata_is_open_to_whoever_looks_after_the_provider(site: Flask, idp: SamlSignOn, at_cy: Browser) -> None:
    answer = at_cy.gets(f"/sso/{idp.connection_id}/metadata")

    assert (answer.status_code, answer.content_type) == (200, "application/samlmetadata+xml")
    assert f'entityID="{idp.ours.entity_id}"' in answer.text
    assert "PRIVATE" not in answer.text
    assert at_cy.gets("/sso/00000000-0000-7000-8000-000000000000/metadata").status_code == 404


def test_the_post_binding_s_page_sends_its_form_to_the_provider_and_nowhere_else(site: Flask, ada: Member) -> None:
    idp = opens_saml(ada, sign_on_binding="post")
    answer = Browser(site).gets(f"/sso/{idp.connection_id}/start")

    assert answer.status_code == 200
    assert 'name="SAMLRequest"' in answer.text
    assert "form-action https://idp.example;" in answer.headers["Content-Security-Policy"]


def test_an_administrator_sets_a_connection_up(site: Flask, at_ada: Browser, ada: Member) -> None:
    begun = at_ada.posts("/sign-on", kind="saml", name="Our directory")
    assert begun.status_code == 303
    path = begun.location.partition("?")[0]
    first = at_ada.gets(path)
    assert f"{path.replace('/sign-on/', '/sso/')}/acs" in first.text

    saved = at_ada.posts(path, name="Our directory", metadata=_metadata(), groups_attribute="groups", signs_requests="yes")

    assert saved.status_code == 303
    page = at_ada.gets(path).text
    assert 'value="https://idp.example/saml"' in page
    assert "CN=provider" in page
    wrong = at_ada.posts(path, name="Our directory", metadata="<x/>")
    assert wrong.status_code == 422
    assert "no metadata of one SAML 2.0 identity provider" in wrong.text


def test_whoever_holds_the_link_sets_it_up(at_ada: Browser, at_cy: Browser, ada: Member) -> None:
    idp = connects_saml(ada, entity_id="", sign_on_url="", sign_out_url="", certificates=[])
    with ada.services.db.tenant(ada.tenant_id) as tx:
        link = links.create_link(tx, ada.caller, idp.connection_id, clock=ada.house.clock)
    page = at_cy.gets(f"/sso/setup?link={link}").text
    assert idp.ours.acs in page
    token = csrf(page)

    saved = at_cy.client.post("/sso/setup", data={"link": link, "metadata": _metadata(), "signs_requests": "yes", "csrf": token})

    assert saved.status_code == 303
    assert idp.connection.settings["entity_id"] == "https://idp.example/saml"
    assert "https://idp.example/saml" in at_cy.gets(f"/sso/setup?link={link}").text
    wrong = at_cy.client.post("/sso/setup", data={"link": link, "metadata": "<x/>", "entity_id": "", "csrf": token})
    assert wrong.status_code == 422


def _metadata() -> str:
    return (
        '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example/saml">'
        '<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor>'
        f'<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>{known_signer("provider").base64}'
        "</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor><md:SingleSignOnService "
        'Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/sso"/>'
        "</md:IDPSSODescriptor></md:EntityDescriptor>"
    )


def test_a_provider_s_word_that_somebody_signed_out_needs_its_signature(site: Flask, house: House, idp: SamlSignOn) -> None:
    answer = Browser(site).gets(f"/sso/{idp.connection_id}/slo?SAMLRequest=AAAA&SigAlg=x&Signature=AAAA")

    assert answer.status_code == 401
    assert [reason for reason, _ in refusals(house)] == ["rule_broken"]
    assert Browser(site).gets(f"/sso/{idp.connection_id}/slo?SAMLResponse=x").location == "/sign-in"


def test_a_sensitive_step_is_confirmed_at_the_provider_who_asks_anew(site: Flask, house: House, idp: SamlSignOn) -> None:
    browser, request_id = starts(site, idp)
    browser.gets(comes(browser, idp, idp.lab(request_id).true()).location)
    house.clock.passes(minutes=20)

    def confirms(**said: object) -> TestResponse:
        left = browser.posts("/sso/confirm", back="/account")
        found = re.search(r'href="(https://idp\.example/[^"]+)"', left.text)
        assert found is not None, left.text
        url = found[1].replace("&amp;", "&")
        assert asked_of(Departure(url, "")).get("ForceAuthn") == "true"
        landed = comes(browser, idp, idp.lab(_request(url), **said).true())
        return browser.gets(landed.location) if landed.status_code == 303 else landed

    assert confirms(authenticated=-1200).status_code == 401
    assert confirms(name_id="u-4712").status_code == 401
    done = confirms()

    assert done.location == "/account?notice=proved"
    assert "Cleo" in browser.gets("/account").text
    assert refusals(house) == [("rule_broken", "authentication_old"), ("another_person", None)]
