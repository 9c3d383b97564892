"""Evidence: what is gathered, what is missing, and what nobody can change afterwards."""

from pathlib import Path

import psycopg
import pytest

from appliance import audit, evidence, identity
from appliance.audit import PLATFORM, Actor, ActorKind, EntryFilter, Event, Outcome
from appliance.audit.ocsf.kinds import KINDS
from appliance.audit.ocsf.values import Class
from appliance.evidence.collectors.log import CHANGES
from appliance.evidence.controls import FRAMEWORKS
from appliance.evidence.items import GAPS, ITEMS, LABELS, MEASURES
from appliance.evidence.reports import ReportKind, file_report, report_digest
from appliance.evidence.values import Evidence, Item, Standing
from appliance.identity import Forbidden, Role
from appliance.kernel.ids import new_id
from tests.support.furnish import exports, furnish
from tests.support.house import House, Member, Server

SYSTEM = Actor(ActorKind.SYSTEM)


def gathered(member: Member) -> dict[Item, Evidence]:
    return dict(evidence.gather(member.services.db, member.caller, clock=member.house.clock))


def codes(found: Evidence) -> set[str]:
    return {gap.code for gap in found.gaps}


def test_each_item_serves_a_control_and_each_word_of_the_catalogue_is_there() -> None:
    served = {item for one in FRAMEWORKS.values() for control in one.controls for item in control.items}
    assert served == set(Item) == set(ITEMS)
    assert {name for about in ITEMS.values() for name in about.columns} == set(LABELS)
    for framework in FRAMEWORKS.values():
        numbers = [control.number for control in framework.controls]
        assert len(numbers) == len(set(numbers))


def test_it_gathers_all_and_says_what_is_missing(house: House, ada: Member) -> None:
    furnish(ada)
    found = gathered(ada)

    assert set(found) == set(Item)
    for one in found.values():
        assert all(len(row) == len(one.about.columns) for row in one.rows), one.item
        assert codes(one) <= set(GAPS)
        if one.about.columns == ("measure", "value"):
            assert {row[0] for row in one.rows} <= set(MEASURES), one.item
    assert codes(found[Item.ISOLATION]) == codes(found[Item.BACKUPS]) == {"never_done"}
    assert codes(found[Item.ACCESS_REVIEW]) == {"no_review"}
    assert codes(found[Item.SIGN_IN_STRENGTH]) == {"privileged_without_factor"}
    assert found[Item.SUBJECT_REQUESTS].standing is Standing.ABSENT
    assert codes(found[Item.LOG_PROOFS]) == {"no_copy_outside"}
    assert found[Item.KEY_INVENTORY].standing is found[Item.POLICY].standing is Standing.GOOD
    assert "Ada" in {row[0] for row in found[Item.ACCESS_LIST].rows}
    ways = {(row[0], row[2]) for row in found[Item.SIGN_ON].rows}
    assert {kind for kind, _ in ways} >= {"oidc", "domain"}, "the connections and domains of the organisation"


def test_known_weaknesses_are_stated_by_a_file_that_was_brought_lately(house: House, ada: Member, tmp_path: Path) -> None:
    def found(file: Path) -> set[str]:
        return codes(evidence.gather(ada.services.db, ada.caller, [item], clock=house.clock, weaknesses=file)[item])

    item, file = Item.VERSIONS, tmp_path / "osv.zip"
    assert found(file) == {"no_vulnerability_feed"}
    file.write_bytes(b"")
    assert found(file) == set()
    house.clock.passes(days=31)
    assert found(file) == {"too_old"}


def test_it_shows_no_secret_and_no_content(house: House, ada: Member) -> None:
    furnish(ada)
    said = repr([one.rows for one in gathered(ada).values()])
    for planted in ("sk-", "One document of the house", "Is the canteen open", "cloister_"):
        assert planted not in said


def test_it_is_for_who_may_read_the_log_and_says_so_in_it(house: House, ada: Member) -> None:
    auditor, mia = ada.adds("aud@harrow.example", Role.AUDITOR), ada.adds("mia@harrow.example", Role.MEMBER)
    assert set(gathered(auditor)) == set(Item)
    with pytest.raises(Forbidden):
        gathered(mia)
    with house.app.db.tenant(ada.tenant_id) as tx:
        (entry,) = audit.list_entries(tx, EntryFilter(Event.EVIDENCE_READ))
    assert entry.actor.id == auditor.caller.user_id


