"""A member outside a group, at every door: what is open to the group alone is not there for them."""

from dataclasses import dataclass

import pytest
from flask import Flask

from appliance import chat, identity, knowledge
from appliance.chat import ChatbotForm, ChatbotId
from appliance.identity import Role
from appliance.identity.sessions import caller_of
from appliance.kernel.errors import Kind, Refusal
from appliance.knowledge import Audience, CollectionForm, CollectionId, Document, Upload
from tests.doors.conftest import Console
from tests.support.house import Member
from tests.support.program import Program
from tests.support.site import Browser

SECRET = "zebra-canary"
DRILL = f"# {SECRET}\n\nThe fire drill takes place on the first Thursday of May.\n"
QUESTION = "When does the fire drill take place?"


@dataclass(frozen=True)
class Board:
    """What is open to the board, to which Mia belongs and Ned does not."""

    mia: Member
    ned: Member
    collection_id: CollectionId
    document: Document
    chatbot_id: ChatbotId

    def paths(self) -> list[str]:
        return [f"/collections/{self.collection_id}", f"/documents/{self.document.document_id}"]


@pytest.fixture
def board(ada: Member) -> Board:
    mia, ned = ada.adds("mia@harrow.example", Role.MEMBER), ada.adds("ned@harrow.example", Role.MEMBER)
    services, clock = ada.services, ada.house.clock
    with services.db.tenant(ada.tenant_id) as tx:
        group = identity.create_group(tx, ada.caller, name="Board", clock=clock)
        identity.set_group_members(tx, ada.caller, group.group_id, [mia.caller.user_id])
        mia = Member(ada.house, caller_of(tx, mia.caller.user_id))  # with the group
        form = CollectionForm("Papers of the board", "", Audience.GROUPS, (group.group_id,))
        collection = knowledge.create_collection(tx, ada.caller, form, clock=clock)
        draft = ChatbotForm(
            "Secretary of the board", "", "", "extractive", 0.0, True, (), (), chat.Audience.GROUPS, (group.group_id,)
        )
        chatbot = chat.create_chatbot(tx, ada.caller, draft, models=services.gateway.models, clock=clock)
        chat.publish_chatbot(tx, ada.caller, chatbot.chatbot_id, clock=clock)
    upload = Upload(f"{SECRET}.txt", DRILL.encode(), collection.collection_id)
    document = knowledge.receive(
        services.db, services.blobs, ada.caller, upload, limit_megabytes=1, clock=ada.house.clock
    )
    knowledge.ingest(ada.house.worker.workshop, ada.tenant_id, document.document_id)
    return Board(mia, ned, collection.collection_id, document, chatbot.chatbot_id)


def test_at_the_pages(site: Flask, board: Board) -> None:
    at_mia, at_ned = Browser(site), Browser(site)
    at_mia.signs_in(board.mia)
    at_ned.signs_in(board.ned)
    for path in [*board.paths(), f"/chat/temporary/{board.chatbot_id}"]:
        assert at_mia.gets(path).status_code == 200, path
        assert at_ned.gets(path).status_code == 404, path
    for path in ("/documents", "/documents/rows", "/collections", "/chat"):
        seen = at_ned.gets(path).text
        assert SECRET not in seen
        assert "of the board" not in seen
    chatbot_id = str(board.chatbot_id)
    assert at_mia.posts("/chat", chatbot_id=chatbot_id).status_code == 303
    assert at_ned.posts("/chat", chatbot_id=chatbot_id).status_code == 404
    assert at_ned.posts(f"/chat/temporary/{chatbot_id}", question=SECRET).status_code == 404
    assert at_ned.uploads("mine.txt", b"Mine.", collection=str(board.collection_id)).status_code == 404


def test_at_the_api(site: Flask, board: Board) -> None:
    mia, ned = Program(site, board.mia), Program(site, board.ned)
    for path in [*board.paths(), f"{board.paths()[1]}/passages", f"/chatbots/{board.chatbot_id}"]:
        assert mia.gets(path).status_code == 200, path
        assert ned.gets(path).status_code == 404, path
    for path in ("/documents", "/collections", "/chatbots", f"/documents?text={SECRET}"):
        seen = ned.gets(path).text
        assert SECRET not in seen
        assert "of the board" not in seen
    start = {"chatbot_id": str(board.chatbot_id)}
    assert mia.asks("POST", "/conversations", start).status_code == 201
    assert ned.asks("POST", "/conversations", start).status_code == 404
    assert ned.asks("POST", f"/chatbots/{board.chatbot_id}/answers", {"question": QUESTION}).status_code == 404
    fields = {"collection_id": str(board.collection_id)}
    assert ned.uploads({"mine.txt": b"Mine."}, fields).status_code == 404


def test_at_the_console(console: Console, board: Board) -> None:
    commands = [
        ("collection", "get", str(board.collection_id)),
        ("document", "get", str(board.document.document_id)),
        ("document", "list-passages", str(board.document.document_id)),
        ("bot", "get", str(board.chatbot_id)),
        ("conversation", "start", "--chatbot-id", str(board.chatbot_id)),
    ]
    for words in commands:
        assert console(*words, "--as", board.mia.caller.email).exit_code == 0, words
        refused = console(*words, "--as", board.ned.caller.email).exception
        assert isinstance(refused, Refusal), words
        assert refused.kind is Kind.NOT_FOUND
    for words in (("document", "list"), ("collection", "list"), ("bot", "list")):
        seen = console(*words, "--json", "--as", board.ned.caller.email)
        assert seen.exit_code == 0
        assert SECRET not in seen.output
        assert "of the board" not in seen.output


def test_by_asking(board: Board) -> None:
    assert "Thursday of May" in board.mia.asks(QUESTION).body
    assert "Thursday" not in board.ned.asks(QUESTION).body
