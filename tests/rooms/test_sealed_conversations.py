"""What people say stands sealed: no dump tells it, nothing of it can be moved, and what stood plain is sealed and wiped."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text

from appliance import chat, identity, knowledge
from appliance.chat import ConversationId, Format, books, finding
from appliance.identity import Role
from appliance.kernel.sealing import IntegrityError, KeyDestroyed
from appliance.ops.diagnosis import _database
from appliance.ops.embedded_postgres import client_program
from appliance.ops.plain_text import Wiped, wipe
from appliance.tenancy import OrganisationSettings, Review
from appliance.vault.destruction import decide_destruction, request_destruction
from appliance.vault.errors import PlainTextRemains
from appliance.vault.exchange import require_nothing_plain
from appliance.vault.rotation import begin_rotation, finish_rotations, rotate
from appliance.vault.values import End, Level
from appliance.worker.schedule import tidy
from tests.support.conversing import begins, boots, messages, talks, titles
from tests.support.house import House, Member
from tests.support.queue import Worker
from tests.support.scripted import install
from tests.support.sealing import said_before

PLANTED = "zanzibar"
PLAIN = {
    "conversations": "title", "messages": "body", "citations": "title || heading || quote", "feedback": "comment",
    "review_requests": "reason", "conversation_views": "reason",
}  # fmt: skip


def judges(member: Member, talk: UUID, comment: str) -> None:
    with member.services.db.tenant(member.tenant_id) as tx:
        chat.give_feedback(
            tx, member.caller, ConversationId(talk), messages(member, talk)[-1].message_id, is_good=False,
            comment=comment, sealer=member.services.vault, clock=member.house.clock,
        )  # fmt: skip


def lets_review(owner: Member, mode: Review) -> None:
    with owner.services.db.tenant(owner.tenant_id) as tx:
        identity.change_settings(tx, owner.caller, OrganisationSettings(mode))


def reviewed(owner: Member, query: str = "", **more: Any) -> set[str | None]:
    with owner.services.db.tenant(owner.tenant_id) as tx:
        found = chat.list_for_review(tx, owner.caller, sealer=owner.services.vault, query=query, limit=1000, **more)
    return {one.title for one in found}


def seals(house: House, member: Member) -> None:
    chat.seal_plain(house.worker.db, house.worker.vault, member.tenant_id, seconds=60)


def left_plain(house: House) -> int:
    return sum(boots(house, f"SELECT count(*) FROM {table} WHERE {plain} <> ''")[0][0] for table, plain in PLAIN.items())


def test_a_dump_after_a_day_of_talking_tells_nothing_of_what_was_said(house: House, ada: Member) -> None:
    document = ada.reads_in(f"{PLANTED}-plan.txt", f"{PLANTED} hands out the lamps at the north gate.")
    talk = begins(ada, f"Who hands out the lamps of {PLANTED}?")
    assert PLANTED in messages(ada, talk)[-1].citations[0].quote
    judges(ada, talk, f"{PLANTED} is right")
    for mode in (Review.AUDITED, Review.TWO_PERSON):
        lets_review(ada, mode)
        with ada.services.db.tenant(ada.tenant_id) as tx:
            act: Any = chat.open_for_review if mode is Review.AUDITED else chat.request_review
            reason = f"Somebody named {PLANTED}"
            act(tx, ada.caller, ConversationId(talk), reason=reason, sealer=ada.services.vault, clock=house.clock)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        renamed = f"About {PLANTED}"
        chat.rename_conversation(tx, ada.caller, ConversationId(talk), title=renamed, sealer=ada.services.vault)
        knowledge.delete(tx, ada.caller, document.document_id)  # it is searched in the clear while it is there
    knowledge.erase(house.worker.workshop, ada.tenant_id, document.document_id)

    command = [client_program("pg_dump"), "--inserts", house.server.url("cloister_boot", house.database)]
    dump = subprocess.run(command, capture_output=True, check=True).stdout.decode().lower()
    assert str(talk) in dump
    assert PLANTED not in dump
    assert PLANTED.encode().hex() not in dump
    assert titles(ada, PLANTED) == {f"About {PLANTED}"}
    shown = messages(ada, talk)[-1]
    assert (shown.citations[0].title, shown.citations[0].document_id) == (f"{PLANTED}-plan", None)
    assert shown.feedback is not None
    assert shown.feedback.comment == f"{PLANTED} is right"


MOVES = {
    "a body to another message": "UPDATE messages m SET sealed_words = o.sealed_words FROM messages o WHERE o.role <> m.role",
    "a body of another conversation": "UPDATE messages m SET sealed_words = o.sealed_words FROM messages o"
    " WHERE o.conversation_id <> m.conversation_id AND o.role = m.role",
    "a message to another conversation": "UPDATE messages m SET conversation_id = c.conversation_id FROM conversations c"
    " WHERE c.conversation_id <> m.conversation_id",
    "a title to another conversation": "UPDATE conversations c SET sealed_title = o.sealed_title FROM conversations o"
    " WHERE o.conversation_id <> c.conversation_id",
    "a conversation to another person": "UPDATE conversations SET owner_id = (SELECT owner_id FROM conversations ORDER BY owner_id DESC LIMIT 1)",
    "what is searched to another person": "UPDATE text_books b SET sealed = o.sealed FROM text_books o WHERE o.book_id <> b.book_id",
    "a conversation into another person's book": "UPDATE conversation_texts c SET book_id = o.book_id FROM conversation_texts o"
    " WHERE o.conversation_id <> c.conversation_id AND o.tenant_id = c.tenant_id",
    "a body to another organisation": "UPDATE messages m SET sealed_words = o.sealed_words FROM messages o WHERE o.tenant_id <> m.tenant_id",
    "an altered body": "UPDATE messages SET sealed_words = set_byte(sealed_words, 90, get_byte(sealed_words, 90) # 1)",
}  # fmt: skip


@pytest.mark.parametrize("move", MOVES)
def test_what_was_moved_or_altered_is_refused(house: House, ada: Member, bo: Member, move: str) -> None:
    install(house)
    mia = ada.adds("mia@harrow.example", Role.MEMBER)
    for member in (ada, mia, bo):
        begins(member, "Where do the lamps stand?")
    readers = [one for one in (ada, mia) if titles(one, "lamps")]
    with house.server.connect("boot", house.database) as boot:
        boot.execute("SET search_path = cloister, public")
        boot.execute("SET session_replication_role = replica")
        boot.execute(MOVES[move].encode())

    def reads_all(member: Member) -> None:
        for one in talks(member):
            messages(member, one.conversation_id)
        talks(member, "lamps")

    refused = 0
    for one in readers:
        try:
            reads_all(one)
        except IntegrityError as refusal:
            assert "altered, moved, or sealed under another key" in str(refusal)
            refused += 1
    assert refused >= 1
    if "another person" not in move:  # that hands all of them to one
        assert refused == len(readers)


SAID = [
    ("Jahresurlaub und Überstunden", ["Wie viele Tage Jahresurlaub gibt es?", "Es gibt 28 Tage; Überstunden verfallen nie."]),
    ("Türen: wer schließt ab?", ["Wer schließt in der Straße ab?", "Der Hausmeister, um 18:30 Uhr (werktags)."]),
    ("Fire drill", ["When is the fire drill?", "On Monday.\n\n- meet at the oak tree\n- count 100% of the people"]),
    ("価格と在庫", ["東京の倉庫の在庫は?", "倉庫には三百個あります。"]),
    ("snake_case \\ paths", ["What is C:\\temp?", "A folder, \"temporary\". It's O’Brien's."]),
    ("Ελληνικά ΣΟΦΙΑ", ["Πού είναι το κλειδί;", "Κάτω από το χαλί."]),
    ("emoji 🔑 keys", ["🔑 where?", "Behind the clock 🕰"]),
]  # fmt: skip
QUERIES = [
    "urlaub", "Jahresurlaub", "ÜBERSTUNDEN", "stunden verfallen", "Überstunden verfallen nie", "28 tage", "Tage; Über", "18:30",
    "(werktags)", "Türen: wer", "Straße", "fire drill", "FIRE", "ire dril", "oak tree", "100%", "100% of", "_case", "snake_case",
    "%", "\\", "C:\\temp", '"temporary"', "O’Brien's", "在庫", "倉庫", "三", "価格と", "σοφια", "κλειδί", "🔑", "clock 🕰", "e", "nothing of it",
    "lamps in the drill", "monday.", "tree - count",
]  # fmt: skip
MORE = {"STRASSE": {SAID[1][0]}, "tree\n- count": {SAID[2][0]}, "fire   drill": {SAID[2][0]}, "ＦＩＲＥ": {SAID[2][0]}}
"""Decided differences: what is found now, and was not before (decision 0019)."""


def test_it_finds_what_the_search_in_plain_text_found_and_a_little_more(house: House, ada: Member) -> None:
    said_before(house, ada, SAID)
    lets_review(ada, Review.AUDITED)
    every = [*QUERIES, *MORE]
    was = {query: (titles(ada, query), reviewed(ada, query)) for query in every}
    assert len(set(map(str, was.values()))) > 12, "the corpus tells the queries apart"
    seals(house, ada)
    assert left_plain(house) == 0
    found = {query: (titles(ada, query), reviewed(ada, query)) for query in every}

    for query in QUERIES:
        assert found[query][0] >= was[query][0], query
        assert found[query][1] >= was[query][1], query
    more = {query for query in every if found[query] != was[query]}
    assert more <= {*MORE, "tree - count", "ÜBERSTUNDEN", "σοφια"}, more
    assert {query: found[query][0] for query in MORE} == MORE


def test_it_reads_searches_and_exports_the_same_before_while_and_after_it_is_sealed(house: House, ada: Member) -> None:
    many = [(f"Lamp {n}", [f"Where is lamp {n}?", f"Lamp {n} is in room {n % 7}."]) for n in range(130)]
    ids = said_before(house, ada, [*SAID, *many], comment="a true word", quote="under the stairs")
    lets_review(ada, Review.AUDITED)

    def everything() -> list[Any]:
        with ada.services.db.tenant(ada.tenant_id) as tx:
            seen = [
                (chat.read_conversation(tx, ada.caller, one, sealer=ada.services.vault),
                 chat.list_messages(tx, ada.caller, one, sealer=ada.services.vault),
                 chat.list_views(tx, ada.caller, one, sealer=ada.services.vault))
                for one in map(ConversationId, ids[::9])
            ]  # fmt: skip
            texts = [
                chat.export_conversation(tx, ada.caller, ConversationId(ids[0]), form, sealer=ada.services.vault)
                for form in Format
            ]
        searched = [titles(ada, query) for query in ("lamp 1", "room 3", "urlaub", "lamp")]
        return [seen, texts, *searched, reviewed(ada, "lamp 12"), reviewed(ada, "mp 1"), len(talks(ada))]

    before, plain = everything(), left_plain(house)
    with house.worker.db.tenant(ada.tenant_id) as tx:
        assert chat.unsealed._seal_some(tx, house.worker.vault)
    assert 0 < left_plain(house) < plain
    assert everything() == before
    _, answer = ada.services.chat.ask(ada.caller, ConversationId(ids[0]), "And the chairs?")  # before its turn
    list(answer)
    assert [one.body for one in messages(ada, ids[0])][:2] == SAID[0][1]
    assert titles(ada, "and the chairs") == {SAID[0][0]}
    after = everything()
    seals(house, ada)

    assert left_plain(house) == 0
    assert everything() == after
    assert after[2:] == before[2:]


def test_it_goes_on_where_a_killed_process_stopped(house: House, ada: Member, tmp_path: Any) -> None:
    count = 120
    said_before(house, ada, [(f"Lamp {n}", [f"Where is {PLANTED} {n}?", f"In room {n}."]) for n in range(count)])
    names = {"data_dir", "models_dir", "database_url"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("APPLIANCE_")}
    environment |= {f"APPLIANCE_{name.upper()}": str(getattr(house.settings, name)) for name in names}
    command = [sys.executable, "-m", "tests.support.sealing", str(ada.tenant_id)]
    plain = left_plain(house)
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        while left_plain(house) == plain:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert 0 < left_plain(house) < plain
    subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)

    assert left_plain(house) == 0
    assert len(titles(ada, PLANTED)) == count
    assert titles(ada, f"{PLANTED} 17?") == {"Lamp 17"}
    assert boots(house, "SELECT count(*) FROM messages WHERE sealed_words IS NULL") == [(0,)]


def test_the_words_are_gone_from_the_tables_files_once_all_is_sealed(house: House, ada: Member, worker: Worker) -> None:
    said_before(
        house, ada, [(f"{PLANTED} {n}", [f"{PLANTED}?", PLANTED * 50]) for n in range(40)], comment=PLANTED, quote=PLANTED
    )
    url = house.server.url("cloister_migrator", house.database)
    boots(house, "ANALYZE conversations")
    tidy(house.worker)
    assert wipe(url) == Wiped(), "something is plain"
    assert "being sealed" in doctor(house)
    worker.works()
    tidy(house.worker)
    boots(house, "CHECKPOINT")
    assert {"messages", "conversations"} <= holding(house), "VACUUM alone leaves them there"
    assert "conversations" in sampled(house)  # and others, where autovacuum was sooner
    assert "files still hold" in doctor(house)

    with house.server.connect("boot", house.database) as reader, reader.transaction():
        reader.execute("SELECT 1 FROM cloister.messages LIMIT 1")
        assert wipe(url).in_use == ("messages",)
    assert wipe(url).in_use == ()
    boots(house, "CHECKPOINT")
    assert holding(house) == sampled(house) == set()
    assert wipe(url) == Wiped(), "once is enough"
    assert doctor(house) == "sealed"
    assert len(titles(ada, PLANTED)) == 40
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        with house.server.connect("app", house.database) as app:
            app.execute("SELECT note_plain_text_wiped()")


def doctor(house: House) -> str:
    """What `appliance doctor` says of conversations."""
    found = _database(lambda: house.server.url("cloister_worker", house.database), House.models_directory())
    return next(one.detail for one in found if one.name == "conversations")


def sampled(house: House) -> set[str]:
    """The tables of which the planner keeps the planted word as a sample."""
    kept = "SELECT tablename FROM pg_stats WHERE concat(most_common_vals, histogram_bounds) LIKE %s"
    return {name for (name,) in boots(house, kept, f"%{PLANTED}%")}


def holding(house: House) -> set[str]:
    """The tables whose files, or whose indexes' or long values' files, hold the planted word."""
    rows = boots(
        house,
        """SELECT t.relname, pg_read_binary_file(pg_relation_filepath(f.oid)) FROM pg_class t
             JOIN pg_class f ON f.oid IN (t.oid, t.reltoastrelid)
                             OR f.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = t.oid)
           WHERE t.relnamespace = 'cloister'::regnamespace AND t.relkind = 'r' AND t.relname = ANY (%s)""",
        list(PLAIN),
    )
    return {name for name, content in rows if PLANTED.encode() in bytes(content)}


def test_a_turned_data_key_opens_conversations_and_destroyed_ones_open_nothing(house: House, ada: Member) -> None:
    install(house)
    eve = ada.adds("eve@harrow.example", Role.OWNER)
    talk, other = (begins(ada, "Where do the lamps stand?") for _ in range(2))  # in one book
    judges(ada, talk, "I looked, they do not")
    lets_review(ada, Review.AUDITED)
    before = messages(ada, talk)
    work = house.worker
    with ada.services.db.tenant(ada.tenant_id) as tx:
        begin_rotation(tx, ada.caller, ada.services.vault, Level.DEK)
    rotate(work.db, work.vault, work.shelves, ada.tenant_id)
    assert finish_rotations(work.db, work.vault, work.shelves, ada.tenant_id, grace=timedelta(0))
    assert [one[0] for one in boots(house, "SELECT state FROM data_keys WHERE version = 1 AND tenant_id = %s", ada.tenant_id)] == ["destroyed"]  # fmt: skip
    assert messages(ada, talk) == before
    assert titles(ada, "lamps") == reviewed(ada, "lamps") == {"Where do the lamps stand?"}

    house.owners_settle()
    with ada.services.db.tenant(ada.tenant_id) as tx:
        asked = request_destruction(tx, ada.caller, reason="we leave", clock=house.clock)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        files = house.app.vault.files
        for key in decide_destruction(tx, eve.caller, asked, is_granted=True, files=files, clock=house.clock):
            files.destroy(key, End.ALL)
    for look in (talks, lambda one: talks(one, "lamps"), lambda one: messages(one, talk), lambda one: reviewed(one, "x")):
        with pytest.raises(KeyDestroyed):
            look(ada)
    with pytest.raises(KeyDestroyed):
        begins(ada, "Anything new?")
    for one in (talk, other):
        with ada.services.db.tenant(ada.tenant_id) as tx:
            chat.delete_conversation(tx, ada.caller, ConversationId(one), sealer=ada.services.vault)
    assert boots(house, "SELECT count(*) FROM text_books") == [(0,)]


def test_keys_are_not_destroyed_while_something_would_outlive_them(house: House, ada: Member, bo: Member) -> None:
    said_before(house, ada, SAID[:1])

    with pytest.raises(PlainTextRemains):
        require_nothing_plain(house.app.shelves, ada.tenant_id)
    require_nothing_plain(house.app.shelves, bo.tenant_id)
    seals(house, ada)
    require_nothing_plain(house.app.shelves, ada.tenant_id)


def test_a_deleted_conversation_leaves_nothing_to_search(house: House, ada: Member) -> None:
    install(house)
    lets_review(ada, Review.AUDITED)
    talk = begins(ada, "Where do the lamps stand?")
    other = begins(ada, "Where are the chairs?")
    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert set(books.open_pages(tx, ada.services.vault).saying("where")) == {talk.hex, other.hex}
        chat.delete_conversation(tx, ada.caller, ConversationId(talk), sealer=ada.services.vault)
        assert list(books.open_pages(tx, ada.services.vault).saying("where")) == [other.hex]
    assert boots(house, "SELECT conversation_id FROM conversation_texts") == [(other,)]
    assert reviewed(ada, "where") == titles(ada, "where") == {"Where are the chairs?"}


def test_a_search_finds_ones_own_and_never_anybody_elses(house: House, ada: Member, bo: Member) -> None:
    install(house)
    mia = ada.adds("mia@harrow.example", Role.MEMBER)
    begins(mia, "Where do the lamps stand?")
    begins(bo, "Where do the lamps hang?")
    lets_review(ada, Review.AUDITED)
    lets_review(bo, Review.AUDITED)

    assert titles(ada, "lamps") == set()
    assert titles(mia, "lamps") == reviewed(ada, "LAMPS") == {"Where do the lamps stand?"}
    assert titles(bo, "lamps") == reviewed(bo, "lamps") == {"Where do the lamps hang?"}
    with bo.services.db.tenant(bo.tenant_id) as tx:
        assert tx.scalar(text("SELECT count(*) FROM title_pages")) == 1
    lets_review(ada, Review.TWO_PERSON)
    assert reviewed(ada, "nothing like it") == {None}, "content finds nothing there, and hides nothing"


def test_a_search_goes_on_behind_its_windows(house: House, ada: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "_FIRST", 3)
    monkeypatch.setattr(finding, "_MOST", 7)
    lets_review(ada, Review.AUDITED)
    said_before(house, ada, [(f"Lamp {n}", [f"Is it {'old' if n % 3 else 'new'}?"]) for n in range(40)])
    seals(house, ada)

    assert len(titles(ada, "old")) == 26
    with ada.services.db.tenant(ada.tenant_id) as tx:
        sealer, found = ada.services.vault, list[str]()
        last = None
        while page := chat.list_conversations(tx, ada.caller, sealer=sealer, query="old", before=last, limit=5):
            found += [one.title for one in page]
            last = (page[-1].updated_at, page[-1].conversation_id)
    assert found == [f"Lamp {n}" for n in range(39, -1, -1) if n % 3]
    assert reviewed(ada, "lamp 1") == {"Lamp 1", *(f"Lamp {n}" for n in range(10, 20))}
    assert len(reviewed(ada, "lamp")) == 40
    assert reviewed(ada, "lamp 39") == {"Lamp 39"}, "a few titles are looked up by themselves"
    assert len(reviewed(ada, "ada")) == 40, "the person is named"
    assert reviewed(ada, "nowhere") == set()