def test_an_organisation_sees_nothing_of_another(house: House, ada: Member, bo: Member) -> None:
    furnish(ada)
    said = repr([one.rows for one in gathered(bo).values()])
    assert "harrow" not in said.lower()
    assert str(ada.tenant_id) not in said


def test_the_nightly_look_is_filed_once_a_day_and_found_by_every_organisation(house: House, ada: Member) -> None:
    first = evidence.attest_nightly(house.worker.db, clock=house.clock)
    assert first is not None
    assert first.is_good, first.facts
    assert first.facts["faults"] == 0
    assert int(str(first.facts["tables"])) > 60
    assert evidence.attest_nightly(house.worker.db, clock=house.clock) is None
    house.clock.passes(hours=25)
    assert evidence.attest_nightly(house.worker.db, clock=house.clock) is not None
    assert gathered(ada)[Item.ISOLATION].standing is Standing.GOOD
    house.clock.passes(days=2)
    assert codes(gathered(ada)[Item.ISOLATION]) == {"too_old"}


def test_a_broken_rule_is_named_and_alarms(house: House, ada: Member, server: Server, database: str) -> None:
    with server.connect("boot", database) as boot:
        boot.execute("ALTER TABLE cloister.documents NO FORCE ROW LEVEL SECURITY")
    report = evidence.attest(house.worker.db, SYSTEM, clock=house.clock)
    assert not report.is_good
    assert report.facts["named"] == ["documents: row security enabled=True forced=False"]
    found = gathered(ada)[Item.ISOLATION]
    assert (codes(found), found.standing) == ({"isolation_broken"}, Standing.GAP)
    with house.app.db.tenant(PLATFORM) as tx:
        (entry,) = audit.list_entries(tx, EntryFilter(Event.REPORT_FILED))
    assert (entry.outcome, entry.facts["digest"]) == (Outcome.FAILURE, report.digest)


def test_the_log_has_each_reports_digest_and_nobody_changes_a_report(
    house: House, server: Server, database: str
) -> None:
    with house.worker.db.tenant(PLATFORM) as tx:
        file_report(tx, SYSTEM, ReportKind.BACKUP, {"files": 3}, is_good=True, clock=house.clock)
    with house.worker.db.tenant(PLATFORM) as tx:
        (one,) = evidence.list_reports(tx)
        (entry,) = audit.list_entries(tx, EntryFilter(Event.REPORT_FILED))
    assert entry.facts["digest"] == one.digest
    assert report_digest(one.kind, one.made_at, one.facts, is_good=True).hex() == one.digest
    for role in ("worker", "app", "boot"):
        with server.connect(role, database) as link, link.transaction(force_rollback=True):
            link.execute(f"SET LOCAL app.tenant_id = '{PLATFORM}'")
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.RaiseException)):
                link.execute("UPDATE cloister.evidence_reports SET is_good = false")


def test_a_backup_gets_old(house: House, ada: Member) -> None:
    with house.worker.db.tenant(PLATFORM) as tx:
        file_report(tx, SYSTEM, ReportKind.BACKUP, {"files": 3}, is_good=True, clock=house.clock)
    assert gathered(ada)[Item.BACKUPS].standing is Standing.GOOD
    house.clock.passes(days=8)
    assert codes(gathered(ada)[Item.BACKUPS]) == {"too_old"}
    with house.worker.db.tenant(PLATFORM) as tx:
        file_report(tx, SYSTEM, ReportKind.BACKUP, {"files": 3}, is_good=False, clock=house.clock)
    assert codes(gathered(ada)[Item.BACKUPS]) == {"too_old", "backup_failed"}


def test_a_check_of_a_backup_practises_no_restore(house: House, ada: Member) -> None:
    for kind, missing in ((ReportKind.BACKUP_CHECK, {"never_done"}), (ReportKind.RESTORE_DRILL, set())):
        with house.worker.db.tenant(PLATFORM) as tx:
            file_report(tx, SYSTEM, kind, {"files": 3}, is_good=True, clock=house.clock)
        assert codes(gathered(ada)[Item.RESTORE_DRILLS]) == missing


def test_changes_of_policy_name_who_made_them(house: House, ada: Member) -> None:
    mia = ada.adds("mia@harrow.example", Role.MEMBER)
    with house.app.db.tenant(ada.tenant_id) as tx:
        identity.change_role(tx, ada.caller, mia.caller.user_id, role=Role.AUDITOR)
    rows = gathered(ada)[Item.CHANGE_HISTORY].rows
    assert [row[1:] for row in rows if row[3] == "identity:role:changed"] == [
        ("Ada", "", "identity:role:changed", str(mia.caller.user_id), "before=member, role=auditor")
    ]


