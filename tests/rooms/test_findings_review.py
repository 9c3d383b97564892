"""Reviewing what was found: each decision does what it says, to that file, and is on record; two agree where two are wanted."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import cast
from uuid import UUID

import pytest

from appliance import knowledge
from appliance.dlp import Action, Category, Engine
from appliance.dlp.own.allowances import AllowanceForm, allow, end_allowance, list_allowances
from appliance.identity import Forbidden, Permission, Role
from appliance.knowledge import Document, Status, Upload, UploadForm
from appliance.knowledge.errors import (
    AllowanceNotMistaken,
    AllowanceTakesTwo,
    AttestationMissing,
    FindingNotFound,
    FindingSettled,
    JustificationMissing,
    NotSecondReviewer,
    SecondNeeded,
)
from appliance.knowledge.screening.choices import change_screening
from appliance.knowledge.screening.reading import list_waiting, report_of, rules_waiting
from appliance.knowledge.screening.rescanning import begin_rescan, get_coverage, rescan, tend_rescan
from appliance.knowledge.screening.reviewing import Decision, confirm, decide, open_of_rule
from appliance.knowledge.screening.values import Attestation, Finding, Resolution, ScreeningSettings
from tests.rooms.test_collections import board_of
from tests.rooms.test_screening import EMAIL, IBAN, LETTER, passages, rule, stored
from tests.support.house import House, Member, Server
from tests.support.policies import put_in_force
from tests.support.queue import Worker

HOLDS = (Category.EMAIL, Category.IBAN)


@pytest.fixture
def held(house: House, ada: Member) -> Document:
    """A letter of which an address and an account hold it back."""
    put_in_force(house, ada.tenant_id, [rule(Action.QUARANTINE, *HOLDS)])
    return ada.reads_in("letter.md", LETTER)


def waiting(member: Member) -> dict[Category, Finding]:
    with member.house.app.db.tenant(member.tenant_id) as tx:
        found = list_waiting(tx, member.caller, sealer=member.house.app.vault)
    return {one.category: one for document in found for one in document.findings}


def decides(member: Member, findings: Sequence[UUID], resolution: Resolution, **more: object) -> None:
    house = member.house
    with house.app.db.tenant(member.tenant_id) as tx:
        decide(
            tx, member.caller, findings, Decision(resolution, "It is our own", **more), sealer=house.app.vault, clock=house.clock  # type: ignore[arg-type]
        )  # fmt: skip


def read_on(member: Member, document: Document) -> Document:
    knowledge.ingest(member.house.worker.workshop, member.tenant_id, document.file_id)
    return member.document(document.document_id)


def test_each_finding_is_decided_and_then_the_document_goes_on(house: House, ada: Member, held: Document) -> None:
    found = waiting(ada)
    assert set(found) == set(HOLDS)

    decides(ada, [found[Category.EMAIL].finding_id], Resolution.RELEASE)
    assert ada.document(held.document_id).status is Status.QUARANTINED
    decides(ada, [found[Category.IBAN].finding_id], Resolution.REDACT)
    document = read_on(ada, held)

    assert document.status is Status.READY
    text = passages(ada, document)
    assert EMAIL in text
    assert IBAN not in text
    with house.app.db.tenant(ada.tenant_id) as tx:
        report = report_of(tx, ada.caller, held.document_id, sealer=house.app.vault)
    said = {one.category: (one.resolution, one.resolved_by_name, one.reason) for one in report.findings}
    assert said[Category.IBAN] == (Resolution.REDACT, ada.caller.display_name, "It is our own")
    with pytest.raises(FindingSettled):
        decides(ada, [found[Category.EMAIL].finding_id], Resolution.REJECT)


def test_a_rejected_file_is_erased(house: House, server: Server, database: str, ada: Member, held: Document) -> None:
    decides(ada, [waiting(ada)[Category.IBAN].finding_id], Resolution.REJECT)
    knowledge.erase(house.worker.workshop, ada.tenant_id, held.document_id)

    document = ada.document(held.document_id)
    assert (document.status, document.reason_code) == (Status.BLOCKED, "rejected")
    assert list(house.app.blobs.stored(ada.tenant_id)) == []
    with house.app.db.tenant(ada.tenant_id) as tx:
        report = report_of(tx, ada.caller, held.document_id, sealer=house.app.vault)
    assert [one.excerpt for one in report.findings] == [None] * len(report.findings)


def test_all_of_a_rule_is_decided_at_once_and_what_was_a_mistake_is_told_no_more(
    house: House, server: Server, database: str, ada: Member, held: Document
) -> None:
    found = waiting(ada)[Category.EMAIL]
    with house.app.db.tenant(ada.tenant_id) as tx:
        chosen = open_of_rule(tx, ada.caller, found.rule)
    assert chosen == [found.finding_id]

    decides(ada, chosen, Resolution.RELEASE, is_mistaken=True, allowed_until=house.clock.now() + timedelta(days=30))
    decides(ada, [waiting(ada)[Category.IBAN].finding_id], Resolution.RELEASE)
    assert read_on(ada, held).status is Status.READY

    with server.connect("boot", database) as boot:
        bodies = [json.loads(cast("bytes", body)) for (body,) in boot.execute("SELECT body FROM cloister.audit_inbox")]
    facts = [one["facts"] for one in bodies if one["event"] == "knowledge:findings:decided"]
    assert [(one["decision"], one["findings"], one["mistaken"]) for one in facts] == [
        ("release", 1, 1),
        ("release", 1, 0),
    ]
    assert not any(value in json.dumps(bodies) for value in (EMAIL, IBAN, "our own"))


def test_a_day_without_a_mistake_is_refused_and_not_passed_over(house: House, ada: Member, held: Document) -> None:
    until = house.clock.now() + timedelta(days=30)

    with pytest.raises(AllowanceNotMistaken, match="or leave the day out"):
        decides(ada, [waiting(ada)[Category.IBAN].finding_id], Resolution.RELEASE, allowed_until=until)

    assert waiting(ada)[Category.IBAN].resolution is None


def test_it_asks_why_and_who_may(house: House, ada: Member, bo: Member, held: Document) -> None:
    finding_id = waiting(ada)[Category.EMAIL].finding_id
    member = ada.adds("mia@harrow.example", Role.MEMBER)

    with house.app.db.tenant(ada.tenant_id) as tx, pytest.raises(JustificationMissing):
        decide(
            tx, ada.caller, [finding_id], Decision(Resolution.RELEASE, " "), sealer=house.app.vault, clock=house.clock
        )
    with pytest.raises(Forbidden):
        decides(member, [finding_id], Resolution.RELEASE)
    with pytest.raises(FindingNotFound):
        decides(bo, [finding_id], Resolution.RELEASE)
    with house.app.db.tenant(ada.tenant_id) as tx:
        report = report_of(tx, member.caller, held.document_id, sealer=house.app.vault)
    assert {one.category for one in report.findings} == set(HOLDS)
    assert {one.excerpt for one in report.findings} == {None}


def test_where_two_are_wanted_one_proposes_and_another_agrees(house: House, ada: Member, held: Document) -> None:
    second = ada.adds("ann@harrow.example", Role.ADMIN)
    with house.app.db.tenant(ada.tenant_id) as tx:
        change_screening(tx, ada.caller, ScreeningSettings(needs_second=True))
    chosen = [one.finding_id for one in waiting(ada).values()]

    with house.app.db.tenant(ada.tenant_id) as tx, pytest.raises(SecondNeeded):
        knowledge.approve(tx, ada.caller, held.document_id)
    decides(ada, chosen, Resolution.RELEASE)
    assert ada.document(held.document_id).status is Status.QUARANTINED
    with house.app.db.tenant(ada.tenant_id) as tx, pytest.raises(NotSecondReviewer):
        confirm(tx, ada.caller, chosen, agrees=True, sealer=house.app.vault, clock=house.clock)
    with house.app.db.tenant(ada.tenant_id) as tx:
        confirm(tx, second.caller, chosen, agrees=True, sealer=house.app.vault, clock=house.clock)

    assert read_on(ada, held).status is Status.READY


def test_where_two_are_wanted_nobody_alone_has_a_rule_told_no_more_in_a_document(house: House, ada: Member, held: Document) -> None:
    until = house.clock.now() + timedelta(days=30)
    with house.app.db.tenant(ada.tenant_id) as tx:
        change_screening(tx, ada.caller, ScreeningSettings(needs_second=True))

    for resolution in (Resolution.RELEASE, Resolution.REDACT, Resolution.REJECT):
        with pytest.raises(AllowanceTakesTwo, match="leave the day out"):
            decides(ada, [waiting(ada)[Category.IBAN].finding_id], resolution, is_mistaken=True, allowed_until=until)

    with house.app.db.tenant(ada.tenant_id) as tx:
        assert list_allowances(tx, ada.caller, clock=house.clock) == []
    assert waiting(ada)[Category.IBAN].resolution is None


def test_what_was_released_is_not_searchable_where_a_detector_fails_when_it_is_read_again(
    house: House, ada: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_force(house, ada.tenant_id, [rule(Action.QUARANTINE, Category.EMAIL), rule(Action.REDACT, Category.IBAN)])
    document = ada.reads_in("letter.md", LETTER)
    with house.app.db.tenant(ada.tenant_id) as tx:
        knowledge.approve(tx, ada.caller, document.document_id)

    inspect = Engine.inspect

    def fails(engine: Engine, text: str, **named: object) -> object:
        if "own" in named:  # all rules, and not the floor
            raise RuntimeError("no memory")
        return inspect(engine, text)

    monkeypatch.setattr(Engine, "inspect", fails)
    again = read_on(ada, document)

    assert (again.status, again.reason_code) == (Status.INCOMPLETE, "unchecked")
    with house.app.db.tenant(ada.tenant_id) as tx:  # who approves it now, knows
        knowledge.approve(tx, ada.caller, document.document_id)
    assert read_on(ada, document).status is Status.READY


def test_a_rescan_holds_back_what_a_stricter_policy_would_and_makes_anew_what_says_less(
    house: House, server: Server, database: str, ada: Member
) -> None:
    account = ada.reads_in("account.md", f"# Account\n\nThe account is IBAN {IBAN}, in Kassel.")
    letter = ada.reads_in("post.md", f"# Post\n\nThe post goes to {EMAIL} on Mondays.")
    other = ada.reads_in("fire-drill.txt")
    shop = house.worker.workshop
    assert not tend_rescan(shop, ada.tenant_id)
    put_in_force(house, ada.tenant_id, [rule(Action.BLOCK, Category.IBAN), rule(Action.REDACT, Category.EMAIL)])
    with house.app.db.tenant(ada.tenant_id) as tx:
        assert get_coverage(tx, ada.caller, house.app.scanner).current == 0

    assert tend_rescan(shop, ada.tenant_id)
    rescan(shop, ada.tenant_id)
    knowledge.ingest(shop, ada.tenant_id, letter.file_id)

    assert ada.document(account.document_id).status is Status.QUARANTINED
    assert len(list(house.app.blobs.stored(ada.tenant_id))) == 3
    assert passages(ada, account) == ""
    assert "[EMAIL]" in passages(ada, ada.document(letter.document_id))
    assert ada.document(other.document_id).status is Status.READY
    assert not any(value in stored(server, database) for value in (EMAIL, IBAN))
    with house.app.db.tenant(ada.tenant_id) as tx:
        coverage = get_coverage(tx, ada.caller, house.app.scanner)
    assert (coverage.current, coverage.total) == (2, 2)


def test_an_allowance_for_one_document_has_that_one_looked_at_anew_and_no_other(house: House, ada: Member) -> None:
    put_in_force(house, ada.tenant_id, [rule(Action.WARN, Category.EMAIL)])
    letter, shop = ada.reads_in("letter.md", LETTER), house.worker.workshop
    for name in ("fire-drill.txt", "cafeteria.md"):
        ada.reads_in(name)

    def current() -> int:
        with house.app.db.tenant(ada.tenant_id) as tx:
            return get_coverage(tx, ada.caller, house.app.scanner).current

    def allows(**about: object) -> UUID:
        form = AllowanceForm("Ours", house.clock.now() + timedelta(days=2), rule="email/1", **about)  # type: ignore[arg-type]
        with house.app.db.tenant(ada.tenant_id) as tx:
            return allow(tx, ada.caller, form, clock=house.clock).allowance_id

    assert current() == 3
    allowed = allows(document_id=letter.document_id)
    assert current() == 2
    rescan(shop, ada.tenant_id)
    assert current() == 3
    with house.app.db.tenant(ada.tenant_id) as tx:
        end_allowance(tx, ada.caller, allowed, clock=house.clock)
    assert current() == 2
    rescan(shop, ada.tenant_id)
    allows(document_id=letter.document_id)
    rescan(shop, ada.tenant_id)
    assert current() == 3
    house.clock.passes(days=3)
    assert current() == 2
    allows()
    assert current() == 0


def test_names_of_older_versions_are_looked_at_anew_and_come_back_where_a_policy_lets_them(
    house: House, ada: Member, worker: Worker
) -> None:
    put_in_force(house, ada.tenant_id, [rule(Action.WARN, Category.IBAN)])
    first = ada.reads_in(f"Letter to {EMAIL}.md", "# Letter\n\nThe first letter.")
    upload = knowledge.Upload("letter.md", b"# Letter\n\nThe second letter.")
    more = {"limit_megabytes": 1, "clock": house.clock, "document_id": first.document_id}
    knowledge.take_in(house.app.db, house.app.blobs, ada.caller, upload, **more)  # type: ignore[arg-type]
    worker.works()

    def named() -> set[str]:
        with house.app.db.tenant(ada.tenant_id) as tx:
            return {one.file_name for one in knowledge.list_versions(tx, ada.caller, first.document_id)}

    def looks() -> None:
        assert tend_rescan(house.worker.workshop, ada.tenant_id)
        worker.works()

    assert named() == {f"Letter to {EMAIL}.md", "letter.md"}
    put_in_force(house, ada.tenant_id, [rule(Action.REDACT, Category.EMAIL)])
    looks()
    assert named() == {"Letter to [EMAIL].md", "letter.md"}
    put_in_force(house, ada.tenant_id, [rule(Action.WARN, Category.EMAIL)])
    looks()
    assert named() == {f"Letter to {EMAIL}.md", "letter.md"}


def test_another_label_has_a_document_looked_at_anew(house: House, ada: Member) -> None:
    put_in_force(house, ada.tenant_id, [rule(Action.QUARANTINE, Category.EMAIL, labels=frozenset({"public"}))])
    document = ada.reads_in("letter.md", LETTER)
    assert document.status is Status.READY

    with house.app.db.tenant(ada.tenant_id) as tx:
        knowledge.label(tx, ada.caller, document.document_id, ["public"])
        assert get_coverage(tx, ada.caller, house.app.scanner).is_running
    rescan(house.worker.workshop, ada.tenant_id)

    assert ada.document(document.document_id).status is Status.QUARANTINED


def test_uploads_are_attested_where_that_is_asked_for(house: House, ada: Member) -> None:
    with house.app.db.tenant(ada.tenant_id) as tx:
        change_screening(tx, ada.caller, ScreeningSettings(Attestation.REQUIRED))
    with pytest.raises(AttestationMissing):
        ada.uploads("letter.md", LETTER)
    with house.app.db.tenant(ada.tenant_id) as tx, pytest.raises(AttestationMissing):
        knowledge.begin_upload(tx, ada.caller, UploadForm("a.txt", 10), limit_megabytes=1, clock=house.clock)
    assert list(house.app.blobs.stored(ada.tenant_id)) == []

    upload = Upload("letter.md", LETTER.encode(), is_attested=True, labels=("Travel",))
    document = knowledge.receive(
        house.app.db, house.app.blobs, ada.caller, upload, limit_megabytes=1, clock=house.clock
    )

    assert document.labels == ("Travel",)
    with house.app.db.tenant(ada.tenant_id) as tx:
        report = report_of(tx, ada.caller, document.document_id, sealer=house.app.vault)
    assert (report.attested_by_name, report.statement) == (
        ada.caller.display_name, "I would post this on our internal wiki.",
    )  # fmt: skip


def test_what_was_found_goes_with_its_document(
    house: House, server: Server, database: str, ada: Member, held: Document
) -> None:
    with house.app.db.tenant(ada.tenant_id) as tx:
        knowledge.delete(tx, ada.caller, held.document_id)

    with server.connect("boot", database) as boot:
        for table in ("document_findings", "document_scans", "upload_attestations"):
            assert boot.execute(f"SELECT count(*) FROM cloister.{table}").fetchone() == (0,)


def test_what_is_found_in_a_closed_collection_is_told_to_no_reviewer_who_may_not_read_there(
    house: House, ada: Member, held: Document
) -> None:
    board, _ = board_of(ada)
    with house.app.db.tenant(ada.tenant_id) as tx:
        knowledge.move(tx, ada.caller, held.document_id, board.collection_id)
    mia = ada.adds("mia@harrow.example", Role.MEMBER).caller
    reviewer = replace(
        mia, role=Role.CUSTOM, granted=frozenset({Permission.DOCUMENT_APPROVE, Permission.DOCUMENT_READ})
    )
    with house.app.db.tenant(ada.tenant_id) as tx:
        assert list_waiting(tx, reviewer, sealer=house.app.vault) == []
        assert rules_waiting(tx, reviewer) == []
        assert len(rules_waiting(tx, ada.caller)) == 2


def test_a_version_that_was_replaced_waits_for_nobody(house: House, ada: Member, held: Document) -> None:
    later = ada.uploads("letter.md", "# Travel costs\n\nHotel rooms are reimbursed up to 140 euros a night.")
    assert later.newer is not None
    knowledge.ingest(house.worker.workshop, ada.tenant_id, later.newer.version_id)

    assert ada.document(held.document_id).version == 2
    assert waiting(ada) == {}
    with house.app.db.tenant(ada.tenant_id) as tx:
        assert open_of_rule(tx, ada.caller, "email/1") == []


def test_only_what_was_begun_is_under_way(house: House, ada: Member) -> None:
    with house.app.db.tenant(ada.tenant_id) as tx:
        begin_rescan(tx, ada.caller)
        assert get_coverage(tx, ada.caller, house.app.scanner).is_running
    rescan(house.worker.workshop, ada.tenant_id)


def test_what_was_released_before_findings_were_kept_stays_released_until_there_is_a_policy(
    house: House, server: Server, database: str, ada: Member
) -> None:
    document = ada.reads_in("till.txt", "The customer paid with card 4539 1488 0343 6467 at the north till.")
    with server.connect("boot", database) as boot:  # as an earlier version left it
        boot.execute("TRUNCATE cloister.document_scans, cloister.document_findings")
    with house.app.db.tenant(ada.tenant_id) as tx:
        knowledge.approve(tx, ada.caller, document.document_id)
    assert read_on(ada, document).status is Status.READY

    put_in_force(house, ada.tenant_id, [rule(Action.WARN, Category.EMAIL)])
    rescan(house.worker.workshop, ada.tenant_id)
    assert ada.document(document.document_id).status is Status.QUARANTINED
