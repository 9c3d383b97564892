"""The gate and the knowledge room, on the real database as the app role."""

import json
from collections.abc import Generator
from typing import Any, cast

import pytest

from appliance import audit, budgets, chat, knowledge
from appliance.budgets import OverBudget
from appliance.chat import Says
from appliance.dlp import DlpBlocked
from appliance.gateway import Asker, ChatRequest, ledger
from appliance.identity import Forbidden, Role
from appliance.kernel.errors import Refusal
from appliance.knowledge import Status
from appliance.knowledge.errors import NotQuarantined
from appliance.knowledge.indexes import DEFAULT
from appliance.policy import ModelNotAllowed
from tests.support.house import House, Member, Server

CARD = "4539 1488 0343 6467"  # a valid check digit, nobody's card


def events(member: Member) -> list[str]:
    with member.services.db.tenant(member.tenant_id) as tx:
        return [entry.event for entry in audit.list_entries(tx, limit=1000)]


def calls(server: Server, database: str) -> list[tuple[Any, ...]]:
    with server.connect("boot", database) as boot:
        return boot.execute(
            "SELECT kind, state, prompt_tokens > 0 FROM cloister.model_calls ORDER BY call_id"
        ).fetchall()


def test_it_answers_from_the_document_with_its_page(ada: Member) -> None:
    ada.reads_in("leave-and-travel.pdf")
    ada.reads_in("security-handbook.docx")

    answer = ada.asks("How much is reimbursed for a hotel room a night?")

    assert "140 euros a night" in answer.body
    assert answer.citations[0].page_from == 2
    assert answer.citations[0].quote in answer.body


def test_it_finds_a_row_of_a_table(ada: Member) -> None:
    ada.reads_in("security-handbook.docx")

    assert "13 months" in ada.asks("How long is the access log kept?").body


@pytest.mark.parametrize("question", ["Who won the world cup in 1974?", "What is the boiling point of tungsten?"])
def test_it_says_plainly_that_it_found_nothing(ada: Member, question: str) -> None:
    ada.reads_in("leave-and-travel.pdf")

    answer = ada.asks(question)

    assert (answer.outcome, answer.citations) == ("abstained", ())


def test_it_invents_no_word(ada: Member) -> None:
    document = ada.reads_in("leave-and-travel.pdf")
    with ada.services.db.tenant(ada.tenant_id) as tx:
        text = " ".join(p.body for p in knowledge.list_passages(tx, ada.caller, document.document_id))

    body = ada.asks("Who receives 12 cents per kilometre?").body

    for paragraph in body.split("\n\n"):
        assert paragraph.rpartition(" [")[0] in text


def test_it_records_and_settles_every_call(server: Server, database: str, ada: Member) -> None:
    ada.reads_in("fire-drill.txt")
    ada.asks("When does the fire drill take place?")

    assert calls(server, database) == [("embedding", "completed", True)] * 2 + [("chat", "completed", True)]
    assert events(ada).count("gateway:call:admitted") == events(ada).count("gateway:call:settled") == 3


def test_it_makes_no_call_without_an_audit_record(server: Server, database: str, ada: Member) -> None:
    ada.reads_in("fire-drill.txt")
    before = calls(server, database)
    with server.connect("boot", database) as boot:
        boot.execute("REVOKE INSERT ON cloister.audit_inbox FROM cloister_app")

    with pytest.raises(Exception, match="audit_inbox"):
        ada.services.gateway.embed_query(Asker(ada.tenant_id, ada.caller.actor), "anything", model=DEFAULT.name)

    assert calls(server, database) == before


def test_it_refuses_an_unknown_model_and_says_so_in_the_log(ada: Member) -> None:
    stream = ada.services.gateway.stream(Asker(ada.tenant_id, ada.caller.actor), "gpt-9", ChatRequest("x", ()))

    with pytest.raises(ModelNotAllowed):
        next(iter(stream))
    assert "gateway:call:refused" in events(ada)


