"""Packages that are made every week or month, and put into the folder that the operator named."""

import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance import audit
from appliance.audit import Event, Every, ExportState, Wanted
from appliance.audit.errors import NoExportFolder, ScheduleNotFound, SchedulesLimited
from appliance.audit.schedules import MOST, period_of
from appliance.proof.package import MANIFEST, OCSF
from appliance.proof.verify import INTACT, verify_package
from appliance.vault import LogSigners
from tests.rooms.test_sealed_log import records
from tests.support.house import House, Member
from tests.support.log_packages import age_identity, member_of
from tests.support.personal import HOME, acts


def schedules(house: House, member: Member, every: Every, wanted: Wanted | None = None) -> audit.Schedule:
    with house.app.db.tenant(member.tenant_id) as tx:
        return audit.create_schedule(
            tx, member.caller.actor, every, wanted or Wanted(), folder=house.settings.export_folder, clock=house.clock
        )


def tends(house: House, member: Member) -> tuple[int, int]:
    """The worker's round, and the writing of what waits."""
    directory, folder = house.settings.exports, house.settings.export_folder
    done = audit.tend_schedules(house.worker.db, directory, folder, member.tenant_id, clock=house.clock)
    house.seals()
    signer = LogSigners(house.worker.db, house.worker.vault)()
    with house.worker.db.tenant(member.tenant_id) as tx:
        waiting = [one.export_id for one in audit.list_exports(tx) if one.state is ExportState.WAITING]
    for one in waiting:
        audit.write_export(house.worker.db, directory, member.tenant_id, one, signer=signer, clock=house.clock)
    return done


def folder_of(house: House, member: Member) -> list[Path]:
    folder = house.settings.export_folder
    assert folder is not None
    return sorted((folder / str(member.tenant_id)).glob("*"))


def until(house: House, moment: datetime) -> None:
    house.clock.passes(seconds=(moment - house.clock.now()).total_seconds())


@pytest.mark.parametrize("every", list(Every))
def test_each_period_is_in_the_folder_once_it_is_over(house: House, ada: Member, bo: Member, every: Every) -> None:
    made = schedules(house, ada, every, Wanted(kinds=frozenset({Event.PROFILE_CHANGED})))
    records(ada, 4)
    assert tends(house, ada) == (0, 0), "it is not over"
    until(house, made.next_at)
    assert tends(house, ada) == (1, 0)
    assert tends(house, ada) == (0, 1)
    assert tends(house, ada) == (0, 0)
    (package,) = folder_of(house, ada)
    since, end = period_of(every, made.next_at - timedelta(hours=2))
    assert package.name.startswith(f"audit-log-{since:%Y-%m-%d}-{end:%Y-%m-%d}-")
    assert package.stat().st_mode & 0o077 == 0
    report = verify_package(str(package))
    assert report.status == INTACT, report.fault
    assert member_of(package, "events/events.jsonl").count("\n") == 4
    assert not (package.parents[1] / str(bo.tenant_id)).exists()
    with house.app.db.tenant(ada.tenant_id) as tx:
        said = {one.event for one in audit.list_entries(tx, limit=1000)}
        assert audit.list_schedules(tx)[0].next_at == period_of(every, end)[1] + timedelta(hours=1)
    assert {Event.LOG_EXPORT_SCHEDULED, Event.LOG_EXPORTED, Event.LOG_EXPORT_DELIVERED} <= said


def test_a_host_that_was_off_owes_a_package_for_each_period(house: House, ada: Member) -> None:
    made = schedules(house, ada, Every.WEEK)
    until(house, made.next_at + timedelta(days=15))
    assert [tends(house, ada)[0] for _ in range(4)] == [1, 1, 1, 0]
    assert len({path.name[:31] for path in folder_of(house, ada)}) == 3


def test_a_folder_that_is_not_there_loses_nothing(house: House, ada: Member) -> None:
    folder = house.settings.export_folder
    assert folder is not None
    folder.rmdir()
    until(house, schedules(house, ada, Every.WEEK).next_at)
    assert tends(house, ada) == (1, 0)
    assert tends(house, ada) == (0, 0)
    folder.mkdir()
    assert tends(house, ada) == (0, 1)
    assert [path.suffix for path in folder_of(house, ada)] == [".zip"]


def test_a_scheduled_package_is_sealed_to_its_reader(house: House, ada: Member, tmp_path: Path) -> None:
    made = schedules(house, ada, Every.MONTH, Wanted(sealed_to=age_identity(tmp_path)[1]))
    until(house, made.next_at)
    tends(house, ada)
    tends(house, ada)
    assert [path.name.split(".", 1)[1] for path in folder_of(house, ada)] == ["zip.age"]


def test_a_scheduled_package_leaves_out_personal_values_where_that_is_asked_for(house: House, ada: Member) -> None:
    made = schedules(house, ada, Every.MONTH, Wanted(with_ocsf=True, is_personal=False))
    acts(ada, HOME)
    until(house, made.next_at)
    tends(house, ada)
    tends(house, ada)
    (package,) = folder_of(house, ada)
    assert verify_package(str(package)).status == INTACT
    assert json.loads(member_of(package, MANIFEST))["personal"] == {"committed": 1, "disclosed": 0, "withheld": True}
    with zipfile.ZipFile(package) as archive:
        assert not [name for name in archive.namelist() if HOME.encode() in archive.read(name)]
        assert OCSF in archive.namelist()


def test_schedules_end_are_counted_and_are_their_organisations_own(house: House, ada: Member, bo: Member) -> None:
    made = schedules(house, ada, Every.MONTH)
    with house.app.db.tenant(bo.tenant_id) as tx:
        assert audit.list_schedules(tx) == []
        with pytest.raises(ScheduleNotFound):
            audit.remove_schedule(tx, bo.caller.actor, made.schedule_id)
    with house.app.db.tenant(ada.tenant_id) as tx:
        audit.remove_schedule(tx, ada.caller.actor, made.schedule_id)
        assert audit.list_schedules(tx) == []
        with pytest.raises(NoExportFolder):
            audit.create_schedule(tx, ada.caller.actor, Every.WEEK, Wanted(), folder=None, clock=house.clock)
    until(house, made.next_at)
    assert tends(house, ada) == (0, 0)
    for _ in range(MOST):
        schedules(house, ada, Every.WEEK)
    with pytest.raises(SchedulesLimited):
        schedules(house, ada, Every.WEEK)


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    friday = datetime(2026, 11, 27, 13, tzinfo=UTC)
    assert period_of(Every.WEEK, friday) == (datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC))
    assert period_of(Every.MONTH, friday) == (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
    assert period_of(Every.MONTH, friday.replace(month=12))[1] == datetime(2027, 1, 1, tzinfo=UTC)
