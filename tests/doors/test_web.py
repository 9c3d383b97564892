import io

import pytest
from flask import Flask

from appliance import identity
from appliance.identity import Role
from tests.support.house import House, Member
from tests.support.product import PASSWORD, csrf
from tests.support.site import Browser


def test_it_sends_the_strict_headers_on_every_page(at_ada: Browser) -> None:
    headers = at_ada.gets("/").headers

    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"


def test_it_has_no_inline_script_or_style(at_ada: Browser) -> None:
    for path in ("/", "/documents", "/chat", "/chatbots", "/people", "/audit", "/settings", "/account", "/nowhere"):
        page = at_ada.gets(path).text
        assert "<script>" not in page
        assert " style=" not in page
        assert "onclick" not in page


def test_it_hands_out_a_cookie_that_scripts_cannot_read(site: Flask, ada: Member) -> None:
    cookie = Browser(site).signs_in(ada).headers["Set-Cookie"]

    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_it_says_the_same_for_a_wrong_password_and_an_unknown_person(site: Flask, ada: Member) -> None:
    browser = Browser(site)
    wrong = browser.signs_in(ada, "not the password")
    token = csrf(browser.gets("/sign-in").text)
    unknown = browser.client.post("/sign-in", data={"email": "nobody@x.example", "password": "y", "csrf": token})

    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert "The e-mail address or the password is wrong" in wrong.text
    assert "The e-mail address or the password is wrong" in unknown.text


def test_it_locks_a_person_out_after_ten_failures_and_opens_again_in_time(
    site: Flask, house: House, ada: Member
) -> None:
    browser = Browser(site)
    for _ in range(10):
        browser.signs_in(ada, "a wrong password")

    assert browser.signs_in(ada).status_code == 429

    house.clock.passes(minutes=16)
    assert browser.signs_in(ada).status_code == 303


def test_it_ends_a_session_that_is_idle_or_old(site: Flask, house: House, ada: Member) -> None:
    idle = Browser(site)
    idle.signs_in(ada)
    house.clock.passes(minutes=61)
    assert idle.gets("/").status_code == 303

    busy = Browser(site)
    busy.signs_in(ada)
    for _ in range(15):
        house.clock.passes(minutes=50)
        last = busy.gets("/").status_code
    assert last == 303


def test_it_signs_a_removed_member_out_at_once(site: Flask, house: House, ada: Member) -> None:
    eve = ada.adds("eve@harrow.example", Role.MEMBER)
    browser = Browser(site)
    browser.signs_in(eve)
    assert browser.gets("/").status_code == 200

    with house.app.db.tenant(ada.tenant_id) as tx:
        identity.remove_member(tx, ada.caller, eve.caller.user_id, clock=house.clock)

    assert browser.gets("/").status_code == 303
    assert Browser(site).signs_in(eve).status_code == 401


def test_it_signs_out(at_ada: Browser) -> None:
    at_ada.posts("/sign-out")

    assert at_ada.gets("/").status_code == 303


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)", "/\tevil",
     "http:evil.example", "///evil.example"],
)  # fmt: skip
def test_it_goes_nowhere_else_after_signing_in(site: Flask, ada: Member, target: str) -> None:
    browser = Browser(site)
    token = csrf(browser.gets("/sign-in").text)
    form = {"email": ada.caller.email, "password": "a long and private sentence", "csrf": token, "next": target}

    assert browser.client.post("/sign-in", data=form).headers["Location"] == "/"


def test_it_uses_a_setup_link_once(site: Flask, house: House) -> None:
    token = identity.create_setup_link(house.worker.db, clock=house.clock)
    form = {"organisation": "Tarn", "name": "T", "email": "t@tarn.example", "link": token}
    form |= {"password": "a long and private sentence", "again": "a long and private sentence"}
    first = Browser(site)
    page = first.gets(f"/setup?link={token}")
    assert first.client.post("/setup", data=form | {"csrf": csrf(page.text)}).status_code == 303

    assert Browser(site).gets(f"/setup?link={token}").status_code == 403
    assert Browser(site).gets("/setup?link=guessed").status_code == 403