def test_it_stops_when_the_reader_leaves_and_keeps_what_came(server: Server, database: str, ada: Member) -> None:
    ada.reads_in("fire-drill.txt")
    with ada.services.db.tenant(ada.tenant_id) as tx:
        chatbot = chat.list_chatbots(tx, ada.caller)[0]
        conversation = chat.create_conversation(tx, ada.caller, chatbot.chatbot_id, clock=ada.house.clock)
    _, answer = ada.services.chat.ask(ada.caller, conversation.conversation_id, "When is the fire drill?")
    first = next(answer)
    cast("Generator[object, None, None]", answer).close()

    assert isinstance(first, Says)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        messages = chat.list_messages(tx, ada.caller, conversation.conversation_id, sealer=ada.services.vault)
    assert [message.outcome for message in messages] == [None, "stopped"]
    assert calls(server, database)[-1][:2] == ("chat", "cancelled")


def test_it_settles_what_a_dead_process_left_open(server: Server, database: str, house: House, ada: Member) -> None:
    with server.connect("boot", database) as boot:
        boot.execute(
            "INSERT INTO cloister.model_calls (tenant_id, call_id, kind, model, provider, actor_kind, state, reserved_tokens, admitted_at) "
            "VALUES (%s, gen_random_uuid(), 'chat', 'm', 'local', 'user', 'admitted', 700, now())",
            [ada.tenant_id],
        )
    house.clock.passes(minutes=16)
    with house.worker.db.tenant(ada.tenant_id) as tx:
        assert ledger.sweep(tx, clock=house.clock) == 1
        assert ledger.sweep(tx, clock=house.clock) == 0

    assert calls(server, database) == [("chat", "abandoned", True)]


def test_it_stops_at_the_budget(house: House, ada: Member) -> None:
    ada.reads_in("fire-drill.txt")
    with house.app.db.tenant(ada.tenant_id) as tx:
        budgets.set_budget(tx, ada.caller, monthly_tokens=1, clock=house.clock)
    with pytest.raises(OverBudget):
        ada.asks("When does the fire drill take place?")

    with house.app.db.tenant(ada.tenant_id) as tx:
        budgets.set_budget(tx, ada.caller, monthly_tokens=None, clock=house.clock)
    assert ada.asks("When does the fire drill take place?").outcome == "answered"


def test_it_quarantines_a_card_number_until_an_administrator_releases_it(house: House, ada: Member) -> None:
    document = ada.reads_in("till.txt", f"The customer paid with card {CARD} at the north till.")
    assert document.status is Status.QUARANTINED
    assert document.reason is not None
    assert "payment card" in document.reason
    assert CARD not in document.reason
    assert ada.asks("Which card did the customer use at the north till?").outcome == "abstained"
    member = ada.adds("mia@harrow.example", Role.MEMBER)
    with pytest.raises(Forbidden), house.app.db.tenant(ada.tenant_id) as tx:
        knowledge.approve(tx, member.caller, document.document_id)

    with house.app.db.tenant(ada.tenant_id) as tx:
        knowledge.approve(tx, ada.caller, document.document_id)
    knowledge.ingest(house.worker.workshop, ada.tenant_id, document.document_id)

    assert ada.document(document.document_id).status is Status.READY
    with pytest.raises(NotQuarantined), house.app.db.tenant(ada.tenant_id) as tx:
        knowledge.approve(tx, ada.caller, document.document_id)


def test_it_quarantines_what_is_hidden_too(ada: Member) -> None:
    page = f"<p>A harmless page about tills and cards.</p><p hidden>{CARD}</p>"

    assert ada.reads_in("page.html", page).status is Status.QUARANTINED


def test_it_sends_no_card_number_to_a_model(server: Server, database: str, ada: Member) -> None:
    with pytest.raises(DlpBlocked):
        ada.asks(f"Whose card is {CARD}?")

    assert calls(server, database) == []
    with server.connect("boot", database) as boot:
        bodies = boot.execute("SELECT body FROM cloister.audit_inbox").fetchall()
    assert not any(CARD.encode() in bytes(cast("bytes", body)) for (body,) in bodies)


def test_it_recognises_the_same_bytes(ada: Member) -> None:
    first, second = ada.uploads("a.txt", "the same bytes"), ada.uploads("b.txt", "the same bytes")

    assert first.document_id == second.document_id
    assert len(list(ada.house.app.blobs.stored(ada.tenant_id))) == 1


