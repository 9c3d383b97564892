"""What an owner searches stands in books of several conversations each: found, changed and erased one by one (decision 0028)."""

import threading
from collections.abc import Sequence
from uuid import UUID

import pytest

from appliance import chat
from appliance.chat import ConversationId, finding, texts
from appliance.chat.sealed import BOOKS, TEXTS
from appliance.identity import Role
from appliance.kernel.sealing import IntegrityError
from tests.support.conversing import begins, boots, talks, titles
from tests.support.house import House, Member
from tests.support.scripted import install
from tests.support.sealing import said_before


def talks_of(house: House, member: Member, count: int) -> list[UUID]:
    """Conversations "Lamp 0", "Lamp 1", … whose question and answer say the number as well; sealed by the worker."""
    ids = said_before(house, member, [(f"Lamp {n}", [f"Where is lamp {n}?", f"In room {n}{n}."]) for n in range(count)])
    chat.seal_plain(house.worker.db, house.worker.vault, member.tenant_id, seconds=60)
    return ids


def books_of(house: House, member: Member) -> dict[UUID, str]:
    """What the books of a person say, opened."""
    rows = boots(house, "SELECT book_id, sealed FROM text_books WHERE owner_id = %s", member.caller.user_id)
    with member.services.db.tenant(member.tenant_id) as tx:
        places = [(bytes(sealed), BOOKS.place(book_id, member.caller.user_id)) for book_id, sealed in rows]
        opened = member.services.vault.unseal_all(tx, places)
    return {book_id: said.decode() for (book_id, _), said in zip(rows, opened, strict=True)}


def stand_alone(house: House, member: Member, ids: Sequence[UUID]) -> None:
    """Let the texts of conversations stand alone, as the version before kept them."""
    said = "\n".join(books_of(house, member).values()).split("\n")
    with member.services.db.tenant(member.tenant_id) as tx:
        for one in ids:
            alone = "\n".join(line[32:] for line in said if line.startswith(one.hex))
            sealed = member.services.vault.seal(tx, alone.encode(), TEXTS.place(one))
            boots(house, "UPDATE conversation_texts SET sealed = %s, book_id = NULL WHERE conversation_id = %s", sealed, one)
    boots(house, "DELETE FROM text_books b WHERE NOT EXISTS (SELECT FROM conversation_texts t WHERE t.book_id = b.book_id)")


def deletes(member: Member, talk: UUID) -> None:
    with member.services.db.tenant(member.tenant_id) as tx:
        chat.delete_conversation(tx, member.caller, ConversationId(talk), sealer=member.services.vault)


def renames(member: Member, talk: UUID, title: str) -> None:
    with member.services.db.tenant(member.tenant_id) as tx:
        chat.rename_conversation(tx, member.caller, ConversationId(talk), title=title, sealer=member.services.vault)


def test_conversations_of_a_person_share_books_and_those_of_two_never_do(house: House, ada: Member) -> None:
    mia = ada.adds("mia@harrow.example", Role.MEMBER)
    talks_of(house, ada, 9)
    said_before(house, mia, [("Lamp of Mia", ["Where is mine?"])])
    chat.seal_plain(house.worker.db, house.worker.vault, ada.tenant_id, seconds=60)

    assert len(books_of(house, ada)) == len(books_of(house, mia)) == 1
    assert titles(ada, "lamp 7?") == titles(ada, "room 77") == {"Lamp 7"}, "by what was asked, by what was answered"
    assert titles(ada, "of mia") == titles(mia, "room 77") == set()
    assert titles(mia, "lamp") == {"Lamp of Mia"}