def test_a_house_that_is_set_up_in_german_begins_in_german(site: Flask, house: House) -> None:
    token = identity.create_setup_link(house.worker.db, clock=house.clock)
    browser = Browser(site)
    browser.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "de"
    form = {
        "organisation": "Weber",
        "name": "Uwe",
        "email": "uwe@weber.example",
        "password": PASSWORD,
        "again": PASSWORD,
    }
    page = browser.gets(f"/setup?link={token}")
    browser.client.post("/setup", data=form | {"link": token, "csrf": csrf(page.text)})

    assert "Fragen Sie zu den Dokumenten Ihrer Organisation." in browser.gets("/chat").text
    assert ">Dokumente</a>" in browser.gets("/collections").text.split("<tbody>")[1]


def test_it_keeps_a_setup_link_open_after_a_mistake(site: Flask, house: House) -> None:
    token = identity.create_setup_link(house.worker.db, clock=house.clock)
    browser = Browser(site)
    page = browser.gets(f"/setup?link={token}")
    form = {"organisation": "Tarn", "name": "T", "email": "t@tarn.example", "link": token, "csrf": csrf(page.text)}
    refused = browser.client.post("/setup", data=form | {"password": "short", "again": "short"})

    assert refused.status_code == 422
    assert "at least 12 characters" in refused.text
    assert 'value="Tarn"' in refused.text
    assert Browser(site).gets(f"/setup?link={token}").status_code == 200


def test_it_lets_each_role_do_its_own_and_no_more(site: Flask, ada: Member) -> None:
    pages = {
        "/": "all",
        "/documents": "omw",
        "/chat": "omw",
        "/chatbots": "o",
        "/people": "o",
        "/audit": "oa",
        "/settings": "o",
    }
    people = {
        "m": ada.adds("mia@harrow.example", Role.MEMBER),
        "a": ada.adds("aud@harrow.example", Role.AUDITOR),
        "o": ada,
    }
    for letter, person in people.items():
        browser = Browser(site)
        browser.signs_in(person)
        for path, letters in pages.items():
            expected = 200 if letters == "all" or letter in letters else 403
            if (letter, path) == ("a", "/"):
                expected = 303  # an auditor begins at the evidence
            assert browser.gets(path).status_code == expected, (letter, path)


def test_it_keeps_the_last_owner(at_ada: Browser, ada: Member) -> None:
    answer = at_ada.posts(f"/people/{ada.caller.user_id}/role", role="member")

    assert answer.status_code == 409
    assert "at least one owner" in answer.text


def test_it_offers_no_role_that_it_would_refuse(site: Flask, at_ada: Browser, ada: Member) -> None:
    at_eve = Browser(site)
    at_eve.signs_in(ada.adds("eve@harrow.example", Role.ADMIN))
    for path, form in (("/people", "/people/invitations"), ("/tokens", "/tokens/service-accounts")):
        assert '<option value="owner"' in at_ada.gets(path).text.split(f'action="{form}"')[1]
        assert '<option value="owner"' not in at_eve.gets(path).text.split(f'action="{form}"')[1]
    assert "Change role" not in at_eve.gets(f"/people/{ada.caller.user_id}").text
    assert "Change role" in at_ada.gets(f"/people/{ada.caller.user_id}").text


def test_it_lets_no_admin_make_owners(site: Flask, ada: Member) -> None:
    eve = ada.adds("eve@harrow.example", Role.ADMIN)
    browser = Browser(site)
    browser.signs_in(eve)

    assert browser.posts(f"/people/{eve.caller.user_id}/role", role="owner").status_code == 403
    assert browser.posts(f"/people/{ada.caller.user_id}/role", role="member").status_code == 403


def test_it_answers_an_empty_file_with_words(site: Flask, house: House, at_ada: Browser) -> None:
    answer = at_ada.client.post(
        "/documents",
        data={"csrf": csrf(at_ada.gets("/documents").text), "files": (io.BytesIO(b""), "a.txt")},
        headers={"Accept": "application/json"},
    )

    assert answer.status_code == 422
    assert "empty" in answer.get_json()["detail"]


def test_it_answers_programs_with_a_problem_document(at_ada: Browser) -> None:
    answer = at_ada.client.get(
        "/documents/0190a000-0000-7000-8000-000000000000", headers={"Accept": "application/json"}
    )

    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"
    assert set(answer.get_json()) >= {"type", "title", "status", "detail", "request_id"}


def test_it_escapes_what_documents_and_people_say(at_ada: Browser, ada: Member) -> None:
    ada.reads_in("x.html", "<p>The reward is &lt;script&gt;alert(1)&lt;/script&gt; gold coins for the finder.</p>")
    message = ada.asks("What is the reward for the finder?")
    assert "<script>alert(1)" in message.body
    path = at_ada.first(r'href="(/chat/[0-9a-f-]+)"', "/chat")

    assert "<script>alert" not in at_ada.gets(path).text
    assert "&lt;script&gt;alert(1)" in at_ada.gets(path).text


