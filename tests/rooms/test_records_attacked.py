"""Ways in which an act could be kept without its record: each either keeps both, or says that neither was kept."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import InvalidRequestError, SQLAlchemyError

from appliance import audit
from appliance.audit import EntryFilter, Event
from appliance.identity.tables import GroupRow
from appliance.kernel.db import Database, DatabaseUnavailable, Tx
from appliance.kernel.ids import new_id
from appliance.kernel.questions import Saying, ask
from tests.support.house import House, Member


@pytest.fixture(scope="module")
def house(lasting_house: House) -> House:
    return lasting_house


@pytest.fixture
def ada(house: House) -> Member:
    return house.founds(f"Harrow {new_id()}", f"{new_id()}@harrow.example")


def records(tx: Tx, ada: Member, number: int) -> None:
    audit.record(tx, ada.caller.actor, Event.DISCLOSURES_ERASED, keys=number)


def recorded(house: House, ada: Member) -> list[int]:
    with house.app.db.tenant(ada.tenant_id) as tx:
        entries = audit.list_entries(tx, EntryFilter(Event.DISCLOSURES_ERASED), limit=100)
        return sorted(int(entry.facts["keys"]) for entry in entries)


def group(ada: Member, name: str) -> GroupRow:
    return GroupRow(tenant_id=ada.tenant_id, group_id=new_id(), name=name, created_at=ada.services.clock.now())


def groups(house: House, ada: Member) -> list[str]:
    with house.app.db.tenant(ada.tenant_id) as tx:
        return list(tx.scalars(text("SELECT name FROM groups ORDER BY name")))


def test_a_record_behind_a_flush_that_failed_is_not_lost_in_silence(house: House, ada: Member) -> None:
    with pytest.raises(SQLAlchemyError), house.app.db.tenant(ada.tenant_id) as tx:
        twice = group(ada, "twice")
        tx.add_all([twice, GroupRow(tenant_id=ada.tenant_id, group_id=twice.group_id, name="", created_at=twice.created_at)])
        try:
            tx.flush()
        except SQLAlchemyError:
            records(tx, ada, 1)
    assert recorded(house, ada) == []


def test_a_record_before_a_flush_that_failed_and_was_let_pass_is_not_lost_in_silence(house: House, ada: Member) -> None:
    with pytest.raises(SQLAlchemyError), house.app.db.tenant(ada.tenant_id) as tx:
        tx.execute(text("SELECT 1"))
        records(tx, ada, 1)
        one = group(ada, "one")
        one.created_at = None  # type: ignore[assignment]
        tx.add(one)
        with suppress(SQLAlchemyError):
            tx.flush()


def test_a_savepoint_that_is_still_open_at_the_end_keeps_no_record_back(house: House, ada: Member) -> None:
    with house.app.db.tenant(ada.tenant_id) as tx:
        tx.add(group(ada, "new"))
        tx.flush()
        records(tx, ada, 1)
        tx.begin_nested()
    assert (groups(house, ada), recorded(house, ada)) == (["new"], [1])


def test_a_statement_that_failed_and_was_let_pass_ends_no_transaction_as_if_it_was_kept(house: House, ada: Member) -> None:
    with pytest.raises(SQLAlchemyError), house.app.db.tenant(ada.tenant_id) as tx:
        tx.add(group(ada, "new"))
        tx.flush()
        records(tx, ada, 1)
        with suppress(SQLAlchemyError):
            tx.execute(text("SELECT 1 / 0"))
    assert (groups(house, ada), recorded(house, ada)) == ([], [])


def test_nothing_is_recorded_or_changed_behind_the_commit(house: House, ada: Member) -> None:
    ways: tuple[Callable[[Tx], object], ...] = (
        lambda tx: records(tx, ada, 2), lambda tx: tx.execute(text("SELECT 1")), lambda tx: ask(tx, ends=True),
    )  # fmt: skip
    for after in ways:
        with pytest.raises(InvalidRequestError), house.app.db.tenant(ada.tenant_id) as tx:
            ask(tx, ends=True)
            after(tx)
    assert recorded(house, ada) == []


def test_what_is_not_yet_written_goes_with_the_trip_that_commits(house: House, ada: Member) -> None:
    with house.app.db.tenant(ada.tenant_id) as tx:
        tx.add(group(ada, "new"))
        ask(tx, *audit.recording(tx, [audit.NewEntry(ada.caller.actor, Event.DISCLOSURES_ERASED, facts={"keys": 1})]), ends=True)
    assert (groups(house, ada), recorded(house, ada)) == (["new"], [1])


def test_what_a_hook_records_at_the_last_moment_is_kept(house: House, ada: Member) -> None:
    with house.app.db.tenant(ada.tenant_id) as tx:
        event.listen(tx, "before_commit", lambda tx: records(tx, ada, 1))
        tx.add(group(ada, "new"))
    assert (groups(house, ada), recorded(house, ada)) == (["new"], [1])


def test_each_way_to_ask_has_what_waits_go_first(house: House, ada: Member) -> None:
    ways: tuple[Callable[[Tx], int], ...] = (
        lambda tx: tx.execute(text("SELECT count(*) FROM audit_inbox")).scalar_one(),
        lambda tx: tx.connection().exec_driver_sql("SELECT count(*) FROM audit_inbox").scalar_one(),
        lambda tx: tx.execute(text("SELECT count(*) FROM audit_inbox").execution_options(stream_results=True)).scalar_one(),
        lambda tx: tx.connection().execution_options(yield_per=1).execute(text("SELECT count(*) FROM audit_inbox")).scalar_one(),
    )
    with house.app.db.tenant(ada.tenant_id) as tx:
        before = tx.scalar(text("SELECT count(*) FROM audit_inbox"))
        for number, way in enumerate(ways):
            records(tx, ada, number)
            assert way(tx) == before + number + 1
    assert recorded(house, ada) == [0, 1, 2, 3]


@pytest.mark.parametrize("next_is_asked", [False, True])
def test_a_connection_that_was_lost_and_let_pass_ends_no_transaction_as_if_it_was_kept(
    house: House, ada: Member, *, next_is_asked: bool
) -> None:
    db = Database(house.server.url("cloister_app", house.database), pool_size=1)
    with pytest.raises((DatabaseUnavailable, SQLAlchemyError)), db.tenant(ada.tenant_id) as tx:
        tx.add(group(ada, "new"))
        tx.flush()
        pid = tx.scalar(text("SELECT pg_backend_pid()"))
        records(tx, ada, 1)
        with house.server.connect("boot", house.database) as boot:
            boot.execute("SELECT pg_terminate_backend(%s)", (pid,))
        with suppress(SQLAlchemyError):
            if next_is_asked:
                ask(tx, Saying("SELECT 1", []))
            else:
                tx.execute(text("SELECT 1"))
    db.close()
    assert (groups(house, ada), recorded(house, ada)) == ([], [])
