"""A law: every route, as a stranger and as a member of another organisation."""

import re
import uuid

from flask import Flask
from werkzeug.routing import Rule

from appliance import chat, identity
from appliance.api.framework import OPERATIONS
from appliance.identity import Role
from appliance.tenancy import OrganisationSettings, Review
from tests.support.furnish import furnish
from tests.support.house import House, Member
from tests.support.site import Browser

OPEN_TO_STRANGERS = {
    "api.openapi": "it describes the product and says nothing of any organisation",
    "health.livez": "a watchdog has no account",
    "health.metrics": "counts, never content",
    "health.readyz": "a watchdog has no account",
    "joining.accept": "the single-use link of an invitation is the proof",
    "joining.new_password": "the single-use link is the proof",
    "joining.reset": "the single-use link is the proof",
    "joining.show": "the single-use link of an invitation is the proof",
    "saml.acs": "whoever comes from an identity provider is signed in by what it says",
    "saml.complete": "whoever comes from an identity provider is signed in by what it says",
    "saml.metadata": "whoever looks after a provider has no account here; it says what the provider's own log would",
    "saml.sign_out": "a provider has no account; what it says is signed, and ends sessions only",
    "signin.finish_sign_in": "nobody is signed in before they sign in",
    "signin.found": "the single-use link is the proof",
    "signin.second_step": "nobody is signed in before they sign in",
    "signin.setup": "the single-use link is the proof",
    "signin.sign_in": "nobody is signed in before they sign in",
    "signin.sign_in_page": "nobody is signed in before they sign in",
    "sso.back_channel": "a provider has no account; its token is signed",
    "sso.callback": "whoever comes from an identity provider is signed in by what it says",
    "sso.change_by_link": "the link of a connection is the proof; it sets that up and opens nothing else",
    "sso.entrance": "nobody is signed in before they sign in",
    "sso.find": "nobody is signed in before they sign in",
    "sso.proxied": "whoever comes from an identity provider is signed in by what it says",
    "sso.set_up": "the link of a connection is the proof; it sets that up and opens nothing else",
    "sso.signed_out": "whoever has just signed out is nobody",
    "sso.start": "nobody is signed in before they sign in",
    "sso.test_by_link": "the link of a connection is the proof; it sets that up and opens nothing else",
    "static": "our own style and script",
}


OPERATIONS_OF_PROGRAMS = {f"api.{one.name}" for one in OPERATIONS}
VENDORS = ("anthropic.", "openai.", "scim.")  # the doors of the vendors' clients, and of identity providers


