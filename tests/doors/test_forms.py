"""A form that is refused keeps what was typed and says which field it is; what destroys something asks first."""

import re

import pytest
from flask import Flask

from appliance.chat.errors import CommentTooLong
from appliance.identity import Role
from tests.support.forms import Form, forms_of
from tests.support.furnish import furnish
from tests.support.house import House, Member
from tests.support.site import Browser

DESTROYS = re.compile(r"/(deletion|removal|revocation|suspension|archival|end)$")
GIVES_BACK = {"/archival/end", "/sharing/end"}  # an end that loses nothing
# The page, the form's address, what is typed, and the field that is at fault.
TYPED = [
    ("/people", "/people/invitations", {"email": "no address"}, "email"),
    ("/documents/{document_id}", "/documents/{document_id}/labels", {"labels": "x" * 60}, "labels"),
    ("/groups", "/groups", {"name": "x" * 200}, "name"),
    ("/groups/{group_id}", "/groups/{group_id}", {"name": "x" * 200}, "name"),
    ("/collections", "/collections", {"name": "", "description": "about it"}, "name"),
    ("/collections/{collection_id}", "/collections/{collection_id}", {"name": "", "description": "about"}, "name"),
    ("/chatbots", "/chatbots", {"name": "", "welcome": "Hello", "instructions": "Be kind", "questions": "Why?"}, None),
    ("/chatbots/{chatbot_id}", "/chatbots/{chatbot_id}", {"name": "", "welcome": "Hello", "temperature": "9"}, None),
    (
        "/chatbots/{chatbot_id}",
        "/chatbots/{chatbot_id}/bench",
        {"question": "Is 4111 1111 1111 1111 mine?"},
        "question",
    ),
    ("/tokens", "/tokens", {"name": "script two", "days": "soon"}, "days"),
    ("/tokens", "/tokens/service-accounts", {"name": "x" * 200}, "name"),
    ("/audit/proof", "/audit/proof", {"person": "nobody", "subject": "", "earlier": "kept"}, None),
    ("/models", "/models", {"model": "no such model"}, None),
    ("/models", "/models/aliases", {"name": "No Name", "models": "openai/gpt-5"}, None),
    ("/playground", "/playground", {"model": "openai/gpt-6", "question": "Why?", "max_tokens": "many"}, "max_tokens"),
    ("/models/rules", "/models/rules", {"name": "x" * 200, "models": "openai/*", "starts": "08:00"}, "name"),
    ("/models/rules/{rule_id}", "/models/rules/{rule_id}", {"name": "x" * 200, "tools": "none"}, "name"),
    ("/models/rules", "/models/labels", {"label": "x" * 60}, "label"),
    ("/models/contracts", "/models/contracts", {"reference": "", "region": "eu"}, "reference"),
    ("/models/trial", "/models/trial", {"model": "openai/gpt-5", "at": "yesterday"}, "at"),
    ("/tokens", "/tokens", {"name": "three", "days": "5", "models": "a b", "networks": "10.0.0.0/8"}, None),
    ("/budgets", "/budgets", {"name": "Kept", "hard": "much"}, "hard"),
    ("/budgets", "/budgets/limits", {"requests_per_minute": "many"}, "requests_per_minute"),
    ("/budgets/{budget_id}", "/budgets/{budget_id}", {"name": " ", "hard": "5"}, "hard"),
    ("/settings", "/settings/organisation", {"name": ""}, "name"),
    ("/settings/sessions", "/settings/sessions", {"idle_minutes": "many", "networks": "10.0.0.0/8"}, None),
    ("/settings/sessions", "/settings/sessions", {"networks": "nowhere"}, "networks"),
    ("/data-protection/own", "/data-protection/own/dictionaries", {"name": "No Name", "terms": "Kept", "category": "payment card number"}, "name"),
    ("/data-protection/own", "/data-protection/own/patterns", {"name": "orders", "expression": "(a", "samples": "a", "category": "IBAN"}, "expression"),
    ("/data-protection/own", "/data-protection/own/allowances", {"rule": "email/1", "reason": " ", "expires_on": "2040-01-01"}, "reason"),
    ("/roles", "/roles", {"name": "Kept", "description": "about it"}, None),
    ("/roles/{role_id}", "/roles/{role_id}", {"name": "x" * 70, "description": "about it"}, "name"),
    ("/support", "/support", {"email": "nobody@host.example", "level": "read", "hours": "4", "reason": "Why"}, "email"),
    ("/sign-on", "/sign-on/domains", {"domain": "no domain"}, "domain"),
    ("/sign-on/{connection_id}/provisioning", "/sign-on/{connection_id}/provisioning/tokens", {"days": "soon", "networks": "10.0.0.0/8"}, "days"),
    ("/sign-on/{connection_id}", "/sign-on/{connection_id}/mappings", {"said": "x" * 400, "gives": "role:member"}, "said"),
    ("/settings", "/settings/privacy", {"link_hosts": "https://a/b"}, "link_hosts"),
    ("/settings", "/settings/budget", {"monthly_tokens": "plenty"}, "monthly_tokens"),
    ("/data-protection", "/data-protection/dry-runs", {"most": "many", "region": "eu-central-1"}, "most"),
    ("/data-protection/draft", "/data-protection/draft", {"note": "x" * 600}, "note"),
    ("/data-protection/draft/rules/new", "/data-protection/draft/rules/new", {"name": " ", "why": "Because", "labels": "internal"}, "name"),
    ("/data-protection/draft/rules/{policy_rule_id}", "/data-protection/draft/rules/{policy_rule_id}", {"name": "x" * 200, "why": "Because"}, "name"),
    ("/account", "/account/profile", {"name": "x" * 200}, "name"),
    ("/account", "/account/factors/totp", {"label": "x" * 200}, "label"),
    (
        "/chat/{conversation_id}",
        "/chat/{conversation_id}/messages",
        {"question": "Is 4111 1111 1111 1111 mine?"},
        "question",
    ),
    ("/chat/{conversation_id}", "/chat/{conversation_id}/title", {"title": "x" * 100}, "title"),
    (
        "/chat/temporary/{chatbot_id}",
        "/chat/temporary/{chatbot_id}",
        {"question": "Is 4111 1111 1111 1111 mine?"},
        "question",
    ),
]
ELSEWHERE = {  # forms into which one writes, and where their refusal is looked at
    "/account/password": "a password is never shown again",
    "/chatbots/{chatbot_id}/copy": "a name that is too long is cut, and one that is missing is made",
    "/sign-on": "test_sign_on_flow",
    "/sign-on/{connection_id}": "test_sign_on_flow",
    "/sign-on/{connection_id}/provisioning": "it has ticks and a choice, and nothing is typed",
    "/sign-on/{connection_id}/people": "it has a tick and a choice, and nothing is typed",
    "/audit/streams": "test_stream_pages",
    "/audit/streams/{sink_id}": "test_stream_pages",
    "/evidence/access-reviews/{review_id}/lines/{item_id}": "test_evidence_pages",
    "/providers": "test_provider_pages",
    "/providers/{provider_id}": "test_provider_pages",
    "/providers/{provider_id}/keys": "test_provider_pages",
    "/providers/{provider_id}/keys/{key_id}": "test_provider_pages",
    "/data-protection/own/exact": "a file, and a salt that is never shown again",
    "/documents/check": "test_scanning: a refused text stands in the form again",
    "/chat/{conversation_id}/messages/{message_id}/feedback": "test_what_a_page_cannot_show_again_it_shows_to_be_copied",
}


