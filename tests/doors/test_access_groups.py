"""Two members, two groups, one question: each is answered from what they may read, at every door and in what was said before."""

import re
from dataclasses import dataclass

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from appliance import chat, identity, knowledge
from appliance.identity import GroupId, Role
from appliance.knowledge import Audience, CollectionForm, DocumentId, Upload
from tests.support import scripted
from tests.support.house import House, Member
from tests.support.program import Program
from tests.support.site import Browser

QUESTION = "On which day is the contract with the supplier Tarn signed?"
SALES, LAB = "ninth of June", "third of October"


@dataclass
class Office:
    """Sol of Sales and Lea of the Lab; each group has a collection of its own."""

    ada: Member
    sol: Member
    lea: Member
    groups: dict[str, GroupId]
    documents: dict[str, DocumentId]

    def set_members(self, group: str, *members: Member) -> None:
        with self.ada.services.db.tenant(self.ada.tenant_id) as tx:
            ids = [member.caller.user_id for member in members]
            identity.set_group_members(tx, self.ada.caller, self.groups[group], ids)


@pytest.fixture
def office(ada: Member) -> Office:
    sol, lea = (ada.adds(f"{name}@harrow.example", Role.MEMBER) for name in ("sol", "lea"))
    office = Office(ada, sol, lea, {}, {})
    for name, member, day in (("Sales", sol, SALES), ("Lab", lea, LAB)):
        with ada.services.db.tenant(ada.tenant_id) as tx:
            group = identity.create_group(tx, ada.caller, name=name, clock=ada.house.clock)
            form = CollectionForm(name, "", Audience.GROUPS, (group.group_id,))
            collection = knowledge.create_collection(tx, ada.caller, form, clock=ada.house.clock)
        office.groups[name] = group.group_id
        office.set_members(name, member)
        text = f"The contract with the supplier Tarn is signed on the {day}. {name} keeps the only copy of it."
        upload = Upload(f"{name}.txt", text.encode(), collection.collection_id)
        document = knowledge.receive(
            ada.services.db, ada.services.blobs, ada.caller, upload, limit_megabytes=1, clock=ada.house.clock
        )
        knowledge.ingest(ada.house.worker.workshop, ada.tenant_id, document.document_id)
        office.documents[name] = document.document_id
    return office


def at(site: Flask, member: Member) -> Browser:
    browser = Browser(site)
    browser.signs_in(member)
    return browser


def talks(browser: Browser) -> str:
    chatbot = browser.first(r'name="chatbot_id"[^>]*value="([0-9a-f-]{36})"|option value="([0-9a-f-]{36})"', "/chat")
    return browser.posts("/chat", chatbot_id=chatbot).headers["Location"]


def asks_page(browser: Browser, talk: str) -> str:
    browser.posts(f"{talk}/messages", question=QUESTION)
    return browser.gets(talk).text


def asks_api(program: Program) -> tuple[str, str]:
    chatbot = program.gets("/chatbots").get_json()["items"][0]["chatbot_id"]
    talk = f"/conversations/{program.asks('POST', '/conversations', {'chatbot_id': chatbot}).get_json()['conversation_id']}"
    answer = program.asks("POST", f"{talk}/messages", {"question": QUESTION})
    return talk, answer.get_json()["answer"]["body"]


def test_each_is_answered_from_what_they_may_read_at_every_door(site: Flask, office: Office) -> None:
    for member, own, foreign in ((office.sol, SALES, LAB), (office.lea, LAB, SALES)):
        page = asks_page(at(site, member), talks(at(site, member)))
        assert own in page
        assert foreign not in page
        _, body = asks_api(Program(site, member))
        assert own in body
        assert foreign not in body


def test_a_removed_group_is_obeyed_on_the_next_question_and_in_what_was_said_before(
    site: Flask, office: Office
) -> None:
    browser, program = at(site, office.sol), Program(site, office.sol)
    talk, (path, body) = talks(browser), asks_api(program)
    assert SALES in asks_page(browser, talk)
    assert SALES in body

    office.set_members("Sales")

    for shown in (browser.gets(talk).text, browser.gets(f"{talk}/export/md").text, browser.gets(f"{talk}/export/json").text,
                  program.gets(f"{path}/messages").text, program.gets(f"{path}/export").text):  # fmt: skip
        assert SALES not in shown
    assert program.gets(f"{path}/messages").get_json()["items"][1]["is_withheld"]
    assert "not open to you any more" in browser.gets(talk).text
    assert program.gets("/conversations?text=ninth").get_json()["items"] == []  # nor does the search tell of it
    assert SALES not in asks_page(browser, talk)
    assert SALES not in program.asks("POST", f"{path}/messages", {"question": QUESTION}).text

    office.set_members("Sales", office.sol)
    assert SALES in program.gets(f"{path}/messages").text


def test_a_kept_answer_is_not_repeated_to_who_has_left_the_group(site: Flask, office: Office) -> None:
    program = Program(site, office.sol)
    asks = ("POST", f"{asks_api(program)[0]}/messages", {"question": QUESTION})
    assert SALES in program.asks(*asks, Idempotency_Key="k").text
    assert program.asks(*asks, Idempotency_Key="k").headers["Idempotency-Replayed"] == "true"

    office.set_members("Sales")

    assert SALES not in program.asks(*asks, Idempotency_Key="k").text


