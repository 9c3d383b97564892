"""Versions: the old one stays until the new one is ready; nothing is left of what is deleted."""

import pytest

from appliance import chat, knowledge
from appliance.identity import Forbidden, Role
from appliance.knowledge import Document, FileId, Receipt, Received, Status, Upload, Version
from appliance.knowledge.errors import AlreadyThere, DocumentNotFound, NotQuarantined, VersionInForce
from tests.rooms.test_gateway_and_knowledge import CARD, events
from tests.support.house import House, Member, Server
from tests.support.queue import Worker

OLD = "The fire drill takes place on the first Thursday of May."
NEW = "The fire drill takes place on the second Friday of June."
WHEN = "When does the fire drill take place?"


def takes_in(member: Member, name: str, text: str, of: Document | None = None, *, separately: bool = False) -> Received:
    return knowledge.take_in(
        member.services.db, member.services.blobs, member.caller, Upload(name, text.encode(), is_separate=separately),
        limit_megabytes=100, clock=member.house.clock, document_id=of.document_id if of else None,
    )  # fmt: skip


def history(member: Member, document: Document) -> list[Version]:
    with member.services.db.tenant(member.tenant_id) as tx:
        return knowledge.list_versions(tx, member.caller, document.document_id)


def stored(member: Member) -> int:
    return len(list(member.services.blobs.stored(member.tenant_id)))


def test_a_file_of_the_same_name_replaces_the_old_one_once_it_is_ready(ada: Member, worker: Worker) -> None:
    first = takes_in(ada, "drill.txt", OLD).document
    worker.works()
    second = takes_in(ada, "drill.txt", NEW)

    assert (second.receipt, second.document.document_id) == (Receipt.VERSION, first.document_id)
    waiting = ada.document(first.document_id)
    assert (waiting.status, waiting.version) == (Status.READY, 1)
    assert waiting.newer is not None
    assert (waiting.newer.number, waiting.newer.status) == (2, Status.RECEIVED)
    old_answer = ada.asks(WHEN)
    assert "first Thursday" in old_answer.body

    worker.works()
    assert "second Friday" in ada.asks(WHEN).body
    assert ada.document(first.document_id).newer is None
    assert [(one.number, one.is_current, one.status) for one in history(ada, first)] == [
        (2, True, Status.READY), (1, False, Status.READY),
    ]  # fmt: skip
    assert stored(ada) == 2
    assert events(ada).count("knowledge:version:received") == 1
    with ada.services.db.tenant(ada.tenant_id) as tx:
        conversations = chat.list_conversations(tx, ada.caller, sealer=ada.services.vault)
        cited = [
            (citation.version, citation.is_replaced)
            for one in conversations
            for message in chat.list_messages(tx, ada.caller, one.conversation_id, sealer=ada.services.vault)
            for citation in message.citations
        ]
    assert sorted(cited, key=str) == [(1, True), (2, False)]


def test_a_new_version_that_cannot_be_read_leaves_the_old_one_in_force(ada: Member, worker: Worker) -> None:
    document = takes_in(ada, "drill.txt", OLD).document
    worker.works()
    takes_in(ada, "drill.txt", "\0\1\2\3" * 50, document)
    worker.works()

    found = ada.document(document.document_id)
    assert (found.status, found.version) == (Status.READY, 1)
    assert found.newer is not None
    assert (found.newer.number, found.newer.status) == (2, Status.FAILED)
    assert found.newer.reason
    assert "first Thursday" in ada.asks(WHEN).body


def test_a_quarantined_version_enters_into_force_when_it_is_released(ada: Member, worker: Worker) -> None:
    document = takes_in(ada, "drill.txt", OLD).document
    worker.works()
    takes_in(ada, "drill.txt", f"{NEW} Card {CARD}.", document)
    worker.works()
    found = ada.document(document.document_id)
    assert found.newer is not None
    assert found.newer.status is Status.QUARANTINED
    assert "first Thursday" in ada.asks(WHEN).body

    with ada.services.db.tenant(ada.tenant_id) as tx:
        knowledge.approve(tx, ada.caller, document.document_id)
    worker.works()
    assert ada.document(document.document_id).version == 2

    with pytest.raises(NotQuarantined), ada.services.db.tenant(ada.tenant_id) as tx:
        knowledge.approve(tx, ada.caller, document.document_id)


