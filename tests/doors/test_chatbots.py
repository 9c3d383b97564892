"""Chatbots at the web door: drafts, publishing, who sees what, and the bench."""

import pytest
from flask import Flask

from appliance import chat, identity
from appliance.chat import Audience, ChatbotForm
from appliance.identity import Role
from appliance.identity.sessions import caller_of
from appliance.knowledge import Audience as Readers
from appliance.knowledge import CollectionForm
from appliance.knowledge.collections import create_collection
from tests.support import scripted
from tests.support.house import House, Member
from tests.support.site import Browser


@pytest.fixture
def mia(ada: Member) -> Member:
    return ada.adds("mia@harrow.example", Role.MEMBER)


@pytest.fixture
def at_mia(site: Flask, mia: Member) -> Browser:
    browser = Browser(site)
    browser.signs_in(mia)
    return browser


def creates(browser: Browser, **form: str) -> str:
    answer = browser.posts("/chatbots", **({"name": "Payroll", "model": "extractive"} | form))
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"].partition("?")[0]


def test_it_shows_a_member_only_what_is_published(at_ada: Browser, at_mia: Browser) -> None:
    path = creates(at_ada, welcome="First words")
    assert "Payroll" not in at_mia.gets("/chat").text
    assert "Draft, never published" in at_ada.gets(path).text

    at_ada.posts(f"{path}/publication")
    assert "First words" in at_mia.gets("/chat").text

    at_ada.posts(path, name="Payroll", model="extractive", welcome="Second words")
    assert "with changes in the draft" in at_ada.gets(path).text
    assert "Second words" not in at_mia.gets("/chat").text

    at_ada.posts(f"{path}/publication")
    assert "Second words" in at_mia.gets("/chat").text


def test_it_lets_nobody_start_with_a_draft(at_mia: Browser, at_ada: Browser) -> None:
    path = creates(at_ada)

    assert at_mia.posts("/chat", chatbot_id=path.rpartition("/")[2]).status_code == 404
    assert at_mia.gets(f"/chat/temporary/{path.rpartition('/')[2]}").status_code == 404


def test_it_lets_no_member_edit(at_mia: Browser, at_ada: Browser) -> None:
    path = creates(at_ada)
    for step in ("", "/publication", "/copy", "/archival", "/archival/end", "/bench"):
        assert at_mia.posts(path + step, name="x", question="x").status_code == 403, step


def test_it_opens_a_chatbot_to_groups(site: Flask, house: House, ada: Member, mia: Member, at_ada: Browser) -> None:
    with house.app.db.tenant(ada.tenant_id) as tx:
        group = identity.create_group(tx, ada.caller, name="Board", clock=house.clock)
    path = creates(at_ada, audience="groups", groups=str(group.group_id))
    at_ada.posts(f"{path}/publication")
    browser = Browser(site)
    browser.signs_in(mia)
    assert "Payroll" not in browser.gets("/chat").text

    with house.app.db.tenant(ada.tenant_id) as tx:
        identity.set_group_members(tx, ada.caller, group.group_id, [mia.caller.user_id])
        mia.caller = caller_of(tx, mia.caller.user_id)
    assert "Payroll" in browser.gets("/chat").text


def test_it_archives_and_takes_back(at_ada: Browser, at_mia: Browser) -> None:
    path = at_ada.first(r'href="(/chatbots/[0-9a-f-]+)"', "/chatbots")
    talk = at_mia.posts("/chat", chatbot_id=path.rpartition("/")[2]).headers["Location"]
    at_ada.posts(f"{path}/archival")

    assert path.rpartition("/")[2] not in at_mia.gets("/chat").text
    assert at_mia.gets(talk).status_code == 200
    refused = at_mia.posts(f"{talk}/messages", question="Is anybody there?")
    assert refused.status_code == 409
    assert "archived" in refused.text

    at_ada.posts(f"{path}/archival/end")
    assert at_mia.posts(f"{talk}/messages", question="Is anybody there?").status_code == 303


def test_it_duplicates_a_draft(at_ada: Browser) -> None:
    path = creates(at_ada, welcome="Copied words", temperature="1.5", questions="One?\nTwo?")
    copy = at_ada.posts(f"{path}/copy", name="Payroll two").headers["Location"]
    page = at_ada.gets(copy).text

    assert "Payroll two" in page
    assert "Copied words" in page
    assert 'value="1.5"' in page
    assert "Draft, never published" in page


