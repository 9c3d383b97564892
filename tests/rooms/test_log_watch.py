"""What is wrong with a log is noticed, told of once, and ends; the nightly look finds what somebody altered."""

from datetime import UTC, datetime

import pytest

from appliance import audit
from appliance.assembly import anchors_of
from appliance.audit import EntryFilter, Event
from appliance.audit.anchors import assurance_of
from appliance.audit.watching import Alarm, AlarmKind, count_alarms, list_alarms, verify_nightly, watch
from appliance.web.package_letters import log_alarms
from appliance.worker.watching import look_over
from tests.rooms.test_sealed_log import records
from tests.support.house import House, Member
from tests.support.mailbox import Mailbox


def watches(house: House, member: Member) -> list[AlarmKind]:
    assurance = assurance_of(house.worker.db, member.tenant_id, anchors_of(house.settings), clock=house.clock)
    return [one.kind for one in watch(house.worker.db, member.tenant_id, assurance, clock=house.clock)]


def alarms_of(member: Member) -> list[AlarmKind]:
    with member.services.db.tenant(member.tenant_id) as tx:
        return [one.kind for one in list_alarms(tx)]


def alters(house: House, statement: str, *values: object) -> None:
    with house.server.connect("boot", house.database) as boot:
        boot.execute("SET session_replication_role = replica")
        boot.execute("SET search_path = cloister, public")
        boot.execute(statement.encode(), values)


def test_entries_that_nobody_seals_are_told_of_once_until_they_are_sealed(house: House, ada: Member, bo: Member) -> None:
    house.seals()
    records(ada, 2)
    assert watches(house, ada) == []
    house.clock.passes(minutes=6)
    assert watches(house, ada) == [AlarmKind.UNSEALED]
    assert watches(house, ada) == []
    assert alarms_of(ada) == [AlarmKind.UNSEALED]
    assert alarms_of(bo) == []
    with house.app.db.platform() as tx:
        assert count_alarms(tx) == {kind: int(kind is AlarmKind.UNSEALED) for kind in AlarmKind}
    house.seals()
    assert watches(house, ada) == []
    assert alarms_of(ada) == []
    with house.app.db.tenant(ada.tenant_id) as tx:
        assert len(audit.list_entries(tx, EntryFilter(Event.LOG_ALARM_RAISED))) == 1
        assert len(audit.list_entries(tx, EntryFilter(Event.LOG_ALARM_ENDED))) == 1


def test_each_log_is_verified_once_a_night(house: House, ada: Member) -> None:
    records(ada, 5)
    house.seals()
    assert verify_nightly(house.worker.db, ada.tenant_id, clock=house.clock) is None
    with house.app.db.tenant(ada.tenant_id) as tx:
        (said,) = audit.list_entries(tx, EntryFilter(Event.LOG_VERIFIED))
    assert (said.outcome, int(said.facts["entries"]) > 5) == ("success", True)
    house.seals()
    verify_nightly(house.worker.db, ada.tenant_id, clock=house.clock)
    with house.app.db.tenant(ada.tenant_id) as tx:
        assert len(audit.list_entries(tx, EntryFilter(Event.LOG_VERIFIED))) == 1, "not again the same night"


ALTERED = {
    "a body": ("UPDATE audit_log SET body = body || ' ' WHERE tenant_id = %s AND position = 3", "at position 3 is not the one"),
    "a body and its leaf": (
        "UPDATE audit_log SET body = body || ' ', leaf = sha256('\\x00'::bytea || body || ' '::bytea) WHERE tenant_id = %s AND position = 3",
        "do not lead to the signed root",
    ),
    "an entry less": ("DELETE FROM audit_log WHERE tenant_id = %s AND position = 3", "at position 3 is missing"),
    "the head": ("UPDATE audit_heads SET size = size - 1 WHERE tenant_id = %s", "its checkpoint"),
    "the tail": (
        "DELETE FROM audit_log l USING audit_heads h WHERE h.tenant_id = l.tenant_id AND l.tenant_id = %s AND l.position = h.size - 1", "is missing"
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", ALTERED)
def test_the_nightly_look_finds_what_was_altered(house: House, ada: Member, what: str) -> None:
    records(ada, 5)
    house.seals()
    statement, expected = ALTERED[what]
    alters(house, statement, ada.tenant_id)
    told = verify_nightly(house.worker.db, ada.tenant_id, clock=house.clock)
    assert told is not None
    assert expected in told.detail
    assert alarms_of(ada) == [AlarmKind.VERIFICATION]
    assert watches(house, ada) == [], "what is raised stays until a night finds it well"
    house.clock.passes(hours=40)
    assert verify_nightly(house.worker.db, ada.tenant_id, clock=house.clock) is None, "told of once"
    assert AlarmKind.VERIFICATION in alarms_of(ada)


def test_people_and_operators_are_mailed(house: House, ada: Member) -> None:
    house.operator("root@house.example")
    house.seals()
    records(ada, 2)
    house.clock.passes(minutes=6)
    with Mailbox() as mailbox:
        mailbox.serves(house)
        look_over(house.worker)
        look_over(house.worker)
    told = [one for one in mailbox.mails if "Harrow" in str(one["Subject"])]
    assert sorted(str(one["To"]) for one in told) == ["ada@harrow.example", "root@house.example"]


def test_a_mail_says_it_in_the_readers_language() -> None:
    found = [Alarm(kind, datetime.now(UTC), "x") for kind in AlarmKind]
    subject, body = log_alarms(found, organisation="", address="https://ai.example", language="de")
    assert subject == "Mit dem Protokoll von Plattform stimmt etwas nicht"
    assert body.count("\n- ") == len(AlarmKind)
