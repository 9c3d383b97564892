"""Conversations at the web door: branches, sharing, copies, feedback, search, and what is not kept."""

import json
import re
from uuid import UUID

import pytest
from flask import Flask

from appliance import chat
from appliance.identity import Role
from tests.support import scripted
from tests.support.house import House, Member
from tests.support.product import csrf
from tests.support.scripted import Scripted
from tests.support.site import Browser


@pytest.fixture
def model(house: House, at_ada: Browser) -> Scripted:
    found = scripted.install(house)
    path = at_ada.first(r'href="(/chatbots/[0-9a-f-]+)"', "/chatbots")
    at_ada.posts(path, name="Scripted", model="scripted")
    at_ada.posts(f"{path}/publication")
    return found


def starts(browser: Browser) -> str:
    return browser.posts("/chat", chatbot_id=browser.first(r'name="chatbot_id" value="([^"]+)"', "/chat")).headers[
        "Location"
    ]


def says(browser: Browser, talk: str, model: Scripted, question: str, answer: str, **more: str) -> None:
    model.text = answer
    assert browser.posts(f"{talk}/messages", question=question, **more).status_code == 303


def messages(browser: Browser, talk: str) -> list[tuple[str, str]]:
    return re.findall(r'class="message (user|assistant)" data-message="([^"]+)"', browser.gets(talk).text)


def streams(browser: Browser, path: str, **form: str) -> str:
    data = form | {"csrf": csrf(browser.gets("/account").text)}
    return browser.client.post(path, data=data, headers={"Accept": "text/event-stream"}).text


def test_a_conversation_without_a_question_has_its_title_in_the_readers_language(at_ada: Browser) -> None:
    page = at_ada.client.get(starts(at_ada), headers={"Accept-Language": "de"}).text
    assert "<h1>Neues Gespräch</h1>" in page


def test_it_edits_a_question_as_a_branch_and_goes_back(at_ada: Browser, model: Scripted) -> None:
    talk = starts(at_ada)
    says(at_ada, talk, model, "First question", "Answer one")
    says(at_ada, talk, model, "Second question", "Answer two")
    before = messages(at_ada, talk)
    says(at_ada, talk, model, "Changed question", "Answer three", edits=before[2][1])
    page = at_ada.gets(talk).text

    assert "First question" in page
    assert "Changed question" in page
    assert "Second question" not in page
    assert "2/2" in page
    assert [turn.text for turn in model.requests[-1].history] == ["First question", "Answer one"]
    assert at_ada.posts(f"{talk}/messages/{before[2][1]}/branch").status_code == 303
    back = at_ada.gets(talk).text
    assert "Answer two" in back
    assert "Answer three" not in back


def test_it_edits_the_first_question(at_ada: Browser, model: Scripted) -> None:
    talk = starts(at_ada)
    says(at_ada, talk, model, "First question", "Answer one")
    says(at_ada, talk, model, "Rewritten", "Answer two", edits=messages(at_ada, talk)[0][1])

    assert len(messages(at_ada, talk)) == 2
    assert model.requests[-1].history == ()


def test_it_answers_again_beside_the_answer(at_ada: Browser, model: Scripted) -> None:
    talk = starts(at_ada)
    says(at_ada, talk, model, "A question", "Answer one")
    first = messages(at_ada, talk)[1][1]
    model.text = "Answer two"
    assert at_ada.posts(f"{talk}/messages/{first}/retry").status_code == 303

    page = at_ada.gets(talk).text
    assert "Answer two" in page
    assert "Answer one" not in page
    assert "event: done" in streams(at_ada, f"{talk}/messages/{first}/retry")
    assert "3/3" in at_ada.gets(talk).text


def test_it_knows_no_message_of_another_conversation(at_ada: Browser, model: Scripted) -> None:
    one, other = starts(at_ada), starts(at_ada)
    says(at_ada, one, model, "A question", "Answer one")
    foreign = messages(at_ada, one)[1][1]
    for step in ("retry", "branch", "feedback"):
        assert at_ada.posts(f"{other}/messages/{foreign}/{step}").status_code == 404, step
    assert at_ada.posts(f"{other}/messages", question="x", edits=messages(at_ada, one)[0][1]).status_code == 404