def test_what_is_released_is_the_version_that_was_looked_at(ada: Member, worker: Worker) -> None:
    document = takes_in(ada, "drill.txt", f"{OLD} Card {CARD}.").document
    worker.works()
    takes_in(ada, "drill.txt", f"{NEW} Card {CARD}.")
    worker.works()
    with pytest.raises(NotQuarantined), ada.services.db.tenant(ada.tenant_id) as tx:
        knowledge.approve(tx, ada.caller, document.document_id, version=1)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        knowledge.approve(tx, ada.caller, document.document_id, version=2)
    worker.works()
    assert ada.document(document.document_id).version == 2


def test_an_earlier_version_is_made_current_again_and_history_only_grows(ada: Member, worker: Worker) -> None:
    document = takes_in(ada, "drill.txt", OLD).document
    takes_in(ada, "drill.txt", NEW)
    worker.works()
    first = history(ada, document)[-1]
    knowledge.restore_version(
        ada.services.db, ada.services.blobs, ada.caller, document.document_id, first.version_id, clock=ada.house.clock
    )
    assert "second Friday" in ada.asks(WHEN).body
    worker.works()

    assert "first Thursday" in ada.asks(WHEN).body
    assert [one.number for one in history(ada, document)] == [3, 2, 1]
    assert "knowledge:version:restored" in events(ada)


def test_a_version_is_deleted_with_its_file_unless_it_is_in_force(ada: Member, worker: Worker) -> None:
    document = takes_in(ada, "drill.txt", OLD).document
    takes_in(ada, "drill.txt", NEW)
    worker.works()
    current, earlier = history(ada, document)
    with pytest.raises(VersionInForce), ada.services.db.tenant(ada.tenant_id) as tx:
        knowledge.delete_version(tx, ada.caller, document.document_id, current.version_id)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        knowledge.delete_version(tx, ada.caller, document.document_id, earlier.version_id)
    worker.works()

    assert [blob for blob, _ in ada.services.blobs.stored(ada.tenant_id)] == [current.version_id]
    assert "second Friday" in ada.asks(WHEN).body


def test_nothing_is_left_of_a_deleted_document_in_any_table_or_file(
    server: Server, database: str, ada: Member, worker: Worker
) -> None:
    document = takes_in(ada, "lavender.txt", "The lavender plan: the drill is on the first Thursday of May.").document
    takes_in(ada, "lavender.txt", "The lavender plan: the drill is on the second Friday of June.")
    worker.works()
    takes_in(ada, "lavender.txt", "The lavender plan: not yet read.")
    with ada.services.db.tenant(ada.tenant_id) as tx:
        knowledge.label(tx, ada.caller, document.document_id, ["lavender"])
        knowledge.delete(tx, ada.caller, document.document_id)
    worker.works()

    assert stored(ada) == 0
    assert [path for path in (ada.house.settings.data_dir / "blobs").rglob("*") if path.is_file()] == []
    with server.connect("boot", database) as boot:
        tables = boot.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'cloister'::regnamespace"
        ).fetchall()
        for (table,) in tables:
            rows = boot.execute(f"SELECT t::text FROM {table} t").fetchall()
            assert "lavender" not in str(rows), table
            if table != "cloister.audit_inbox":
                assert str(document.document_id) not in str(rows), table