@pytest.mark.parametrize(
    "wrong",
    [{"temperature": "2.1"}, {"temperature": "-1"}, {"temperature": "nan"}, {"temperature": "hot"}, {"name": "\0 "},
     {"questions": "a\n" * 7}, {"audience": "friends"}, {"model": "unheard-of"}, {"collections": "not-an-id"}],
)  # fmt: skip
def test_it_refuses_what_a_chatbot_cannot_be_and_keeps_the_form(at_ada: Browser, wrong: dict[str, str]) -> None:
    form = {"name": "Payroll", "model": "extractive", "welcome": "typed with care"} | wrong
    answer = at_ada.posts("/chatbots", **form)

    assert answer.status_code == 422
    assert "typed with care" in answer.text


def test_it_sends_the_published_settings_to_the_model(house: House, ada: Member, at_ada: Browser) -> None:
    model = scripted.install(house)
    path = creates(at_ada, model="scripted", temperature="0.7", instructions="Be brief.", has_box="1")
    at_ada.posts(f"{path}/publication")
    at_ada.posts(path, name="Payroll", model="scripted", temperature="1.9", instructions="Be long.", has_box="1")
    talk = at_ada.posts("/chat", chatbot_id=path.rpartition("/")[2]).headers["Location"]
    at_ada.posts(f"{talk}/messages", question="How much?")

    assert (model.requests[0].temperature, model.requests[0].instructions) == (0.7, "Be brief.")


def test_the_bench_asks_the_draft_and_keeps_nothing(house: House, ada: Member, at_ada: Browser) -> None:
    model = scripted.install(house)
    model.text = "Only on the bench."
    path = creates(at_ada, model="scripted", is_grounded="on", has_box="1")

    assert "Only on the bench." in at_ada.posts(f"{path}/bench", question="bench-canary?").text
    then = at_ada.posts(f"{path}/bench", question="bench-canary, then?", user="bench-canary?", assistant="No.").text
    assert [turn.text for turn in model.requests[-1].history] == ["bench-canary?", "No."]
    assert 'name="user" value="bench-canary?"' in then
    assert "Answer only from the passages" in model.requests[0].instructions
    page = at_ada.gets(path)
    token = page.text.split('name="csrf" content="')[1].split('"')[0]
    streamed = at_ada.client.post(
        f"{path}/bench", data={"question": "bench-canary?", "csrf": token}, headers={"Accept": "text/event-stream"}
    )
    assert "event: done" in streamed.text
    with house.server.connect("boot", house.database) as boot:
        for table in ("messages", "conversations", "audit_inbox"):
            found = boot.execute(f"SELECT count(*) FROM cloister.{table} t WHERE t::text LIKE '%bench-canary%'")
            assert found.fetchone() == (0,), table
        assert boot.execute("SELECT count(*) FROM cloister.model_calls WHERE kind = 'chat'").fetchone() == (3,)


def test_a_chatbot_answers_from_its_own_collections_alone(house: House, ada: Member) -> None:
    ada.reads_in("fire-drill.txt")
    form = CollectionForm("Empty", "", Readers.EVERYONE, ())
    with house.app.db.tenant(ada.tenant_id) as tx:
        empty = create_collection(tx, ada.caller, form, clock=house.clock)
        full = chat.list_chatbots(tx, ada.caller)[0]
        bound = ChatbotForm("Bound", "", "", "extractive", collection_ids=(empty.collection_id,))
        made = chat.create_chatbot(tx, ada.caller, bound, models=("extractive",), clock=house.clock)
        chat.publish_chatbot(tx, ada.caller, made.chatbot_id, clock=house.clock)
    said = {}
    for chatbot in (full, made):
        _, answer = house.app.chat.ask_unkept(ada.caller, chatbot.chatbot_id, "When does the fire drill take place?")
        said[chatbot.name] = [step for step in answer if isinstance(step, chat.Cites)]

    assert said["Documents"]
    assert not said["Bound"]
    assert full.audience is Audience.EVERYONE
