"""What calls said is kept only where the organisation says so: sealed, for days, and opened by others as conversations are."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text

from appliance import identity, tenancy
from appliance.app import create_app
from appliance.chat import call_contents
from appliance.chat.errors import NotSecondPerson, ReviewNotGranted, ReviewOff
from appliance.gateway import keeping
from appliance.gateway.content import MOST, Content, Gathered
from appliance.gateway.errors import CallNotKept
from appliance.identity import Role, Scope
from appliance.kernel.sealing import IntegrityError, KeyDestroyed
from appliance.tenancy import Review
from appliance.vault.destruction import decide_destruction, request_destruction
from appliance.vault.rotation import begin_rotation, finish_rotations, rotate
from appliance.vault.values import End, Level
from tests.support.door import Door, door, key_of
from tests.support.house import Member, Server
from tests.support.model_host import Reply, said, streamed
from tests.support.site import Browser
from tests.support.upstreams import COMPLETION, chat_bytes, chat_chunks

SECRET = "the lamp in room 4711"
CHAT: dict[str, Any] = {"model": "openai/gpt-6", "messages": [{"role": "user", "content": SECRET}]}


@pytest.fixture(scope="module")
def at(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with door(server, tmp_path_factory.mktemp("contents")) as found:
        yield found


@pytest.fixture(scope="module")
def carl(at: Door) -> Member:
    return at.ada.adds("carl@harrow.example", Role.ADMIN)


@pytest.fixture(scope="module")
def mia(at: Door) -> Member:
    return at.ada.adds("mia@harrow.example", Role.MEMBER)


@pytest.fixture(scope="module")
def key_of_mia(mia: Member) -> str:
    return key_of(mia)


def chooses(at: Door, days: int, mode: Review = Review.OFF) -> None:
    """Say for how long, and who may look; past the second person that ending the works-council mode would need."""
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        before = tenancy.get_settings(tx)
        identity.put_settings(tx, at.ada.caller, replace(before, call_content_days=days, conversation_review=mode))


def posts(at: Door, body: dict[str, Any], key: str | None = None) -> httpx2.Response:
    headers = {"authorization": f"Bearer {key or at.key}"}
    return httpx2.post(f"{at.address}/v1/chat/completions", json=body, headers=headers, timeout=30)


def kept(at: Door) -> list[Any]:
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        return list(tx.execute(text("SELECT * FROM call_contents ORDER BY call_id DESC")))


def content(one: Member, call_id: UUID) -> Content:
    with one.services.db.tenant(one.tenant_id) as tx:
        return keeping.own_content(tx, one.caller, call_id, sealer=one.services.vault)[1]


def call_of(at: Door, answer: httpx2.Response) -> UUID:
    return UUID(answer.headers["cloister-call"])


def test_nothing_is_kept_unless_somebody_says_so(at: Door) -> None:
    chooses(at, 0)
    at.upstream.says(said(COMPLETION))
    answer = posts(at, CHAT)
    assert answer.status_code == 200
    assert kept(at) == []
    with pytest.raises(CallNotKept):
        content(at.ada, call_of(at, answer))


def test_it_is_kept_as_it_went_out_and_came_and_stands_sealed(at: Door) -> None:
    chooses(at, 30)
    at.upstream.says(said(COMPLETION))
    answer = posts(at, CHAT)
    found = content(at.ada, call_of(at, answer))
    assert found == Content(at.upstream.asked[0].body, answer.content)
    row = kept(at)[0]
    assert SECRET.encode() not in bytes(row.sealed)
    assert (row.ends_at - row.kept_at).days == 30

    at.upstream.says(streamed(chat_bytes(chat_chunks())))
    answer = posts(at, CHAT | {"stream": True})
    found = content(at.ada, call_of(at, answer))
    assert found.answer == answer.content
    assert b'"stream_options"' in found.request  # as sent: we asked for its usage


def test_what_broke_off_is_kept_as_far_as_it_came_and_errors_too(at: Door) -> None:
    chooses(at, 30)
    raw = chat_bytes(chat_chunks())
    at.upstream.says(streamed(raw[:400], is_cut=True))
    answer = posts(at, CHAT | {"stream": True})
    assert content(at.ada, call_of(at, answer)).answer == answer.content
    at.upstream.says(Reply(b'{"error":{"message":"too long"}}', status=400))
    posts(at, CHAT)
    assert content(at.ada, at.calls()[0]["call_id"]).answer == b'{"error":{"message":"too long"}}'
    at.upstream.says(Reply(pieces=[b'{"choices'], is_cut=True))
    posts(at, CHAT)
    assert SECRET.encode() in content(at.ada, at.calls()[0]["call_id"]).request


def test_what_dlp_stops_is_nowhere(at: Door) -> None:
    chooses(at, 30)
    before = len(kept(at))
    card = [{"role": "user", "content": "pay with 4111 1111 1111 1111"}]
    assert posts(at, CHAT | {"messages": card}).status_code == 403
    assert len(kept(at)) == before


def test_an_answer_is_not_given_where_it_cannot_be_kept(at: Door) -> None:
    chooses(at, 30)
    at.upstream.says(said(COMPLETION))
    with at.house.server.connect("boot", at.house.database) as boot:
        boot.execute("REVOKE INSERT ON cloister.call_contents FROM cloister_app")
        try:
            answer = posts(at, CHAT)
        finally:
            boot.execute("GRANT INSERT ON cloister.call_contents TO cloister_app")
    assert answer.status_code == 500
    assert "weather" not in answer.text


def test_a_long_answer_is_kept_up_to_a_bound_and_that_is_said() -> None:
    gathered = Gathered(b"q" * (MOST + 1))
    for _ in range(3):
        gathered.add(b"a" * (MOST // 2))
    found = Content.unpack(gathered.content().pack())
    assert (len(found.request), len(found.answer), found.has_request, found.has_answer) == (MOST, MOST, False, False)
    assert Content.unpack(Content.of(b"q", b"").pack()) == Content(b"q", b"")


def test_it_ends_with_its_days_and_sooner_where_days_are_fewer_now(at: Door) -> None:
    chooses(at, 30)
    at.upstream.says(said(COMPLETION))
    posts(at, CHAT)
    at.house.clock.passes(days=5)
    posts(at, CHAT)
    with at.house.worker.db.tenant(at.ada.tenant_id) as tx:
        keeping.end_kept(tx, clock=at.house.clock)
    assert len(kept(at)) >= 2
    chooses(at, 3)
    with at.house.worker.db.tenant(at.ada.tenant_id) as tx:
        assert keeping.end_kept(tx, clock=at.house.clock) >= 1
    assert len(kept(at)) == 1
    assert at.events()[0] == "gateway:call_contents:ended"
    at.house.clock.passes(days=4)
    with at.house.worker.db.tenant(at.ada.tenant_id) as tx:
        assert keeping.end_kept(tx, clock=at.house.clock) == 1


def test_nobody_else_reads_it_where_conversations_are_their_owners(at: Door, mia: Member, key_of_mia: str) -> None:
    chooses(at, 30)
    at.upstream.says(said(COMPLETION))
    call_id = call_of(at, posts(at, CHAT, key_of_mia))
    assert SECRET.encode() in content(mia, call_id).request
    with pytest.raises(CallNotKept):
        content(at.ada, call_id)
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx, pytest.raises(ReviewOff):
        call_contents.list_calls_for_review(tx, at.ada.caller)
    with at.bo.services.db.tenant(at.bo.tenant_id) as tx, pytest.raises(CallNotKept):
        keeping.get_kept(tx, call_id)


def test_a_key_for_models_alone_reads_what_was_asked_by_it_and_no_more(at: Door, mia: Member, key_of_mia: str) -> None:
    chooses(at, 30)
    at.upstream.says(said(COMPLETION))
    other = key_of(mia, Scope.MODELS)
    hers, theirs = call_of(at, posts(at, CHAT, key_of_mia)), call_of(at, posts(at, CHAT, other))
    with httpx2.Client(base_url=f"{at.address}/api/v1", headers={"authorization": f"Bearer {other}"}) as http:
        assert [one["call_id"] for one in http.get("/calls").json()["items"]] == [str(theirs)]
        assert http.get(f"/calls/{theirs}/content").status_code == 200
        assert {http.get(f"/calls/{hers}/{what}").status_code for what in ("content", "openings")} == {404}


def test_where_looking_is_recorded_the_person_sees_who_looked(at: Door, mia: Member, key_of_mia: str) -> None:
    chooses(at, 30, Review.AUDITED)
    at.upstream.says(said(COMPLETION))
    call_id, sealer, clock = call_of(at, posts(at, CHAT, key_of_mia)), at.ada.services.vault, at.house.clock
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        opening = call_contents.open_call(tx, at.ada.caller, call_id, reason="A leak", sealer=sealer, clock=clock)
        _, found = call_contents.read_opened_call(tx, at.ada.caller, call_id, opening, sealer=sealer, clock=clock)
    assert SECRET.encode() in found.request
    assert at.events()[0] == "chat:call_content:opened"
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        views = call_contents.list_call_openings(tx, mia.caller, call_id, sealer=sealer)
    assert [(one.viewer_name, one.reason) for one in views] == [("Ada", "A leak")]
    clock.passes(minutes=61)
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx, pytest.raises(ReviewNotGranted):
        call_contents.read_opened_call(tx, at.ada.caller, call_id, opening, sealer=sealer, clock=clock)


def test_in_the_works_councils_mode_it_takes_two(at: Door, carl: Member, mia: Member, key_of_mia: str) -> None:
    chooses(at, 30, Review.TWO_PERSON)
    at.upstream.says(said(COMPLETION))
    call_id, sealer, clock = call_of(at, posts(at, CHAT, key_of_mia)), at.ada.services.vault, at.house.clock
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        assert call_contents.get_call_for_review(tx, at.ada.caller, call_id).owner_id is None
        with pytest.raises(ReviewNotGranted):
            call_contents.open_call(tx, at.ada.caller, call_id, reason="A leak", sealer=sealer, clock=clock)
        asked = call_contents.request_call(tx, at.ada.caller, call_id, reason="A leak", sealer=sealer, clock=clock)
        with pytest.raises(NotSecondPerson):
            call_contents.decide_call(tx, at.ada.caller, asked.request_id, is_granted=True, clock=clock)
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        call_contents.decide_call(tx, carl.caller, asked.request_id, is_granted=True, clock=clock)
        assert tenancy.get_settings(tx).conversation_review is Review.TWO_PERSON
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        opening = call_contents.open_call(tx, at.ada.caller, call_id, reason="", sealer=sealer, clock=clock)
        _, found = call_contents.read_opened_call(tx, at.ada.caller, call_id, opening, sealer=sealer, clock=clock)
        with pytest.raises(ReviewNotGranted):  # it was granted to her
            call_contents.open_call(tx, carl.caller, call_id, reason="me too", sealer=sealer, clock=clock)
    assert SECRET.encode() in found.request
    clock.passes(hours=25)
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx, pytest.raises(ReviewNotGranted):
        call_contents.open_call(tx, at.ada.caller, call_id, reason="again", sealer=sealer, clock=clock)


def test_pages_and_the_api_show_the_same(at: Door, mia: Member, key_of_mia: str) -> None:
    chooses(at, 30, Review.AUDITED)
    at.upstream.says(said(COMPLETION))
    call_id = call_of(at, posts(at, CHAT | {"messages": [{"role": "user", "content": "<b>lamp</b>"}]}, key_of_mia))
    http = httpx2.Client(base_url=f"{at.address}/api/v1", headers={"authorization": f"Bearer {key_of_mia}"})
    assert http.get("/calls").json()["items"][0]["call_id"] == str(call_id)
    told = http.get(f"/calls/{call_id}/content").json()
    assert json.loads(told["request"])["messages"][0]["content"] == "<b>lamp</b>"
    assert http.get("/calls/reviews").status_code == 403
    http.close()

    browser = Browser(create_app(at.house.app))
    browser.signs_in(at.ada)
    assert str(call_id) in browser.gets("/calls/reviews").text
    answer = browser.posts(f"/calls/reviews/{call_id}/opening", reason="A leak")
    assert answer.status_code == 303
    page = browser.gets(answer.headers["Location"]).text
    assert "&lt;b&gt;lamp" in page
    assert "<b>lamp" not in page


def test_a_row_that_is_handed_to_somebody_else_does_not_open(at: Door, mia: Member, key_of_mia: str) -> None:
    chooses(at, 30)
    at.upstream.says(said(COMPLETION))
    call_id = call_of(at, posts(at, CHAT, key_of_mia))
    with at.house.server.connect("boot", at.house.database) as boot:
        boot.execute("UPDATE cloister.call_contents SET owner_id = %s WHERE call_id = %s", (at.ada.caller.user_id, call_id))
    with pytest.raises(IntegrityError):
        content(at.ada, call_id)


def test_a_turned_key_opens_it_and_destroyed_keys_end_it(at: Door) -> None:
    chooses(at, 30)
    at.upstream.says(said(COMPLETION))
    call_id = call_of(at, posts(at, CHAT))
    work, eve = at.house.worker, at.ada.adds("eve@harrow.example", Role.OWNER)
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        begin_rotation(tx, at.ada.caller, at.ada.services.vault, Level.DEK)
    rotate(work.db, work.vault, work.shelves, at.ada.tenant_id)
    assert finish_rotations(work.db, work.vault, work.shelves, at.ada.tenant_id, grace=timedelta(0))
    assert SECRET.encode() in content(at.ada, call_id).request

    at.house.owners_settle()
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        asked = request_destruction(tx, at.ada.caller, reason="we leave", clock=at.house.clock)
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        files = at.house.app.vault.files
        for key in decide_destruction(tx, eve.caller, asked, is_granted=True, files=files, clock=at.house.clock):
            files.destroy(key, End.ALL)
    with pytest.raises(KeyDestroyed):
        content(at.ada, call_id)
