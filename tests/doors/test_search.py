"""Looking for passages, as people, programs and operators do: from what they may read, and on record."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from click.testing import Result
from flask import Flask

from appliance import audit, identity, knowledge
from appliance.audit import EntryFilter, Event
from appliance.identity import Role
from appliance.knowledge import Audience, CollectionForm, Upload
from tests.support.house import Member
from tests.support.program import Program
from tests.support.site import Browser

Console = Callable[..., Result]
MAIL = (
    "From: mia@harrow.example\nTo: all@harrow.example\nSubject: Canteen\nMIME-Version: 1.0\n\n"
    "On Friday the canteen serves <b>fish</b> from the lake.\n"
)


@pytest.fixture
def mia(ada: Member) -> Member:
    """A member; there are a note and a mail for everybody, and a note that only the board may read."""
    mia = ada.adds("mia@harrow.example", Role.MEMBER)
    note = ada.reads_in("canteen.md", "# Canteen\n\nThe canteen opens at half past eleven and closes at two.")
    with ada.services.db.tenant(ada.tenant_id) as tx:
        knowledge.label(tx, ada.caller, note.document_id, ["house"])
        board = identity.create_group(tx, ada.caller, name="Board", clock=ada.house.clock)
        form = CollectionForm("Board", "", Audience.GROUPS, (board.group_id,))
        collection_id = knowledge.create_collection(tx, ada.caller, form, clock=ada.house.clock).collection_id
    upload = Upload("plan.txt", b"The canteen is closed for good in March.", collection_id)
    secret = knowledge.receive(
        ada.services.db, ada.services.blobs, ada.caller, upload, limit_megabytes=1, clock=ada.house.clock
    )
    knowledge.ingest(ada.house.worker.workshop, ada.tenant_id, secret.document_id)
    ada.house.clock.passes(days=40)
    ada.reads_in("friday.eml", MAIL)
    return mia


def test_it_finds_what_the_reader_may_read_and_nothing_else(ada: Member, mia: Member, bo: Member, site: Flask) -> None:
    assert {one["title"] for one in found(site, mia, "When is the canteen closed?")} == {"Canteen"}
    assert len(found(site, mia, "When is the canteen closed?")) == 2
    assert "closed for good" in found(site, ada, "When is the canteen closed for good?")[0]["body"]
    assert found(site, bo, "When is the canteen closed?") == []


def test_it_cuts_by_kind_label_collection_and_day(ada: Member, mia: Member, site: Flask) -> None:
    now = ada.house.clock.now()
    month_ago = (now - timedelta(days=30)).date().isoformat()
    with ada.services.db.tenant(ada.tenant_id) as tx:
        places = {one.name: one.collection_id for one in knowledge.list_collections(tx, ada.caller)}
    for filters, expected in {
        "kind=mail": ["fish"],
        "kind=text": ["half past"],
        "kind=pdf": [],
        "label=house": ["half past"],
        "label=other": [],
        f"first_day={month_ago}": ["fish"],
        f"last_day={month_ago}": ["half past"],
        f"first_day={now.date()}&last_day={now.date()}": ["fish"],
    }.items():
        bodies = [one["body"] for one in found(site, mia, "the canteen", filters)]
        assert len(bodies) == len(expected), filters
        assert all(word in body for word, body in zip(expected, bodies, strict=True)), filters
    assert [one["body"][:21] for one in found(site, ada, "the canteen", f"collection_id={places['Board']}")] == [
        "The canteen is closed"
    ]
    refused = Program(site, mia).gets(f"/passages?text=canteen&collection_id={places['Board']}")
    assert refused.status_code == 404
    assert refused.json is not None
    assert refused.json["code"] == "collection_not_found"
    assert Program(site, mia).gets("/passages?text=%20%0A").status_code == 422


def test_its_page_marks_words_leads_to_the_passage_and_keeps_filters(mia: Member, site: Flask) -> None:
    browser = Browser(site)
    browser.signs_in(mia)
    assert "Ask in your own words" in browser.gets("/search").text
    shown = browser.gets("/search?q=fish+in+the+Canteen&kind=mail").text
    assert "<mark>canteen</mark>" in shown
    assert "<b>fish" not in shown
    assert '<option value="mail" selected>' in shown
    passage = browser.first(r'href="(/documents/[^"]+passage=[^"]+)#cited"', "/search?q=fish")
    assert browser.gets(passage.replace("&amp;", "&")).status_code == 200
    assert "Nothing was found" in browser.gets("/search?q=fish&kind=pdf").text
    for odd in ("kind=wrong", "collection=7", "from=yesterday", "to=9999-12-31", "label=%00"):
        assert browser.gets(f"/search?q=fish&{odd}").status_code == 200, odd


def test_what_must_not_be_sent_is_not_looked_for_either(mia: Member, site: Flask) -> None:
    browser = Browser(site)
    browser.signs_in(mia)
    answer = browser.gets("/search?q=4111+1111+1111+1111")
    assert answer.status_code == 403
    assert "payment card" in answer.text


def test_it_puts_on_record_which_passages_were_shown_and_no_word(mia: Member, ada: Member, site: Flask) -> None:
    shown = found(site, mia, "When does the canteen open?")
    with ada.services.db.tenant(ada.tenant_id) as tx:
        entry = audit.list_entries(tx, EntryFilter(event=Event.PASSAGES_RETRIEVED), limit=1)[0]
    assert entry.actor.id == mia.caller.user_id
    assert str(entry.facts["passages"]).split(",") == [one["chunk_id"] for one in shown]
    assert "canteen" not in str(entry.facts)


def test_who_only_searches_has_asked_nothing(mia: Member, ada: Member, site: Flask) -> None:
    found(site, mia, "When does the canteen open?")
    days = Program(site, ada).gets("/overview/days?days=1").json
    assert days is not None
    assert [one["people"] for one in days["items"]] == [0]


def test_an_operator_finds_by_the_console_too(mia: Member, console: Console) -> None:
    said = console("passage", "search", "--text", "canteen", "--kind", "mail", "--as", mia.caller.email, "--json")
    assert said.exit_code == 0, said.output
    assert "from the lake" in said.output
    assert "half past" not in said.output


def found(site: Flask, member: Member, text: str, filters: str = "") -> list[dict[str, str]]:
    answer = Program(site, member).gets(f"/passages?text={text}&{filters}".rstrip("&"))
    assert answer.status_code == 200, answer.text
    assert answer.json is not None
    items: list[dict[str, str]] = answer.json["items"]
    return items