def test_it_reads_a_document_once_however_often_it_is_told(house: House, ada: Member) -> None:
    document = ada.reads_in("fire-drill.txt")
    for _ in range(3):
        knowledge.ingest(house.worker.workshop, ada.tenant_id, document.document_id)

    with house.app.db.tenant(ada.tenant_id) as tx:
        passages = knowledge.list_passages(tx, ada.caller, document.document_id)
    assert len(passages) == document.chunk_count
    assert events(ada).count("knowledge:document:indexed") == 1


def test_it_leaves_nothing_of_a_deleted_document(server: Server, database: str, house: House, ada: Member) -> None:
    document = ada.reads_in("fire-drill.txt")
    answer = ada.asks("When does the fire drill take place?")
    with house.app.db.tenant(ada.tenant_id) as tx:
        knowledge.delete(tx, ada.caller, document.document_id)
    knowledge.erase(house.worker.workshop, ada.tenant_id, document.document_id)

    assert answer.citations
    assert ada.asks("When does the fire drill take place?").outcome == "abstained"
    assert list(house.app.blobs.stored(ada.tenant_id)) == []
    with server.connect("boot", database) as boot:
        counts = boot.execute(
            "SELECT (SELECT count(*) FROM cloister.chunks), (SELECT count(*) FROM cloister.chunk_vectors), (SELECT count(*) FROM cloister.postings)"
        ).fetchone()
    assert counts == (0, 0, 0)


def test_it_sweeps_files_that_no_document_names(house: House, ada: Member) -> None:
    document = ada.uploads("kept.txt", "kept")
    house.app.blobs.put(ada.tenant_id, ada.caller.user_id, b"left behind by a crash")
    house.clock.passes(hours=2)

    assert knowledge.sweep_orphans(house.worker.workshop, ada.tenant_id) == 1
    assert [blob for blob, _ in house.app.blobs.stored(ada.tenant_id)] == [document.document_id]

    # A database restored from a newer backup names the file again within 30 days, and has it.
    assert house.app.blobs.get(ada.tenant_id, ada.caller.user_id) == b"left behind by a crash"
    house.clock.passes(days=29)
    knowledge.sweep_orphans(house.worker.workshop, ada.tenant_id)
    assert house.app.blobs.count_aside() == 1
    house.clock.passes(days=2)
    knowledge.sweep_orphans(house.worker.workshop, ada.tenant_id)
    assert house.app.blobs.count_aside() == 0


def test_it_fails_a_scan_with_the_remedy(ada: Member) -> None:
    document = ada.reads_in("nothing.html", "<html><body><img src='scan.png'></body></html>")

    assert (document.status, document.reason_code) == (Status.FAILED, "no_text")
    assert document.reason is not None
    assert "OCR" in document.reason


def test_it_lets_an_auditor_see_neither_documents_nor_conversations(house: House, ada: Member) -> None:
    ada.reads_in("fire-drill.txt")
    auditor = ada.adds("aud@harrow.example", Role.AUDITOR)

    with house.app.db.tenant(ada.tenant_id) as tx:
        for look in (knowledge.list_documents, chat.list_chatbots):
            with pytest.raises(Forbidden):
                look(tx, auditor.caller)
        with pytest.raises(Forbidden):
            chat.list_conversations(tx, auditor.caller, sealer=ada.services.vault)


def test_it_records_ids_and_no_content(server: Server, database: str, ada: Member) -> None:
    ada.reads_in("canary-name.txt", "The canary-text says that the archive key hangs behind the clock.")
    ada.asks("Where does the canary-question archive key hang?")

    with server.connect("boot", database) as boot:
        bodies = [bytes(cast("bytes", body)) for (body,) in boot.execute("SELECT body FROM cloister.audit_inbox")]
    assert len(bodies) > 8
    assert not any(b"canary" in body or b"clock" in body or b"ada@" in body for body in bodies)
    assert all(json.loads(body)["version"] == 1 for body in bodies)


def test_refusals_say_what_to_do_next() -> None:
    def family(root: type[Refusal]) -> list[type[Refusal]]:
        return [root, *(leaf for branch in root.__subclasses__() for leaf in family(branch))]

    for refusal in family(Refusal)[2:]:
        assert refusal.__doc__, refusal
        assert refusal.__doc__.strip().endswith("."), refusal
        assert refusal.code != "refused", refusal
