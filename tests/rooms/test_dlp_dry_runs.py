"""A policy tried over stored documents before it holds: what would change, in numbers, and nothing else."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from appliance.audit import Event
from appliance.chat import RecentTraffic
from appliance.dlp import Action, Category, Direction, Engine, Family, PolicyRule, dryrun_flow, policy_in_force
from appliance.dlp.drafting import begin_draft, save_draft
from appliance.dlp.dryrun import get_dry_run, list_dry_run_documents, start_dry_run, stop_dry_run
from appliance.dlp.dryrun_flow import Sources, rehearse
from appliance.dlp.dryrun_values import Change, DryRun, DryRunForm, Move, RuleCount, RunState, coarse
from appliance.dlp.errors import DraftMissing, DryRunMalformed, DryRunMissing, DryRunOver, DryRunUnderWay
from appliance.dlp.own import service as own
from appliance.dlp.own.allowances import AllowanceForm, allow
from appliance.dlp.policy_values import PolicyForm
from appliance.dlp.wording import WrittenRule
from appliance.identity import Permission, Role
from appliance.kernel.ids import new_id
from appliance.knowledge import Document, StoredTexts, delete, rehearsing
from appliance.providers.errors import ModelMissing
from tests.support import policies
from tests.support.house import House, Member
from tests.support.queue import Worker

CARD, MAIL = "The card is 4111 1111 1111 1111, thanks.", "Write to jo.swan@heron.example about the feast."


@pytest.fixture(scope="module")
def house(lasting_house: House) -> House:
    return lasting_house


@pytest.fixture
def ada(house: House) -> Member:
    return house.founds("Harrow", f"ada-{new_id().hex}@harrow.example")


@pytest.fixture
def bo(house: House) -> Member:
    return house.founds("Birch", f"bo-{new_id().hex}@birch.example")


def drafts(member: Member, *rules: PolicyRule) -> None:
    clock = member.house.clock
    with member.services.db.tenant(member.tenant_id) as tx:
        begin_draft(tx, member.caller, is_empty=True, clock=clock)
        form = PolicyForm(tuple(WrittenRule(one, f"Rule {at}") for at, one in enumerate(rules, 1)))
        save_draft(tx, member.caller, form, clock=clock)


def starts(member: Member, form: DryRunForm | None = None) -> DryRun:
    with member.services.db.tenant(member.tenant_id) as tx:
        return start_dry_run(tx, member.caller, form or DryRunForm(), clock=member.house.clock)


def state(member: Member, run: DryRun) -> DryRun:
    with member.services.db.tenant(member.tenant_id) as tx:
        return get_dry_run(tx, member.caller, run.run_id)


def named(member: Member, run: DryRun) -> dict[object, tuple[Action, Action]]:
    with member.services.db.tenant(member.tenant_id) as tx:
        found = list_dry_run_documents(tx, member.caller, run.run_id, limit=100)
    return {one.document_id: (one.before, one.after) for one in found}


def stored(member: Member) -> tuple[Document, Document, Document]:
    return (
        member.reads_in("feast.txt", MAIL),
        member.reads_in("card.txt", CARD),
        member.reads_in("plain.txt", "The canteen is open."),
    )


def test_it_tells_which_documents_would_be_treated_otherwise_by_which_rule(ada: Member, worker: Worker) -> None:
    feast, card, _ = stored(ada)
    rule = PolicyRule(uuid4(), Action.QUARANTINE, frozenset({Category.EMAIL}))
    drafts(ada, rule, PolicyRule(uuid4(), Action.BLOCK, families=frozenset({Family.PAYMENT})))
    run = starts(ada)
    worker.works()

    done = state(ada, run)
    assert (done.state, done.looked, done.changed, done.unread) == (RunState.DONE, 3, 2, 0)
    assert named(ada, run) == {
        feast.document_id: (Action.ALLOW, Action.QUARANTINE), card.document_id: (Action.QUARANTINE, Action.BLOCK),
    }  # fmt: skip
    assert done.moves == (Move(Action.ALLOW, Action.QUARANTINE, 1), Move(Action.QUARANTINE, Action.BLOCK, 1))
    told = [
        (one.name, one.is_floor, one.documents_before, one.documents_after, one.findings_after) for one in done.rules
    ]
    assert told == [("Rule 1", False, 0, 1, 1), ("Rule 2", False, 0, 1, 1), ("", True, 1, 0, 0), ("", False, 1, 0, 0)]
    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert policy_in_force(tx).version == 0
    assert ada.document(feast.document_id).status == feast.status
    (entry,) = policies.entries_of(ada, Event.DLP_DRY_RUN_ENDED)
    assert entry["facts"] == {"state": "done", "looked": 3, "changed": 0, "unread": 0}  # of fewer than five the log says nothing


def test_the_organisations_own_words_count_unless_they_are_allowed_in_a_document(ada: Member, worker: Worker) -> None:
    first, second = (
        ada.reads_in("one.txt", "Phoenix rises in May."),
        ada.reads_in("two.txt", "Of Phoenix nobody knows."),
    )
    clock = ada.house.clock
    with ada.services.db.tenant(ada.tenant_id) as tx:
        own.set_dictionary(tx, ada.caller, own.Named("projects", Category.OWN), ["Phoenix"], clock=clock)
        until = clock.now() + timedelta(days=9)
        allow(
            tx,
            ada.caller,
            AllowanceForm("It is public.", until, value="Phoenix", document_id=second.document_id),
            clock=clock,
        )
    drafts(ada, PolicyRule(uuid4(), Action.REDACT, frozenset({Category.OWN})))
    run = starts(ada)
    worker.works()

    assert named(ada, run) == {first.document_id: (Action.ALLOW, Action.REDACT)}


def test_whoever_may_not_read_all_of_it_is_told_nothing_of_few(ada: Member, worker: Worker) -> None:
    feast, _, _ = stored(ada)
    drafts(ada, PolicyRule(uuid4(), Action.REDACT, frozenset({Category.EMAIL})))
    run = starts(ada)
    worker.works()
    narrow = replace(ada.caller, role=Role.CUSTOM, granted=frozenset({Permission.DLP_POLICY_CHANGE}))

    with ada.services.db.tenant(ada.tenant_id) as tx:
        exact, told = (rehearsing.get_dry_run(tx, one, run.run_id) for one in (ada.caller, narrow))
        documents = [rehearsing.list_dry_run_documents(tx, one, run.run_id, limit=9) for one in (ada.caller, narrow)]
    assert (exact.is_exact, exact.changed) == (True, 1)
    assert (told.is_exact, told.looked, told.changed, told.rules, told.moves) == (False, 3, None, (), ())
    assert [[one.document_id for one in some] for some in documents] == [[feast.document_id], []]


def test_numbers_for_them_come_in_steps_when_it_is_over(ada: Member) -> None:
    drafts(ada, PolicyRule(uuid4(), Action.REDACT))
    rules = RuleCount(None, "", False, 4, 13, 0, 15), RuleCount(None, "", True, 4, 4, 4, 4)
    moves = Move(Action.ALLOW, Action.WARN, 4), Move(Action.ALLOW, Action.BLOCK, 9)
    change = Change(Direction.UPLOAD, Category.IBAN, Action.ALLOW, Action.BLOCK, 4)
    run = replace(starts(ada), changed=13, rules=rules, moves=moves, changes=(change,))

    waiting, over = coarse(run), coarse(replace(run, state=RunState.DONE))

    assert (waiting.changed, waiting.rules, waiting.moves, waiting.changes) == (None, (), (), ())
    assert (over.changed, over.moves, over.changes) == (10, (Move(Action.ALLOW, Action.BLOCK, 5),), ())
    assert over.rules == (RuleCount(None, "", False, None, 10, None, 15),)


def test_nothing_of_what_was_found_is_kept(house: House, ada: Member, worker: Worker) -> None:
    stored(ada)
    drafts(ada, PolicyRule(uuid4(), Action.REDACT))
    starts(ada)
    worker.works()
    with ada.services.db.tenant(ada.tenant_id) as tx:
        kept = [
            str(row)
            for table in ("dlp_dry_runs", "dlp_dry_run_documents", "audit_inbox")
            for row in tx.scalars(text(f"SELECT coalesce(t::text, '') FROM {table} t"))
        ]
    assert "4111 1111" not in " ".join(kept)
    assert "heron" not in " ".join(kept)


def test_as_passages_to_a_provider_conditions_on_contracts_are_asked(ada: Member, worker: Worker) -> None:
    feast = ada.reads_in("feast.txt", MAIL)
    drafts(ada, PolicyRule(uuid4(), Action.BLOCK, frozenset({Category.EMAIL}), unless_terms=frozenset({"dpa"})))
    outside = starts(ada, DryRunForm(direction=Direction.PASSAGE, is_local=False))
    worker.works()
    granted = starts(ada, DryRunForm(direction=Direction.PASSAGE, is_local=False, terms=frozenset({"dpa"})))
    worker.works()
    assert named(ada, outside) == {feast.document_id: (Action.ALLOW, Action.REDACT)}
    assert (named(ada, granted), state(ada, granted).looked) == ({}, 1)


def test_it_goes_on_where_a_killed_worker_left_it_and_takes_turns(
    house: House, ada: Member, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(ada)
    drafts(ada, PolicyRule(uuid4(), Action.REDACT))
    monkeypatch.setattr(dryrun_flow, "_SECONDS", 0.0)
    run, looked = starts(ada), list[int]()

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    sources = Sources(StoredTexts(house.worker.workshop), RecentTraffic(house.worker.vault))
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(StoredTexts, "findings", dies)
        rehearse(house.worker.db, sources, house.worker.scanner, ada.tenant_id, run.run_id, clock=house.clock)
    while worker.works(1):
        looked.append(state(ada, run).looked)
    assert set(looked) >= {1, 2, 3}  # a document a turn
    assert (state(ada, run).state, state(ada, run).changed) == (
        RunState.DONE,
        1,
    )  # the card is the floor's, before and after


def test_what_cannot_be_read_is_not_nothing_found_and_a_detector_that_is_missing_ends_it(
    house: House, ada: Member, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(ada)
    drafts(ada, PolicyRule(uuid4(), Action.REDACT))
    with monkeypatch.context() as patched:
        patched.setattr(StoredTexts, "findings", lambda *_: None)
        run = starts(ada)
        worker.works()
    assert (state(ada, run).unread, state(ada, run).changed) == (3, 0)

    class Missing:
        name = "missing"

        def tags(self, _: str, **_named: object) -> None:
            raise ModelMissing(model="rampart")

    run, blind = starts(ada), Engine(tagger=Missing())  # type: ignore[arg-type]  # it tags nothing
    sources = Sources(StoredTexts(house.worker.workshop), RecentTraffic(house.worker.vault))
    rehearse(house.worker.db, sources, blind, ada.tenant_id, run.run_id, clock=house.clock)
    assert (state(ada, run).state, state(ada, run).looked) == (RunState.FAILED, 0)


def test_one_at_a_time_over_as_many_as_were_asked_for_until_it_is_stopped(
    ada: Member, bo: Member, worker: Worker
) -> None:
    with pytest.raises(DraftMissing):
        starts(ada)
    _, _, newest = stored(ada)
    drafts(ada, PolicyRule(uuid4(), Action.REDACT))
    for form in (DryRunForm(0), DryRunForm(direction=Direction.PROMPT), DryRunForm(terms=frozenset({"x"}))):
        with pytest.raises(DryRunMalformed):
            starts(ada, form)
    run = starts(ada, DryRunForm(1))
    with pytest.raises(DryRunUnderWay):
        starts(ada)
    with bo.services.db.tenant(bo.tenant_id) as tx, pytest.raises(DryRunMissing):
        get_dry_run(tx, bo.caller, run.run_id)
    worker.works()
    assert (state(ada, run).looked, state(ada, run).changed, newest.chunk_count) == (1, 0, 1)

    run = starts(ada)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert stop_dry_run(tx, ada.caller, run.run_id, clock=ada.house.clock).state is RunState.STOPPED
    worker.works()
    assert state(ada, run).looked == 0
    with ada.services.db.tenant(ada.tenant_id) as tx, pytest.raises(DryRunOver):
        stop_dry_run(tx, ada.caller, run.run_id, clock=ada.house.clock)


def test_a_deleted_document_goes_from_what_a_dry_run_names(ada: Member, worker: Worker) -> None:
    feast = ada.reads_in("feast.txt", MAIL)
    drafts(ada, PolicyRule(uuid4(), Action.REDACT))
    run = starts(ada)
    worker.works()
    assert set(named(ada, run)) == {feast.document_id}
    with ada.services.db.tenant(ada.tenant_id) as tx:
        delete(tx, ada.caller, feast.document_id)
    assert named(ada, run) == {}