@pytest.fixture
def ids(site: Flask, at_ada: Browser, ada: Member) -> dict[str, str]:
    found = furnish(ada)
    Browser(site).signs_in(ada.adds("mia@harrow.example", Role.MEMBER))
    started = at_ada.posts("/chat", chatbot_id=found["chatbot_id"]).headers["Location"]
    at_ada.posts(f"{started}/messages", question="Who may enter?")
    page = at_ada.gets(started).text
    messages = re.findall(r'data-message="([^"]+)"', page)
    return found | {"conversation_id": started.removeprefix("/chat/"), "message_id": messages[-1]}


def pages(browser: Browser) -> dict[str, str]:
    """Every page that links lead to."""
    seen: dict[str, str] = {}
    waiting = ["/"]
    while waiting:
        path = waiting.pop()
        if path in seen or "/export" in path or path.endswith((".json", ".md")):
            continue
        answer = browser.gets(path)
        seen[path] = answer.text if answer.mimetype == "text/html" else ""
        waiting += [
            link.partition("#")[0] for link in re.findall(r'href="(/[^"?]*)"', seen[path]) if "/static/" not in link
        ]
    return seen


def test_a_refused_form_keeps_what_was_typed(at_ada: Browser, ids: dict[str, str]) -> None:
    for path, action, typed, field in TYPED:
        here, target = path.format(**ids), action.format(**ids)
        before = form_at(at_ada.gets(here).text, target)
        sent = {one.name: one.value for one in before.fields if one.kind not in {"checkbox", "radio"}}
        answer = at_ada.posts(target, **(sent | _chosen(before) | typed))

        assert 400 <= answer.status_code < 500, (action, answer.status_code)
        after = form_at(answer.text, target)
        assert {name: after.get(name).value for name in typed} == typed, action
        assert answer.text.count('id="problem"') == 1, action
        assert "autofocus" in answer.text, action
        if field:
            attributes = after.get(field).attributes
            assert "problem" in attributes.get("aria-describedby", "").split(), action
            assert attributes.get("aria-invalid") == "true", action
            assert "autofocus" in attributes, action