def rules(site: Flask) -> list[tuple[Rule, str]]:
    return [
        (rule, method)
        for rule in site.url_map.iter_rules()
        if rule.endpoint not in OPERATIONS_OF_PROGRAMS and not rule.endpoint.startswith(VENDORS)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def path_of(rule: Rule, ids: dict[str, str]) -> str:
    return re.sub(r"<(?:[^:>]+:)?([^>]+)>", lambda part: ids.get(part[1], str(uuid.uuid4())), rule.rule)


def test_it_lets_a_stranger_in_nowhere_but_where_a_reason_is_given(site: Flask, at_cy: Browser, ada: Member) -> None:
    for rule, method in rules(site):
        if rule.endpoint in OPEN_TO_STRANGERS:
            continue
        path = path_of(rule, {})
        answer = at_cy.gets(path) if method == "GET" else at_cy.posts(path)
        assert answer.status_code == 303, (rule.rule, method, answer.status_code)
        assert "/sign-in" in answer.headers["Location"], rule.rule


def test_it_lets_no_stranger_and_no_cookie_into_the_api(site: Flask, at_ada: Browser, at_cy: Browser) -> None:
    for rule in site.url_map.iter_rules():
        if rule.endpoint == "openai.nothing":
            continue  # an address with nothing behind it
        if rule.endpoint in OPERATIONS_OF_PROGRAMS or rule.endpoint.startswith(VENDORS):
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                for browser in (at_ada, at_cy):
                    assert browser.client.open(path_of(rule, {}), method=method).status_code == 401, rule.rule


FROM_ELSEWHERE = {
    "saml.acs": "a provider posts from its own site; what it posts is signed, and lets nobody in before the next page",
    "sso.back_channel": "a provider has no page of ours; its token is signed",
}


def test_it_takes_no_form_without_its_token(site: Flask, at_ada: Browser, at_cy: Browser) -> None:
    marked = {name for name, view in site.view_functions.items() if hasattr(view, "elsewhere_reason")}
    assert marked == set(FROM_ELSEWHERE)
    for rule, method in rules(site):
        if method == "POST" and rule.endpoint not in FROM_ELSEWHERE:
            answers = [browser.client.post(path_of(rule, {}), data={"csrf": "0" * 64}) for browser in (at_ada, at_cy)]
            assert answers[0].status_code == 403, rule.rule
            assert answers[1].status_code == (403 if rule.endpoint in OPEN_TO_STRANGERS else 303), rule.rule


def test_it_reads_no_large_body_of_a_stranger(site: Flask, at_cy: Browser) -> None:
    for path in ("/sign-in", "/setup", "/documents"):
        answer = at_cy.client.post(path, data=b"x" * 2_000_000, content_type="application/x-www-form-urlencoded")
        assert answer.status_code == (303 if path == "/documents" else 413), path


def test_it_takes_no_form_from_another_site(site: Flask, at_ada: Browser) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        token = re.search(r'name="csrf" content="([^"]+)"', at_ada.gets("/account").text)
        assert token is not None
        answer = at_ada.client.post("/settings/budget", data={"csrf": token[1], "monthly_tokens": "5"}, headers=headers)
        assert answer.status_code == 403


def test_it_answers_404_for_everything_of_another_organisation(
    site: Flask, house: House, ada: Member, bo: Member, at_bo: Browser
) -> None:
    for member in (ada, bo):
        with house.app.db.tenant(member.tenant_id) as tx:
            identity.change_settings(tx, member.caller, OrganisationSettings(Review.TWO_PERSON))
    document = ada.reads_in("fire-drill.txt")
    answer = ada.asks("When does the fire drill take place?")
    with house.app.db.tenant(ada.tenant_id) as tx:
        conversation = chat.list_conversations(tx, ada.caller, sealer=ada.services.vault)[0]
        chatbot = chat.list_chatbots(tx, ada.caller)[0]
    ids = {
        "document_id": str(document.document_id),
        "conversation_id": str(conversation.conversation_id),
        "chatbot_id": str(chatbot.chatbot_id),
        "user_id": str(ada.caller.user_id),
        "session": "00" * 32,
        "tenant_id": str(ada.tenant_id),
    } | furnish(ada)
    assert "first Thursday of May" in answer.body
    for rule, method in rules(site):
        if not rule.arguments or rule.endpoint in OPEN_TO_STRANGERS:
            continue
        path = path_of(rule, ids)
        form = {"question": "x", "role": "member", "name": "x", "model": "extractive", "decision": "grant"}
        reply = at_bo.gets(path) if method == "GET" else at_bo.posts(path, **form)
        # An operator's pages are no organisation's, whoever's thing is named.
        expected = 403 if rule.endpoint.startswith("platform.") else 404
        assert reply.status_code == expected, (rule.rule, method, reply.status_code)
        assert "Thursday" not in reply.text

    assert ada.document(document.document_id).status.value == "ready"


def test_it_shows_nothing_of_another_organisation_on_any_page(
    site: Flask, ada: Member, bo: Member, at_bo: Browser
) -> None:
    ada.reads_in("harrow-canary-name.txt", "harrow-canary-text: the merger with Tarn is planned for June.")
    ada.asks("When is the harrow-canary-text merger with Tarn planned?")
    bo.reads_in("fire-drill.txt")

    for rule, method in rules(site):
        if method == "GET" and not rule.arguments:
            assert "harrow" not in at_bo.gets(rule.rule).text.lower(), rule.rule
    assert "Tarn" not in bo.asks("When is the merger with Tarn planned?").body


def test_it_shows_a_members_conversation_to_nobody_else_in_the_organisation(
    site: Flask, ada: Member, house: House
) -> None:
    admin = ada.adds("eve@harrow.example", Role.ADMIN)
    ada.reads_in("fire-drill.txt")
    ada.asks("When does the fire drill take place?")
    with house.app.db.tenant(ada.tenant_id) as tx:
        conversation = chat.list_conversations(tx, ada.caller, sealer=ada.services.vault)[0]
    browser = Browser(site)
    browser.signs_in(admin)

    assert browser.gets(f"/chat/{conversation.conversation_id}").status_code == 404
