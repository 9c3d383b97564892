"""What is left of packages that were asked for: in the directory, and in the log."""

import pytest

from appliance import audit
from appliance.audit import PLATFORM, Actor, ActorKind, Event, ExportState, Wanted
from appliance.vault import LogSigners
from appliance.worker.schedule import tidy
from tests.support.house import House, Member


def test_a_package_that_cannot_be_written_leaves_nothing_and_fails_after_a_week(
    house: House, ada: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.seals()
    directory, signer = house.settings.exports, LogSigners(house.worker.db, house.worker.vault)()
    with house.app.db.tenant(ada.tenant_id) as tx:
        asked = audit.request_export(tx, ada.caller.actor, Wanted(), clock=house.clock)

    def fills(_descriptor: int) -> None:
        raise OSError(28, "no space left")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="no space"):
        patch.setattr("appliance.audit.exporting.os.fsync", fills)
        audit.write_export(house.worker.db, directory, ada.tenant_id, asked.export_id, signer=signer, clock=house.clock)
    assert [path for path in directory.rglob("*") if path.is_file()] == []

    for suffix in ("part", "0", "3"):  # of a worker that was killed
        (directory / str(ada.tenant_id) / f"{asked.export_id}.{suffix}").touch()
    house.clock.passes(days=8)
    assert audit.sweep_exports(house.worker.db, directory, ada.tenant_id, clock=house.clock) == 1
    assert [path for path in directory.rglob("*") if path.is_file()] == []
    with house.app.db.tenant(ada.tenant_id) as tx:
        assert audit.get_export(tx, asked.export_id).state is ExportState.FAILED


def test_packages_of_the_platform_are_removed_too(house: House) -> None:
    house.seals()
    with house.worker.db.tenant(PLATFORM) as tx:
        asked = audit.request_export(tx, Actor(ActorKind.OPERATOR), Wanted(), clock=house.clock)
    house.clock.passes(days=8)
    tidy(house.worker)
    with house.worker.db.tenant(PLATFORM) as tx:
        assert audit.get_export(tx, asked.export_id).state is ExportState.FAILED


def test_the_log_says_of_whom_and_of_what_a_package_was_asked_for(house: House, ada: Member, bo: Member) -> None:
    house.seals()
    wanted = Wanted(actors=frozenset({ada.caller.user_id}), subject=bo.caller.user_id)
    with house.app.db.tenant(ada.tenant_id) as tx:
        audit.request_export(tx, ada.caller.actor, wanted, clock=house.clock)
        audit.request_export(tx, ada.caller.actor, Wanted(), clock=house.clock)
        whole, chosen = audit.list_entries(tx, audit.EntryFilter(Event.LOG_EXPORTED))
    assert chosen.facts == {"events": "", "actors": str(ada.caller.user_id), "asked_subject": str(bo.caller.user_id)}
    assert whole.facts == {"events": ""}