def test_it_answers_health_checks(site: Flask) -> None:
    client = site.test_client()

    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").get_json() == {"status": "ready", "failing": {}}
    assert "cloister_http_requests_total" in client.get("/metrics").text


def test_it_changes_a_password_and_ends_the_other_sessions(site: Flask, ada: Member, at_ada: Browser) -> None:
    other = Browser(site)
    other.signs_in(ada)
    answer = at_ada.posts("/account/password", current="a long and private sentence", new="another private sentence")

    assert "Your password is changed" in at_ada.gets(answer.headers["Location"]).text
    assert other.gets("/").status_code == 303
    assert at_ada.gets("/").status_code == 200
    assert Browser(site).signs_in(ada, "another private sentence").status_code == 303


def test_it_keeps_what_was_typed_into_a_chatbots_form(at_ada: Browser) -> None:
    path = at_ada.first(r'href="(/chatbots/[0-9a-f-]+)"', "/chatbots")
    refused = at_ada.posts(path, name="", welcome="typed with care", model="extractive")

    assert refused.status_code == 422
    assert "typed with care" in refused.text
    assert at_ada.posts(path, name="Renamed", welcome="x", model="extractive").status_code == 303
    assert "Renamed" in at_ada.gets("/chatbots").text


def test_it_says_which_parts_of_a_document_it_did_not_read(at_ada: Browser, ada: Member) -> None:
    document = ada.reads_in("notes.html", '<p>The gate opens at six.</p><p style="display:none">Unseen words.</p>')

    assert "Partly read" in at_ada.gets("/documents").text
    assert "text that a reader would not see" in at_ada.gets(f"/documents/{document.document_id}").text


def test_it_keeps_a_mistyped_budget_in_its_form(at_ada: Browser) -> None:
    answer = at_ada.posts("/settings/budget", monthly_tokens="ten thousand")

    assert answer.status_code == 422
    assert 'value="ten thousand"' in answer.text


def test_it_draws_what_happened_by_day_for_who_may_know(site: Flask, at_ada: Browser, ada: Member) -> None:
    ada.reads_in("fire-drill.txt")
    ada.asks("When does the fire drill take place?")
    page = at_ada.gets("/").text
    member = Browser(site)
    member.signs_in(ada.adds("mia@harrow.example", Role.MEMBER))

    assert 'aria-label="Questions: 1 in all, most on' in page
    assert 'aria-label="Documents uploaded: 1 in all' in page
    assert 'aria-label="People who asked: 1 in all' in page
    assert "As a table" in page
    assert '<svg class="chart"' not in member.gets("/").text


def test_it_changes_settings_and_records_both_states(at_ada: Browser) -> None:
    assert at_ada.posts("/settings/organisation", name="Harrow & Sons").status_code == 303
    assert "Harrow &amp; Sons" in at_ada.gets("/").text
    given = {"conversation_review": "two_person", "link_hosts": "intranet.harrow.example\nwiki.harrow.example"}
    assert at_ada.posts("/settings/privacy", **given).status_code == 303

    page = at_ada.gets("/settings").text
    assert 'value="two_person" checked' in page
    assert "to end it takes two administrators" in page
    assert "wiki.harrow.example" in page
    log = at_ada.gets("/audit").text
    assert "review_before: off" in log
    assert "review: two_person" in log
    alone = at_ada.posts("/settings/privacy", conversation_review="off", link_hosts="wiki.harrow.example")
    assert alone.status_code == 409
    assert "second administrator" in alone.text
    refused = at_ada.posts("/settings/privacy", conversation_review="two_person", link_hosts="https://x/y")
    assert refused.status_code == 422
    assert "https://x/y" in refused.text


def test_a_fault_of_ours_has_a_page_with_its_number_and_no_detail(site: Flask, at_ada: Browser) -> None:
    def breaks() -> str:
        raise RuntimeError("the inside of the house")

    site.view_functions["jobs.show"] = breaks
    answer = at_ada.client.get("/jobs", headers={"Accept-Language": "de"})

    assert answer.status_code == 500
    assert "Bei uns ist etwas schiefgegangen" in answer.text
    assert answer.headers["X-Request-Id"] in answer.text
    assert "the inside of the house" not in answer.text