def test_it_renames(at_ada: Browser, model: Scripted) -> None:
    talk = starts(at_ada)

    assert at_ada.posts(f"{talk}/title", title="A\0bout gold").status_code == 303
    assert "About gold" in at_ada.gets("/chat").text
    assert at_ada.posts(f"{talk}/title", title=" ").status_code == 422


def test_it_shares_inside_the_organisation_to_read_and_stops(
    site: Flask, ada: Member, at_ada: Browser, at_bo: Browser, model: Scripted
) -> None:
    reader = Browser(site)
    reader.signs_in(ada.adds("mia@harrow.example", Role.MEMBER))
    talk = starts(at_ada)
    says(at_ada, talk, model, "A question", "Answer one")
    assert reader.gets(talk).status_code == 404

    at_ada.posts(f"{talk}/sharing")
    page = reader.gets(talk)
    assert "Answer one" in page.text
    assert "<textarea" not in page.text
    message = messages(at_ada, talk)[1][1]
    steps = ("messages", "title", "sharing", "sharing/end", "deletion", f"messages/{message}/retry",
             f"messages/{message}/branch", f"messages/{message}/feedback")  # fmt: skip
    for step in steps:
        assert reader.posts(f"{talk}/{step}", question="x", title="x").status_code == 404, step
    assert reader.gets(f"{talk}/export/md").status_code == 404
    assert at_bo.gets(talk).status_code == 404

    at_ada.posts(f"{talk}/sharing/end")
    assert reader.gets(talk).status_code == 404


def test_it_exports_as_markdown_and_json(house: House, at_ada: Browser, model: Scripted) -> None:
    talk = starts(at_ada)
    says(at_ada, talk, model, "A question", "**Answer** one")
    at_ada.posts(f"{talk}/messages/{messages(at_ada, talk)[1][1]}/retry")
    text = at_ada.gets(f"{talk}/export/md")
    tree = json.loads(at_ada.gets(f"{talk}/export/json").text)

    assert "attachment" in text.headers["Content-Disposition"]
    assert "## Question\n\nA question" in text.text
    assert "**Answer** one" in text.text
    at_ada.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "de"
    assert "## Frage\n\nA question" in at_ada.gets(f"{talk}/export/md").text
    assert [one["role"] for one in tree["messages"]] == ["user", "assistant", "assistant"]
    assert tree["messages"][1]["parent_id"] == tree["messages"][2]["parent_id"] == tree["messages"][0]["message_id"]
    with house.server.connect("boot", house.database) as boot:
        query = "SELECT count(*) FROM cloister.audit_inbox WHERE event = 'chat:conversation:exported'"
        assert boot.execute(query).fetchone() == (3,)


def test_it_takes_feedback_and_the_last_word_counts(at_ada: Browser, model: Scripted) -> None:
    talk = starts(at_ada)
    says(at_ada, talk, model, "A question", "Answer one")
    (_, question), (_, answer) = messages(at_ada, talk)
    at_ada.posts(f"{talk}/messages/{answer}/feedback", verdict="good")
    assert "You found it good" in at_ada.gets(talk).text
    at_ada.posts(f"{talk}/messages/{answer}/feedback", verdict="bad", comment="not so\0")

    assert "You found it bad" in at_ada.gets(talk).text
    assert 'value="not so"' in at_ada.gets(talk).text
    assert at_ada.posts(f"{talk}/messages/{question}/feedback", verdict="good").status_code == 404
    assert at_ada.posts(f"{talk}/messages/{answer}/feedback", verdict="bad", comment="x" * 2001).status_code == 422


def test_it_finds_in_ones_own_history_alone(site: Flask, ada: Member, at_ada: Browser, model: Scripted) -> None:
    talk = starts(at_ada)
    says(at_ada, talk, model, "Where is the 100% wool?", "In the harbour.")
    says(at_ada, starts(at_ada), model, "Something else", "Nothing.")
    mia = Browser(site)
    mia.signs_in(ada.adds("mia@harrow.example", Role.MEMBER))

    for query in ("harbour", "100%", "WOOL"):
        assert talk in at_ada.gets(f"/chat?q={query.replace('%', '%25')}").text, query
    assert talk not in at_ada.gets("/chat?q=Something").text
    assert "None of your conversations" in at_ada.gets("/chat?q=%25%00%25x").text
    assert talk not in mia.gets("/chat?q=harbour").text


