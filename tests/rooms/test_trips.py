"""Several statements in one trip: what is bound before them, and what does not go out at all."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InvalidRequestError

from appliance import audit, policy
from appliance.audit import EntryFilter, Event
from appliance.kernel import db as kernel
from appliance.kernel.db import Database, DatabaseBusy, DatabaseUnavailable, Tx
from appliance.kernel.exchange import Row, Statement, exchange
from appliance.kernel.questions import Question, Saying, ask, say_later
from appliance.policy import Limits
from tests.support.house import House, Member


@pytest.fixture(scope="module")
def house(lasting_house: House) -> House:
    return lasting_house


@pytest.fixture(scope="module")
def ada(house: House) -> Member:
    return house.founds("Harrow", "ada@harrow.example")


def provider(house: House, name: str) -> Question[Any]:
    return Question("own_provider(text, timestamptz)", (name, house.clock.now()), lambda found: found)


def busy(_tx: Tx) -> None:
    raise DatabaseBusy


def bound_to(tx: Tx) -> str:
    return str(tx.scalar(text("SELECT current_setting('app.tenant_id', true)")))


@pytest.mark.parametrize("name", ["openai\0elsewhere", "openai\ud800"])
def test_what_would_not_arrive_as_it_is_does_not_go_out_and_the_rest_is_bound(house: House, ada: Member, name: str) -> None:
    """A driver of C ends a text at its NUL: another name would be looked up than the one that was judged."""
    with house.app.db.tenant(ada.tenant_id) as tx:
        with pytest.raises(ValueError, match=r"NUL|surrogates"):
            ask(tx, provider(house, name))
        assert bound_to(tx) == str(ada.tenant_id)
        assert ask(tx, provider(house, "openai"))[0][0]["provider_id"] is None


def test_who_finds_no_connection_free_is_bound_when_one_is(house: House, ada: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    with house.app.db.tenant(ada.tenant_id) as tx:
        with monkeypatch.context() as patch:
            patch.setattr(Tx, "connection", busy)
            with pytest.raises(DatabaseBusy):
                ask(tx, provider(house, "openai"))
        assert bound_to(tx) == str(ada.tenant_id)


def test_when_the_server_ends_one_connection_all_are_closed_also_those_in_use(house: House, ada: Member) -> None:
    db = Database(house.server.url("cloister_app", house.database), pool_size=3)
    with db.tenant(ada.tenant_id) as first, db.tenant(ada.tenant_id) as second:
        resting = second.line()[0]
        used, _ = first.line()
        second.close()
        with house.server.connect("boot", house.database) as boot, pytest.raises(DatabaseUnavailable):
            with db.tenant(ada.tenant_id) as third:
                lost, _ = third.line()
                boot.execute("SELECT pg_terminate_backend(%s)", (lost.info.backend_pid,))
                ask(third, Saying("SET LOCAL work_mem = '5MB'", []))
    assert lost.closed
    assert used.closed

    for _ in range(3):
        with db.tenant(ada.tenant_id) as tx:
            assert tx.line()[0] not in {lost, used, resting}
    db.close()
    assert resting.closed


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What went over in one trip each, by the first words."""
    found = list[list[str]]()

    def listens(line: Any, said: list[Statement]) -> list[Row]:
        found.append([one.split(" ")[0] for one, _ in said])
        return exchange(line, said)

    monkeypatch.setattr(kernel, "exchange", listens)
    return found


def records(tx: Tx, ada: Member, number: int) -> None:
    audit.record(tx, ada.caller.actor, Event.DISCLOSURES_ERASED, keys=number)


def recorded(tx: Tx) -> list[int]:
    entries = audit.list_entries(tx, EntryFilter(Event.DISCLOSURES_ERASED), limit=100)
    return sorted(int(entry.facts["keys"]) for entry in entries)