def form_at(page: str, action: str) -> Form:
    found = [one for one in forms_of(page) if one.action == action and one.texts and not one.asks_first]
    assert found, f"no form to {action}"
    return found[0]


def _chosen(form: Form) -> dict[str, str]:
    return {
        one.name: one.value for one in form.fields if one.kind in {"checkbox", "radio"} and "checked" in one.attributes
    }


def test_every_form_that_one_writes_into_is_looked_at(at_ada: Browser, ids: dict[str, str]) -> None:
    known = {action for _, action, _, _ in TYPED} | set(ELSEWHERE)
    for path, page in pages(at_ada).items():
        for form in forms_of(page):
            if form.method == "post" and [one for one in form.texts if "readonly" not in one.attributes]:
                action = form.action
                for name, value in ids.items():
                    action = action.replace(value, f"{{{name}}}")
                action = re.sub(
                    r"(groups|collections|chatbots|chat|documents)/[0-9a-f-]{36}", lambda part: _shape(part[1]), action
                )
                action = re.sub(r"messages/[0-9a-f-]{36}", "messages/{message_id}", action)
                action = re.sub(r"lines/[0-9a-f-]{36}", "lines/{item_id}", action)
                assert action in known, (path, action)


def _shape(resource: str) -> str:
    name = {
        "documents": "document_id",
        "groups": "group_id",
        "collections": "collection_id",
        "chatbots": "chatbot_id",
        "chat": "conversation_id",
    }
    return f"{resource}/{{{name[resource]}}}"


def test_what_a_page_cannot_show_again_it_shows_to_be_copied(at_ada: Browser, ids: dict[str, str]) -> None:
    comment = "a long thought " * 200
    path = f"/chat/{ids['conversation_id']}/messages/{ids['message_id']}/feedback"
    answer = at_ada.posts(path, verdict="good", comment=comment)

    assert answer.status_code == 422
    assert CommentTooLong().template in answer.text
    assert comment.strip() in answer.text
    foreign = at_ada.client.post(path, data={"csrf": "0" * 64, "comment": "words of somebody else"})
    assert "words of somebody else" not in foreign.text


def test_what_destroys_something_names_it_and_asks_first(
    site: Flask, house: House, at_ada: Browser, ids: dict[str, str]
) -> None:
    asked = set()
    for page in [*pages(at_ada).values(), *operators_pages(site, house)]:
        for form in forms_of(page):
            ending = re.sub(r"/[0-9a-f-]{36,64}", "", form.action)
            if DESTROYS.search(form.action) and not any(form.action.endswith(one) for one in GIVES_BACK):
                assert form.asks_first, form.action
                assert form.has_danger, form.action
                assert len(form.text.strip()) > 60, form.action
                asked.add(ending)
    assert asked >= {
        "/documents/deletion", "/collections/deletion", "/groups/deletion", "/chat/deletion", "/chatbots/archival",
        "/tokens/revocation", "/people/removal", "/people/sessions/end", "/people/invitations/revocation",
        "/organisations/suspension",
    }  # fmt: skip


def operators_pages(site: Flask, house: House) -> list[str]:
    browser = Browser(site)
    browser.signs_in(house.operator("olga@host.example"))
    return list(pages(browser).values())
