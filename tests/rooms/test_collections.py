"""Who may read a collection: in lists, in the reader, in search, in answers, in what an upload tells."""

from collections.abc import Callable

import psycopg
import pytest

from appliance import chat, identity, knowledge
from appliance.chat.errors import ConversationNotFound
from appliance.identity import GroupId, Role
from appliance.identity.sessions import caller_of
from appliance.knowledge import Audience, Collection, CollectionForm, Upload
from appliance.knowledge.errors import CollectionNotFound, DocumentNotFound
from tests.support.house import House, Member

SECRET = "The merger with Tarn is planned for the ninth of June."


@pytest.fixture
def eve(ada: Member) -> Member:
    return ada.adds("eve@harrow.example", Role.MEMBER)


def board_of(ada: Member) -> tuple[Collection, GroupId]:
    with ada.services.db.tenant(ada.tenant_id) as tx:
        group = identity.create_group(tx, ada.caller, name="Board", clock=ada.house.clock)
        form = CollectionForm("Board", "", Audience.GROUPS, (group.group_id,))
        return knowledge.create_collection(tx, ada.caller, form, clock=ada.house.clock), group.group_id


def reads_in(ada: Member, collection: Collection, content: str = SECRET) -> knowledge.Document:
    upload = Upload("merger.txt", content.encode(), collection.collection_id)
    services = ada.services
    document = knowledge.receive(
        services.db, services.blobs, ada.caller, upload, limit_megabytes=100, clock=ada.house.clock
    )
    knowledge.ingest(ada.house.worker.workshop, ada.tenant_id, document.document_id)
    return document


def joins(ada: Member, eve: Member, group_id: GroupId) -> Member:
    with ada.services.db.tenant(ada.tenant_id) as tx:
        identity.set_group_members(tx, ada.caller, group_id, [eve.caller.user_id])
        return Member(ada.house, caller_of(tx, eve.caller.user_id))


def refused(act: Callable[[], object]) -> bool:
    try:
        act()
    except DocumentNotFound:
        return True
    return False


def test_it_hides_a_collection_from_who_is_not_in_its_groups(ada: Member, eve: Member) -> None:
    board, group_id = board_of(ada)
    document = reads_in(ada, board)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert knowledge.list_documents(tx, eve.caller) == []
        for act in (knowledge.get_document, knowledge.list_passages, knowledge.opened, knowledge.retry):
            assert refused(lambda act=act: act(tx, eve.caller, document.document_id)), act  # type: ignore[misc]
        assert [one.name for one in knowledge.list_collections(tx, eve.caller)] == ["Documents"]
        assert {one.name: one.document_count for one in knowledge.list_collections(tx, ada.caller)}["Board"] == 1
    assert "June" not in eve.asks("When is the merger with Tarn planned?").body
    assert "June" in ada.asks("When is the merger with Tarn planned?").body

    eve = joins(ada, eve, group_id)
    assert eve.document(document.document_id).title == "merger"
    assert "June" in eve.asks("When is the merger with Tarn planned?").body


def test_it_closes_with_the_next_query(ada: Member, eve: Member) -> None:
    board, group_id = board_of(ada)
    reads_in(ada, board)
    eve = joins(ada, eve, group_id)
    assert "June" in eve.asks("When is the merger with Tarn planned?").body
    with ada.services.db.tenant(ada.tenant_id) as tx:
        identity.set_group_members(tx, ada.caller, group_id, [])
        eve = Member(ada.house, caller_of(tx, eve.caller.user_id))

    assert "June" not in eve.asks("When is the merger with Tarn planned?").body


def test_it_tells_nobody_by_an_upload_that_a_file_is_there_already(ada: Member, eve: Member) -> None:
    board, _ = board_of(ada)
    hidden = reads_in(ada, board)
    own = eve.uploads("mine.txt", SECRET)

    assert own.document_id != hidden.document_id
    assert own.file_name == "mine.txt"
    assert eve.uploads("again.txt", SECRET).document_id == own.document_id


def test_it_takes_no_upload_into_a_collection_that_is_not_open(ada: Member, eve: Member) -> None:
    board, _ = board_of(ada)
    with pytest.raises(CollectionNotFound):
        reads_in(eve, board)


def test_it_looks_into_a_documents_title_too(ada: Member) -> None:
    document = ada.reads_in("card.html", "<title>card 4111 1111 1111 1111</title><p>Nothing else is here.</p>")

    assert document.status is knowledge.Status.QUARANTINED


def test_it_queues_no_job_for_another_organisation(house: House, ada: Member) -> None:
    bo = house.founds("Birch", "bo@birch.example")
    with house.server.connect("boot", house.database) as boot:
        boot.execute(f"SET app.tenant_id = '{ada.tenant_id}'")
        with pytest.raises(psycopg.errors.CheckViolation):
            boot.execute(
                "INSERT INTO cloister.procrastinate_jobs (tenant_id, task_name, queue_name, args) VALUES (%s, 'x', 'default', %s)",
                (ada.tenant_id, f'{{"tenant_id": "{bo.tenant_id}"}}'),
            )


def test_it_erases_no_file_that_a_document_names(ada: Member) -> None:
    document = ada.reads_in("fire-drill.txt")
    knowledge.erase(ada.house.worker.workshop, ada.tenant_id, document.document_id)

    assert ada.services.blobs.get(ada.tenant_id, document.document_id)


def test_it_shares_no_quote_with_who_may_not_read_its_document(ada: Member, eve: Member) -> None:
    board, group_id = board_of(ada)
    reads_in(ada, board)
    ada.asks("When is the merger with Tarn planned?")
    with ada.services.db.tenant(ada.tenant_id) as tx:
        conversation = chat.list_conversations(tx, ada.caller, sealer=ada.services.vault)[0].conversation_id
        chat.share_conversation(tx, ada.caller, conversation, clock=ada.house.clock)
    with ada.services.db.tenant(ada.tenant_id) as tx, pytest.raises(ConversationNotFound):
        chat.list_messages(tx, eve.caller, conversation, sealer=eve.services.vault)

    eve = joins(ada, eve, group_id)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert "June" in chat.list_messages(tx, eve.caller, conversation, sealer=eve.services.vault)[-1].body