def test_it_pages_through_a_long_history(house: House, ada: Member, at_ada: Browser) -> None:
    with house.app.db.tenant(ada.tenant_id) as tx:
        chatbot = chat.list_chatbots(tx, ada.caller)[0]
        made = {chat.create_conversation(tx, ada.caller, chatbot.chatbot_id, clock=house.clock) for _ in range(70)}
    seen: list[str] = []
    path: str | None = "/chat"
    while path:
        page = at_ada.gets(path).text
        seen += re.findall(r'href="/chat/([0-9a-f-]{36})"', page)
        further = re.search(r'rel="next" href="([^"]+)"', page)
        path = further[1].replace("&amp;", "&") if further else None

    assert len(seen) == len(set(seen)) == 70
    assert set(seen) == {str(one.conversation_id) for one in made}
    assert at_ada.gets("/chat?before=nonsense").status_code == 200


def test_a_temporary_chat_keeps_nothing_and_remembers_while_it_lasts(
    house: House, at_ada: Browser, model: Scripted
) -> None:
    chatbot = at_ada.first(r'name="chatbot_id" value="([^"]+)"', "/chat")
    model.text = "canary-answer"
    page = at_ada.posts(f"/chat/temporary/{chatbot}", question="canary-question").text
    assert "canary-answer" in page
    assert 'name="user" value="canary-question"' in page
    at_ada.posts(f"/chat/temporary/{chatbot}", question="And then?", user="canary-question", assistant="canary-answer")
    assert [turn.text for turn in model.requests[-1].history] == ["canary-question", "canary-answer"]
    assert "event: done" in streams(at_ada, f"/chat/temporary/{chatbot}", question="canary-question")

    with house.server.connect("boot", house.database) as boot:
        names = boot.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'cloister'").fetchall()
        for (name,) in names:
            found = boot.execute(f"SELECT count(*) FROM cloister.{name} t WHERE t::text LIKE '%canary-%'")
            assert found.fetchone() == (0,), name
        assert boot.execute("SELECT count(*) FROM cloister.messages").fetchone() == (0,)
        query = "SELECT count(*) FROM cloister.audit_inbox WHERE event = 'chat:question:answered'"
        assert boot.execute(query).fetchone() == (3,)


def test_stopping_keeps_what_came(house: House, ada: Member, at_ada: Browser, model: Scripted) -> None:
    talk = starts(at_ada)
    model.text = "First line\nsecond line\nthird line"
    conversation_id = chat.ConversationId(UUID(talk.rpartition("/")[2]))
    _, answer = house.app.chat.ask(ada.caller, conversation_id, "A question")
    next(answer)
    answer.close()
    page = at_ada.gets(talk).text

    assert "First line" in page
    assert "third line" not in page
    assert "Stopped." in page


def test_it_records_the_answer_of_a_conversation_that_was_deleted_meanwhile(
    house: House, ada: Member, at_ada: Browser, model: Scripted
) -> None:
    talk = starts(at_ada)
    conversation_id = chat.ConversationId(UUID(talk.rpartition("/")[2]))
    _, answer = house.app.chat.ask(ada.caller, conversation_id, "A question")
    next(answer)
    at_ada.posts(f"{talk}/deletion")
    assert not [step for step in answer if isinstance(step, chat.Answered)]

    with house.server.connect("boot", house.database) as boot:
        query = "SELECT convert_from(body, 'utf8') FROM cloister.audit_inbox WHERE event = 'chat:question:answered'"
        (body,) = boot.execute(query).fetchone() or ("",)
        assert json.loads(str(body))["facts"]["kept"] == 0
        assert boot.execute("SELECT count(*) FROM cloister.messages").fetchone() == (0,)


def test_it_takes_nul_out_of_a_question_and_keeps_what_was_typed(at_ada: Browser, model: Scripted) -> None:
    talk = starts(at_ada)
    says(at_ada, talk, model, "Where\0 is it?", "Here\0.")

    assert "Where is it?" in at_ada.gets(talk).text
    assert at_ada.posts(f"{talk}/messages", question="\0").status_code == 422
    long = at_ada.posts(f"{talk}/messages", question="y" * 4001)
    assert long.status_code == 422
    assert "y" * 4001 in long.text
