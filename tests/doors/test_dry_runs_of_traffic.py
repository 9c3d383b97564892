"""A policy tried over what people and programs said lately: in numbers, and which it was for whoever may open it."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from appliance import chat, identity, knowledge, tenancy
from appliance.audit import Event
from appliance.chat import ConversationId
from appliance.chat.errors import ReviewOff
from appliance.chat.rehearsing import RecentTraffic, list_dry_run_places
from appliance.dlp import Action, Category, Direction, PolicyRule
from appliance.dlp.drafting import begin_draft, save_draft
from appliance.dlp.dryrun import get_dry_run, start_dry_run
from appliance.dlp.dryrun_flow import Sources, rehearse
from appliance.dlp.dryrun_values import Change, DryRun, DryRunForm, PlaceKind, RunState
from appliance.dlp.errors import DryRunMalformed
from appliance.dlp.policy_values import PolicyForm
from appliance.dlp.wording import WrittenRule
from appliance.identity import Role
from appliance.identity.errors import Forbidden
from appliance.knowledge.glancing import glance
from appliance.tenancy import Review
from tests.support import papers
from tests.support.door import Door, door
from tests.support.house import Server
from tests.support.model_host import said, streamed
from tests.support.policies import entries_of
from tests.support.upstreams import COMPLETION, chat_bytes, chunk

MAIL, OTHER = "anna.schmidt@example.org", "bo.larsen@example.com"
PICTURE = b64encode(b"\x89PNG\r\n\x1a\n\0\0").decode()
ANSWER = Change(Direction.ANSWER, Category.EMAIL, Action.ALLOW, Action.REDACT, 1)


@pytest.fixture(scope="module")
def at(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with door(server, tmp_path_factory.mktemp("traffic")) as found:
        yield found


def chooses(at: Door, days: int, mode: Review) -> None:
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        before = tenancy.get_settings(tx)
        identity.put_settings(tx, at.ada.caller, replace(before, call_content_days=days, conversation_review=mode))


def begins(at: Door, form: DryRunForm) -> DryRun:
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        return start_dry_run(tx, at.ada.caller, form, clock=at.house.clock)


def goes_on(at: Door, run: DryRun) -> DryRun:
    worker = at.house.worker
    sources = Sources(knowledge.StoredTexts(worker.workshop), RecentTraffic(worker.vault, glance))
    rehearse(worker.db, sources, worker.scanner, at.ada.tenant_id, run.run_id, clock=at.house.clock)
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        return get_dry_run(tx, at.ada.caller, run.run_id)


def tries(at: Door, form: DryRunForm) -> DryRun:
    run = begins(at, form)
    while run.state is RunState.WAITING:
        run = goes_on(at, run)
    return run


def drafts(at: Door) -> None:
    rules = (
        PolicyRule(uuid4(), Action.REDACT, frozenset({Category.UNREADABLE}), directions=frozenset({Direction.PROMPT})),
        PolicyRule(uuid4(), Action.BLOCK, frozenset({Category.EMAIL}), directions=frozenset({Direction.PROMPT}), unless_terms=frozenset({"dpa"})),
        PolicyRule(uuid4(), Action.REDACT, frozenset({Category.EMAIL}), directions=frozenset({Direction.ANSWER})),
    )
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        begin_draft(tx, at.ada.caller, is_empty=True, clock=at.house.clock)
        save_draft(tx, at.ada.caller, PolicyForm(tuple(WrittenRule(one, f"Rule {at}") for at, one in enumerate(rules, 1))), clock=at.house.clock)


def talks(at: Door, question: str) -> ConversationId:
    services = at.ada.services
    with services.db.tenant(at.ada.tenant_id) as tx:
        chatbot = chat.list_chatbots(tx, at.ada.caller)[0]
        talk = chat.create_conversation(tx, at.ada.caller, chatbot.chatbot_id, clock=at.house.clock).conversation_id
    _, answer = services.chat.ask(at.ada.caller, talk, question)
    assert list(answer)
    return talk


def places(at: Door, run: DryRun) -> dict[UUID, tuple[PlaceKind, Action, Action]]:
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        found = list_dry_run_places(tx, at.ada.caller, run.run_id, limit=50)
    return {one.place_id: (one.kind, one.before, one.after) for one in found}


def test_conversations_and_kept_calls_are_tried_and_named_to_whoever_may_open_them(at: Door) -> None:
    chooses(at, 0, Review.OFF)
    drafts(at)
    at.upstream.says(said(COMPLETION))
    at.openai().chat.completions.create(model="openai/gpt-6", messages=[{"role": "user", "content": f"Not kept: {MAIL}"}])
    talk = talks(at, f"Who is {MAIL}?")
    run = tries(at, DryRunForm(direction=Direction.PROMPT, days=7, is_local=False))
    assert (run.state, run.looked, run.changed, run.call_days) == (RunState.DONE, 1, 1, 0)
    assert run.changes[-1] == Change(Direction.PROMPT, Category.EMAIL, Action.ALLOW, Action.BLOCK, 1)
    with pytest.raises(ReviewOff):
        places(at, run)

    chooses(at, 30, Review.TWO_PERSON)
    at.upstream.says(streamed(chat_bytes([*(chunk({"content": one}) for one in (f"Ask {OTHER[:9]}", f"{OTHER[9:]} soon.")), chunk({}, finish="stop")])))
    asked = [{"role": "user", "content": f"Who is {MAIL}?"}]
    assert list(at.openai().chat.completions.create(model="openai/gpt-6", messages=asked, stream=True))
    at.upstream.says(said(COMPLETION))
    at.openai().chat.completions.create(model="openai/gpt-6", messages=[{"role": "user", "content": "Nothing of it"}])
    run = tries(at, DryRunForm(direction=Direction.PROMPT, days=7, terms=frozenset({"dpa"}), is_local=False))
    call = at.calls()[1]["call_id"]
    assert (run.state, run.looked, run.changed, run.unread, run.call_days) == (RunState.DONE, 3, 1, 0, 30)
    assert places(at, run) == {call: (PlaceKind.CALL, Action.ALLOW, Action.BLOCK)}
    assert ANSWER in run.changes
    assert talk not in places(at, run)  # under an agreement it may go out
    assert entries_of(at.ada, Event.DLP_DRY_RUN_PLACES_LISTED)[0]["facts"] == {"shown": 1}
    member = at.ada.adds("mia@harrow.example", Role.MEMBER)
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx, pytest.raises(Forbidden):
        list_dry_run_places(tx, member.caller, run.run_id, limit=50)


def test_what_a_call_sent_along_is_read_or_counts_as_what_nobody_can_read(at: Door) -> None:
    chooses(at, 30, Review.AUDITED)
    letter = papers.pdf(lambda canvas: canvas.drawString(72, 700, f"Please write to {MAIL} about the harvest."))
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}
    paper = {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{b64encode(letter).decode()}"}}
    at.upstream.says(said(COMPLETION))
    for part in (picture, paper):
        at.openai().chat.completions.create(model="openai/gpt-6", messages=[{"role": "user", "content": [part]}])
    calls = {one["call_id"] for one in at.calls()[:2]}

    run = tries(at, DryRunForm(direction=Direction.PROMPT, days=7, is_local=False))

    told = places(at, run)
    assert {one: told.get(one) for one in calls} == dict.fromkeys(calls, (PlaceKind.CALL, Action.ALLOW, Action.BLOCK))
    assert Change(Direction.PROMPT, Category.UNREADABLE, Action.ALLOW, Action.BLOCK, 1) in run.changes


def test_nothing_that_was_said_is_kept_and_what_is_deleted_goes_from_the_list(at: Door) -> None:
    chooses(at, 30, Review.AUDITED)
    talk = talks(at, f"Write to {MAIL}, and to nobody else")
    run = tries(at, DryRunForm(direction=Direction.PROMPT, days=1, is_local=False))
    assert talk in places(at, run)
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        kept = " ".join(
            str(row) for table in ("dlp_dry_runs", "dlp_dry_run_places", "audit_inbox") for row in tx.scalars(text(f"SELECT coalesce(t::text, '') FROM {table} t"))
        )
        chat.delete_conversation(tx, at.ada.caller, talk, sealer=at.ada.services.vault)
    assert "anna" not in kept
    assert talk not in places(at, run)


def test_it_goes_on_where_a_killed_worker_left_it_and_refuses_what_is_neither(at: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    for form in (DryRunForm(days=7), DryRunForm(direction=Direction.PROMPT, days=91), DryRunForm(direction=Direction.PROMPT)):
        with pytest.raises(DryRunMalformed):
            tries(at, form)
    monkeypatch.setattr("appliance.dlp.dryrun_flow._SECONDS", 0.0)
    run, looked = begins(at, DryRunForm(direction=Direction.PROMPT, days=7)), list[int]()
    while run.state is RunState.WAITING:
        run = goes_on(at, run)
        looked.append(run.looked)
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        there = int(tx.scalar(text("SELECT (SELECT count(*) FROM conversations) + (SELECT count(*) FROM call_contents)")) or 0)
    assert looked == [*range(1, there + 1), there]


@pytest.mark.parametrize("event", [b'{"choices":[{"index":[1],"delta":{"content":"x"}}]}', b'{"a":' * 20_000 + b"1" + b"}" * 20_000], ids=["odd", "deep"])
def test_an_answer_of_no_form_is_unread_and_does_not_stop_the_run(at: Door, event: bytes) -> None:
    chooses(at, 30, Review.AUDITED)
    before = tries(at, DryRunForm(direction=Direction.PROMPT, days=1))
    at.upstream.says(streamed(b"data: " + event + b"\n\n", b"data: [DONE]\n\n"))
    with at.openai().chat.completions.with_streaming_response.create(
        model="openai/gpt-6", messages=[{"role": "user", "content": "x"}], stream=True
    ) as answer:
        assert answer.read()
    run = tries(at, DryRunForm(direction=Direction.PROMPT, days=1))
    assert (run.state, run.looked, run.unread) == (RunState.DONE, before.looked + 1, before.unread + 1)