@pytest.mark.parametrize("at_once", [2, 100])
def test_a_full_book_takes_no_more_conversations_in(
    house: House, ada: Member, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(texts, "_FULL", 600)
    monkeypatch.setattr(texts, "AT_ONCE", at_once)
    monkeypatch.setattr(finding, "AT_ONCE", at_once)  # fewer than there are books, or more
    monkeypatch.setattr(finding, "_FIRST", 4)
    monkeypatch.setattr(finding, "_MOST", 5)
    install(house)
    talks_of(house, ada, 12)
    begins(ada, "Where do the chairs stand?", "And the tables?")

    books = books_of(house, ada)
    assert len(books) > 3
    assert all(len(said) < 1200 for said in books.values())
    assert titles(ada, "lamp") == {f"Lamp {n}" for n in range(12)}
    assert titles(ada, "and the tables") == titles(ada, "chairs") == {"Where do the chairs stand?"}
    assert [one.title for one in talks(ada, "lamp 1")] == ["Lamp 11", "Lamp 10", "Lamp 1"], "the latest first"


def test_what_is_renamed_is_found_by_its_new_title_alone(house: House, ada: Member) -> None:
    ids = talks_of(house, ada, 5)
    renames(ada, ids[3], "About chandeliers")

    assert titles(ada, "chandeliers") == titles(ada, "lamp 3?") == {"About chandeliers"}
    assert titles(ada, "lamp 2") == {"Lamp 2"}
    renames(ada, ids[3], "About candles")
    assert titles(ada, "chandeliers") == set()


def test_a_deleted_conversation_is_gone_from_its_book_and_the_last_one_takes_the_book_along(
    house: House, ada: Member
) -> None:
    ids = talks_of(house, ada, 3)
    deletes(ada, ids[1])
    (said,) = books_of(house, ada).values()

    assert ids[1].hex not in said
    assert "11." not in said
    assert titles(ada, "lamp") == {"Lamp 0", "Lamp 2"}
    deletes(ada, ids[0])
    deletes(ada, ids[2])
    assert boots(house, "SELECT count(*) FROM text_books UNION ALL SELECT count(*) FROM conversation_texts") == [(0,), (0,)]
    install(house)
    begins(ada, "Where do the lamps hang?")
    assert titles(ada, "hang") == {"Where do the lamps hang?"}


def test_texts_that_stand_alone_are_found_changed_and_deleted_before_and_while_they_come_into_books(
    house: House, ada: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "_PIECE", 4)
    install(house)
    ids = talks_of(house, ada, 10)
    stand_alone(house, ada, ids)
    assert books_of(house, ada) == {}
    expected = {f"Lamp {n}" for n in range(10)}

    def sealed_alone() -> int:
        return int(boots(house, "SELECT count(*) FROM conversation_texts WHERE sealed IS NOT NULL")[0][0])

    assert titles(ada, "lamp") == expected
    assert titles(ada, "room 44") == {"Lamp 4"}
    renames(ada, ids[9], "About candles")
    assert sealed_alone() == 9, "who writes to one brings it along"
    assert titles(ada, "room 99") == titles(ada, "candles") == {"About candles"}
    deletes(ada, ids[8])
    with house.worker.db.tenant(ada.tenant_id) as tx:
        assert texts.bind_some(tx, house.worker.vault)
    assert sealed_alone() == 4
    assert titles(ada, "lamp") == (expected - {"Lamp 8", "Lamp 9"}) | {"About candles"}
    assert not chat.tend_sealing(house.worker.db, house.worker.vault, ada.tenant_id), "none of it is plain"
    assert boots(house, "SELECT count(*) FROM procrastinate_jobs WHERE task_name = %s OR args::text LIKE %s", chat.SEAL, f"%{chat.SEAL}%")[0][0] == 1
    chat.seal_plain(house.worker.db, house.worker.vault, ada.tenant_id, seconds=60)

    assert sealed_alone() == 0
    assert len(books_of(house, ada)) == 1
    assert titles(ada, "lamp") == (expected - {"Lamp 8", "Lamp 9"}) | {"About candles"}
    assert titles(ada, "room 44") == {"Lamp 4"}


def test_what_a_version_before_wrote_beside_a_book_is_found_and_comes_into_it(house: House, ada: Member) -> None:
    ids = talks_of(house, ada, 3)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        said = f"{UUID(int=7).hex}the cellar has none"
        sealed = ada.services.vault.seal(tx, said.encode(), TEXTS.place(ids[1]))
    boots(house, "UPDATE conversation_texts SET sealed = %s WHERE conversation_id = %s", sealed, ids[1])

    assert titles(ada, "the cellar") == titles(ada, "room 11") == {"Lamp 1"}
    chat.seal_plain(house.worker.db, house.worker.vault, ada.tenant_id, seconds=60)
    assert titles(ada, "the cellar") == titles(ada, "room 11") == {"Lamp 1"}
    assert len(books_of(house, ada)) == 1


def test_two_conversations_that_are_written_to_at_once_lose_no_word(house: House, ada: Member) -> None:
    ids = talks_of(house, ada, 4)

    def renames_often(at: int) -> None:
        for turn in range(5):
            renames(ada, ids[at], f"Number {at} for the {turn}th time")

    threads = [threading.Thread(target=renames_often, args=(at,)) for at in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert titles(ada, "4th time") == {f"Number {at} for the 4th time" for at in range(4)}
    assert titles(ada, "3th time") == set()
    assert titles(ada, "room") == {f"Number {at} for the 4th time" for at in range(4)}
    assert len(books_of(house, ada)) == 1


def test_a_name_that_looks_like_what_is_searched_is_not_found(house: House, ada: Member) -> None:
    ids = talks_of(house, ada, 2)

    assert titles(ada, ids[0].hex) == titles(ada, ids[0].hex[-6:]) == set()
    renames(ada, ids[1], ids[0].hex)
    assert titles(ada, ids[0].hex[:12]) == {ids[0].hex}


def test_a_book_that_does_not_open_raises_the_alarm_and_hinders_nobody_from_beginning_another_one(
    house: House, ada: Member
) -> None:
    install(house)
    begins(ada, "Where do the lamps stand?")
    boots(house, "UPDATE text_books SET sealed = set_byte(sealed, 90, get_byte(sealed, 90) # 1)")
    talk = begins(ada, "Where do the chairs stand?", "And the tables?")

    assert boots(house, "SELECT count(*) FROM text_books") == [(2,)]
    with pytest.raises(IntegrityError):
        titles(ada, "chairs")
    assert len(talks(ada)) == 2
    boots(house, "UPDATE text_books SET sealed = set_byte(sealed, 90, get_byte(sealed, 90) # 1) WHERE book_id = (SELECT min(book_id::text)::uuid FROM text_books)")
    assert titles(ada, "tables") == {"Where do the chairs stand?"}
    deletes(ada, talk)
    assert titles(ada, "stand") == {"Where do the lamps stand?"}