def test_a_record_goes_over_with_the_end_of_its_transaction(house: House, ada: Member, trips: list[list[str]]) -> None:
    with house.app.db.tenant(ada.tenant_id) as tx:
        records(tx, ada, 1)
    assert trips == [["BEGIN", "SET", "INSERT", "COMMIT"]]
    with house.app.db.tenant(ada.tenant_id) as tx:
        assert recorded(tx) == [1]
        records(tx, ada, 2)
        assert ask(tx, provider(house, "openai")) is not None
        records(tx, ada, 3)
        assert recorded(tx) == [1, 2, 3]  # who looks in the same transaction finds it
    assert [said[0] for said in trips[1:]] == ["INSERT", "INSERT"]
    assert not any("COMMIT" in said for said in trips[1:])


def test_a_savepoint_takes_its_own_records_back_and_no_other(house: House, ada: Member) -> None:
    with house.app.db.tenant(ada.tenant_id) as tx:
        records(tx, ada, 11)
        for number in (12, 13):
            savepoint = tx.begin_nested()
            if number == 13:
                records(tx, ada, number)
            savepoint.rollback()
        with tx.begin_nested():
            records(tx, ada, 14)
    with house.app.db.tenant(ada.tenant_id) as tx:
        assert [one for one in recorded(tx) if one in range(11, 20)] == [11, 14]


def test_what_cannot_be_recorded_takes_the_change_back(house: House, ada: Member) -> None:
    db, elsewhere = Database(house.server.url("cloister_app", house.database), pool_size=1), house.founds("Bray", "bo@bray.example")
    for is_looked_at in (False, True):
        with pytest.raises(DBAPIError, match="row-level security"), db.tenant(ada.tenant_id) as tx:
            tx.execute(text("UPDATE memberships SET role = 'auditor'"))
            say_later(tx, Saying("INSERT INTO audit_inbox SELECT $1, uuidv7(), 'x', '', now()", [elsewhere.tenant_id]))
            if is_looked_at:
                tx.execute(text("SELECT 1"))
        with db.tenant(ada.tenant_id) as tx:
            assert tx.scalar(text("SELECT count(*) FROM memberships WHERE role = 'auditor'")) == 0
    db.close()


def test_what_was_to_be_recorded_goes_with_its_transaction(house: House, ada: Member) -> None:
    db = Database(house.server.url("cloister_app", house.database), pool_size=1)
    with pytest.raises(LookupError), db.tenant(ada.tenant_id) as tx:
        tx.execute(text("SELECT 1"))
        records(tx, ada, 21)
        raise LookupError
    with db.engine.connect() as line:
        line.exec_driver_sql("SELECT 1")
    with db.tenant(ada.tenant_id) as tx:
        tx.execute(text("SELECT 1"))
        records(tx, ada, 22)
        tx.rollback()
        with pytest.raises(InvalidRequestError):  # never in silence
            records(tx, ada, 23)
    with db.tenant(ada.tenant_id) as tx:
        records(tx, ada, 23)
        tx.commit()  # as the end of the block does
    with pytest.raises(DatabaseUnavailable), db.tenant(ada.tenant_id) as tx, house.server.connect("boot", house.database) as boot:
        pid = tx.scalar(text("SELECT pg_backend_pid()"))
        records(tx, ada, 24)
        boot.execute("SELECT pg_terminate_backend(%s)", (pid,))
    with house.app.db.tenant(ada.tenant_id) as tx:
        assert [one for one in recorded(tx) if one in range(20, 30)] == [23]
    db.close()


def test_all_rules_on_calls_are_one_statement(house: House, ada: Member, trips: list[list[str]]) -> None:
    def rules(*numbers: int) -> None:
        with house.app.db.tenant(ada.tenant_id) as tx:
            for number in numbers:
                policy.create_rule(tx, ada.caller, f"Rule {number}", None, Limits(providers=("openai",)), clock=house.clock)

    rules(1, 2, 3)
    with house.app.db.tenant(ada.tenant_id) as tx:
        before = policy.load(tx).version
        trips.clear()
        assert len(policy.load(tx).rules) == 3
        assert [len(one) for one in trips] == [1]
    rules(4)
    with house.app.db.tenant(ada.tenant_id) as tx:
        assert policy.load(tx).version == before + 1