def test_what_somebody_else_uploaded_is_replaced_by_those_who_may(ada: Member, worker: Worker) -> None:
    document = takes_in(ada, "drill.txt", OLD).document
    mia = ada.adds("mia@harrow.example", Role.MEMBER)
    with pytest.raises(Forbidden):
        takes_in(mia, "drill.txt", NEW, document)

    own = takes_in(mia, "drill.txt", NEW)
    assert own.receipt is Receipt.ADDED
    assert own.document.document_id != document.document_id
    assert takes_in(mia, "drill.txt", NEW + " Bring a coat.").receipt is Receipt.VERSION
    with pytest.raises(Forbidden), mia.services.db.tenant(mia.tenant_id) as tx:
        knowledge.cancel(tx, mia.caller, document.document_id, clock=mia.house.clock)
    with pytest.raises(Forbidden), mia.services.db.tenant(mia.tenant_id) as tx:
        knowledge.label(tx, mia.caller, document.document_id, ["mine"])


def test_the_same_bytes_are_known_as_a_version_and_refused_as_another_document(ada: Member, worker: Worker) -> None:
    drill, menu = takes_in(ada, "drill.txt", OLD).document, takes_in(ada, "menu.txt", "Soup on Mondays.").document
    assert takes_in(ada, "drill.txt", OLD).receipt is Receipt.KNOWN
    takes_in(ada, "drill.txt", NEW)
    assert takes_in(ada, "drill.txt", NEW).receipt is Receipt.KNOWN
    with pytest.raises(AlreadyThere):
        takes_in(ada, "drill.txt", "Soup on Mondays.", drill)
    assert takes_in(ada, "drill.txt", "Another drill.", separately=True).receipt is Receipt.ADDED
    worker.works()
    assert len({drill.document_id, menu.document_id}) == 2
    assert stored(ada) == 4


def test_a_cancelled_document_stops_and_is_taken_up_again(ada: Member, worker: Worker) -> None:
    document = takes_in(ada, "drill.txt", OLD).document
    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert knowledge.cancel(tx, ada.caller, document.document_id, clock=ada.house.clock).status is Status.CANCELLED
    worker.works()
    assert ada.document(document.document_id).status is Status.CANCELLED
    assert "knowledge:document:indexed" not in events(ada)

    assert takes_in(ada, "drill.txt", OLD).receipt is Receipt.ADDED
    worker.works()
    assert ada.document(document.document_id).status is Status.READY
    takes_in(ada, "drill.txt", NEW)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        knowledge.cancel(tx, ada.caller, document.document_id, clock=ada.house.clock)
    worker.works()
    assert (ada.document(document.document_id).version, ada.document(document.document_id).newer) == (1, None)


def test_what_its_person_cancelled_nobody_without_the_right_sends_on_its_way(ada: Member, worker: Worker) -> None:
    mia, ned = ada.adds("mia@harrow.example", Role.MEMBER), ada.adds("ned@harrow.example", Role.MEMBER)
    document = takes_in(mia, "drill.txt", OLD).document
    worker.works()
    takes_in(mia, "drill.txt", NEW)
    with mia.services.db.tenant(mia.tenant_id) as tx:
        knowledge.cancel(tx, mia.caller, document.document_id, clock=mia.house.clock)
    with pytest.raises(Forbidden), ned.services.db.tenant(ned.tenant_id) as tx:
        knowledge.retry(tx, ned.caller, document.document_id)
    for member in (mia, ada):
        with member.services.db.tenant(member.tenant_id) as tx:
            assert knowledge.retry(tx, member.caller, document.document_id).newer is not None
            knowledge.cancel(tx, member.caller, document.document_id, clock=member.house.clock)


def test_another_organisation_reaches_no_version(house: House, ada: Member) -> None:
    bo = house.founds("Birch", "bo@birch.example")
    document = takes_in(ada, "drill.txt", OLD).document
    takes_in(ada, "drill.txt", NEW)
    with pytest.raises(DocumentNotFound):
        history(bo, document)
    with pytest.raises(DocumentNotFound):
        takes_in(bo, "drill.txt", "x", document)
    with pytest.raises(DocumentNotFound), bo.services.db.tenant(bo.tenant_id) as tx:
        knowledge.delete_version(tx, bo.caller, document.document_id, FileId(document.document_id))