def test_a_change_that_a_second_person_agreed_to_names_both(house: House, ada: Member) -> None:
    mia = ada.adds("mia@harrow.example", Role.OWNER)
    request_id = new_id()
    with house.app.db.tenant(ada.tenant_id) as tx:
        audit.record(tx, ada.caller.actor, Event.KEY_DESTRUCTION_REQUESTED, subject=request_id)
        audit.record(tx, mia.caller.actor, Event.KEY_DESTRUCTION_DECIDED, subject=request_id, granted=1)
    (row,) = [row for row in gathered(ada)[Item.CHANGE_HISTORY].rows if row[3] == Event.KEY_DESTRUCTION_DECIDED]
    assert row[1:3] == ("Ada", "mia")


def test_access_that_nobody_uses_is_named(house: House, ada: Member) -> None:
    ada.adds("mia@harrow.example", Role.MEMBER)
    house.clock.passes(days=100)
    assert codes(gathered(ada)[Item.ACCESS_LIST]) == {"unused_access"}


def test_a_package_that_somebody_took_is_a_copy_outside(house: House, ada: Member) -> None:
    export_id = exports(ada)
    with house.app.db.tenant(ada.tenant_id) as tx:
        audit.open_export(tx, ada.caller.actor, house.settings.exports, export_id)
    assert gathered(ada)[Item.LOG_PROOFS].standing is Standing.GOOD
    house.clock.passes(days=91)
    assert "no_copy_outside" in codes(gathered(ada)[Item.LOG_PROOFS])



def test_organisations_see_of_the_houses_reports_nothing_that_grows_with_others(house: House, ada: Member) -> None:
    with house.worker.db.tenant(PLATFORM) as tx:
        facts: dict[str, str | int | list[str]] = {"files": 3, "bytes": 77, "schema": "0039"}
        file_report(tx, SYSTEM, ReportKind.BACKUP, facts, is_good=True, clock=house.clock)
    olga = house.operator("olga@host.example")
    to_ada, to_olga = (evidence.read_reports(house.app.db, one.caller)[0] for one in (ada, olga))
    salt = to_olga.facts["salt"]
    assert (to_ada.facts, to_olga.facts) == ({"schema": "0039"}, facts | {"salt": salt})
    # By trying numbers until the digest fits, nobody learns what they are not shown.
    assert report_digest(to_ada.kind, to_ada.made_at, facts, is_good=True).hex() != to_ada.digest
    assert len(str(salt)) == 32
    assert "files=3" not in str(gathered(ada)[Item.BACKUPS].rows)
    assert "files=3" in str(gathered(olga)[Item.BACKUPS].rows)


NO_POLICY = frozenset(
    """access_review:closed access_review:decided access_review:started anchor:restored backup:made backup:restored batch:cancelled
    batch:created batch:retried call_contents:ended call_content:decided call_content:requested chatbot:changed chatbot:created
    conversation:changed conversation:created conversation:deleted conversation:shared disclosures:erased dry_run:ended
    dry_run:started policy:discarded policy:drafted policy:saved package:requested export_place:tested factor:added identity:linked
    identity:unlinked index_change:begun index_change:cancelled index_change:failed invitation:accepted invitation:revoked key:created
    key:destroyed key_rotation:begun last_owner:kept log_alarm:ended log_entry:cited log:replayed log:verified organisation:created
    password:changed password:reset profile:changed provider_key:checked provider_key:reveal_refused provisioned_group:changed
    provisioned_group:created provisioned_group:deleted provisioned_user:changed provisioned_user:created provisioned_user:deleted
    provisioning:refused recovery_codes:replaced report:filed rescan:begun rescan:ended review:requested setup_link:created
    sign_in:locked sink:caught_up sink_letter:dropped sink_letter:resent sink:tested""".split()  # noqa: SIM905 - as a list it would be seventy lines
)
"""What is done to people, content, keys and packages, and what happens by itself: no change of policy or configuration, or a draft of one."""


def test_the_history_of_changes_has_every_change_of_policy_that_the_catalogue_knows() -> None:
    managing = {Class.ACCESS, Class.ACCOUNT, Class.AUTHORISATION, Class.ENTITY, Class.GROUP, Class.LIFECYCLE}
    changes = {event for event, (kind, _) in KINDS.items() if kind in managing}
    missing = {event.value for event in changes - CHANGES if event.value.partition(":")[2] not in NO_POLICY}
    assert missing == set(), "say in NO_POLICY why not, or add it to CHANGES of the evidence"
