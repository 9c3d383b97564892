"""Several statements in one trip: what is bound before them, and what does not go out at all."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from appliance.kernel.db import Database, DatabaseBusy, DatabaseUnavailable, Tx
from appliance.kernel.questions import Question, Saying, ask
from tests.support.house import House, Member, Server


@pytest.fixture(scope="module")
def house(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    database = server.clone("template_house")
    house = House(server, database, tmp_path_factory.mktemp("house"))
    yield house
    house.close()
    server.drop(database)


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