def test_a_kept_answer_is_repeated_as_it_may_be_read_now(site: Flask, office: Office) -> None:
    ada, program = office.ada, Program(site, office.sol)
    chatbot = program.gets("/chatbots").get_json()["items"][0]["chatbot_id"]
    talks = [
        program.asks("POST", "/conversations", {"chatbot_id": chatbot}).get_json()["conversation_id"] for _ in "ab"
    ]
    paths = [f"/conversations/{talk}/messages" for talk in talks]

    def asks_again(path: str) -> TestResponse:
        return program.asks("POST", path, {"question": QUESTION}, Idempotency_Key=path)

    for path in paths:
        assert asks_again(path).text == asks_again(path).text
        assert SALES in asks_again(path).text

    program.asks("DELETE", f"/conversations/{talks[1]}")
    assert asks_again(paths[1]).status_code == 404
    with ada.services.db.tenant(ada.tenant_id) as tx:
        lab = next(one for one in knowledge.list_collections(tx, ada.caller) if one.name == "Lab")
        knowledge.move(tx, ada.caller, office.documents["Sales"], lab.collection_id)

    again = asks_again(paths[0])
    assert SALES not in again.text
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.get_json()["answer"]["is_withheld"]


def test_it_follows_a_document_that_was_moved_and_closes_what_was_deleted(site: Flask, office: Office) -> None:
    ada, program = office.ada, Program(site, office.sol)
    path, _ = asks_api(program)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        lab = next(one for one in knowledge.list_collections(tx, ada.caller) if one.name == "Lab")
        knowledge.move(tx, ada.caller, office.documents["Sales"], lab.collection_id)
    assert SALES not in program.gets(f"{path}/messages").text

    with ada.services.db.tenant(ada.tenant_id) as tx:
        knowledge.delete(tx, ada.caller, office.documents["Sales"])
    assert SALES not in program.gets(f"{path}/messages").text
    office.set_members("Lab", office.sol)
    assert SALES in program.gets(f"{path}/messages").text


def test_the_viewer_does_not_tell_what_a_closed_answer_quoted(site: Flask, office: Office) -> None:
    browser, program = at(site, office.sol), Program(site, office.sol)
    path, _ = asks_api(program)
    answer = program.gets(f"{path}/messages").get_json()["items"][1]
    office.set_members("Sales")

    # A guess, uploaded and opened as if the answer had quoted it: a mark would say how much of it is right.
    guess = office.sol.reads_in("guess.txt", f"I guess: {answer['citations'][0]['quote']}".encode())
    passage = program.gets(f"/documents/{guess.document_id}/passages").get_json()["items"][0]["chunk_id"]
    source = f"passage={passage}&answer={answer['message_id']}&source={answer['citations'][0]['number']}"
    assert "<mark>" not in browser.gets(f"/documents/{guess.document_id}?{source}").text


def test_no_model_is_told_what_is_closed_to_who_asks(site: Flask, house: House, office: Office) -> None:
    model = scripted.install(house)
    ada, sol = office.ada, office.sol
    with ada.services.db.tenant(ada.tenant_id) as tx:
        bot = chat.list_drafts(tx, ada.caller)[0]
        form = chat.ChatbotForm(bot.name, bot.welcome, "", model.name)
        chat.update_chatbot(tx, ada.caller, bot.chatbot_id, form, models=house.app.gateway.models, clock=house.clock)
        chat.publish_chatbot(tx, ada.caller, bot.chatbot_id, clock=house.clock)
    program = Program(site, sol)
    model.text = "It is a day in early summer."  # told in the model's own words, without a citation
    path, _ = asks_api(program)
    assert "early summer" in program.gets(f"{path}/messages").text

    office.set_members("Sales")
    program.asks("POST", f"{path}/messages", {"question": QUESTION})

    assert "early summer" not in program.gets(f"{path}/messages").get_json()["items"][1]["body"]
    told = repr(model.requests[-1])
    assert "early summer" not in told
    assert SALES not in told
    assert re.search("Tarn", told)


def test_what_was_told_of_an_earlier_answer_closes_with_it(site: Flask, house: House, office: Office) -> None:
    model = scripted.install(house)
    ada, program = office.ada, Program(site, office.sol)
    ada.reads_in("canteen.txt", b"The canteen serves soup on Mondays.")
    with ada.services.db.tenant(ada.tenant_id) as tx:
        bot = chat.list_drafts(tx, ada.caller)[0]
        everyone = next(one for one in knowledge.list_collections(tx, ada.caller) if one.name == "Documents")

    def answers_from(*collections: knowledge.CollectionId) -> None:
        form = chat.ChatbotForm(bot.name, bot.welcome, "", model.name, collection_ids=collections)
        with ada.services.db.tenant(ada.tenant_id) as tx:
            models = house.app.gateway.models
            chat.update_chatbot(tx, ada.caller, bot.chatbot_id, form, models=models, clock=house.clock)
            chat.publish_chatbot(tx, ada.caller, bot.chatbot_id, clock=house.clock)

    answers_from()
    model.text = "It is a day in early summer."
    path, _ = asks_api(program)
    answers_from(everyone.collection_id)
    model.text = "As I said: early summer."
    program.asks("POST", f"{path}/messages", {"question": "And what of the canteen?"})
    assert "As I said" in program.gets(f"{path}/messages").text

    office.set_members("Sales")

    assert "early summer" not in program.gets(f"{path}/messages").text
