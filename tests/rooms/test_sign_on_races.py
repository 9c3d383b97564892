"""Whoever comes in at the instant in which sign-on is enforced: no session by a password outlives it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from appliance import identity
from appliance.identity import NotSignedIn, Role
from appliance.identity.sessions import close_other_sessions
from appliance.identity.sso import connections
from appliance.identity.sso.errors import SignOnEnforced
from appliance.identity.sso.values import TransactionPurpose
from appliance.kernel.db import Tx
from appliance.kernel.sealing import digest
from tests.support.house import House, Member
from tests.support.sign_on import SignOn, connects


@pytest.fixture
def idp(ada: Member) -> SignOn:
    """A connection that its owner may enforce now."""
    one = connects(ada).opens()
    one.arrives("ada-1", purpose=TransactionPurpose.LINK, user_id=ada.caller.user_id)
    one.is_tested(ada)
    return one


def comes(tx: Tx, member: Member) -> str:
    return identity.open_session(
        tx, member.caller.user_id, address="192.0.2.7", agent="b", request_id="r", lifetime=timedelta(hours=1),
        clock=member.house.clock,
    )  # fmt: skip


def enforces(idp: SignOn) -> None:
    with idp.house.app.db.tenant(idp.owner.tenant_id) as tx:
        connections.enforce(tx, idp.owner.caller, idp.connection_id)


@contextmanager
def beside(house: House, act: Callable[[], object]) -> Iterator[list[BaseException]]:
    """Do something at the same time; go on once it is done, or waits for us in the database."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - it is looked at by the test
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    with house.server.connect("boot", house.database) as boot:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ends = time.monotonic() + 5
        while thread.is_alive() and boot.execute(query).fetchone() == (0,) and time.monotonic() < ends:
            time.sleep(0.01)
    yield raised
    thread.join(10)
    assert not thread.is_alive()


def test_a_session_that_is_opened_while_it_is_enforced_ends_with_the_others(house: House, ada: Member, idp: SignOn) -> None:
    eve = ada.adds("eve@harrow.example", Role.MEMBER)
    with house.app.db.tenant(ada.tenant_id) as tx:
        token = comes(tx, eve)
        going_on = beside(house, lambda: enforces(idp))
        raised = going_on.__enter__()
    going_on.__exit__(None, None, None)
    assert raised == []
    with pytest.raises(NotSignedIn):
        idp.who(token)


def test_whoever_comes_while_it_is_enforced_waits_and_is_refused(house: House, ada: Member, idp: SignOn) -> None:
    eve = ada.adds("eve@harrow.example", Role.MEMBER)

    def enters() -> None:
        with house.app.db.tenant(ada.tenant_id) as tx:
            comes(tx, eve)

    with house.app.db.tenant(ada.tenant_id) as tx:
        connections.enforce(tx, ada.caller, idp.connection_id)
        coming = beside(house, enters)
        raised = coming.__enter__()
    coming.__exit__(None, None, None)
    assert [type(one) for one in raised] == [SignOnEnforced]


def test_a_session_that_is_kept_through_a_new_password_ends_too(house: House, ada: Member, idp: SignOn) -> None:
    eve = ada.adds("eve@harrow.example", Role.MEMBER)
    with house.app.db.tenant(ada.tenant_id) as tx:
        token = comes(tx, eve)
    with house.app.db.tenant(ada.tenant_id) as tx:
        close_other_sessions(tx, eve.caller, keep=digest(token))
        going_on = beside(house, lambda: enforces(idp))
        raised = going_on.__enter__()
    going_on.__exit__(None, None, None)
    assert raised == []
    with pytest.raises(NotSignedIn):
        idp.who(token)
