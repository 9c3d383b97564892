"""What every request begins with: who a session is. One indexed query, and what was taken from somebody is gone by the next."""

import re

import pytest

from appliance import identity
from appliance.identity import NotSignedIn
from appliance.identity.sessions import _STANDING
from appliance.kernel.sealing import digest
from tests.bench.web import counted
from tests.support.house import House, Member
from tests.support.sign_on import SignOn, connects


@pytest.fixture
def idp(ada: Member) -> SignOn:
    return connects(ada).opens()


def test_a_session_is_looked_up_in_one_query_and_ends_at_once(house: House, ada: Member, idp: SignOn) -> None:
    token = idp.arrives("eve-1")
    person = idp.who(token)  # the first one asks in which organisation it is
    for _ in range(2):
        with counted(house) as statements:
            assert idp.who(token).user_id == person.user_id
        assert len(asked(statements)) == 1, statements
    with house.app.db.tenant(ada.tenant_id) as tx:
        identity.remove_member(tx, ada.caller, person.user_id, clock=house.clock)
    with counted(house) as statements, pytest.raises(NotSignedIn):
        idp.who(token)
    assert len(asked(statements)) == 1, statements


def asked(statements: list[str]) -> list[str]:
    """Leave out what binds a transaction to its organisation, which reads nothing."""
    return [one for one in statements if "SET LOCAL" not in one]


def test_however_many_sessions_there_are_none_but_that_one_is_read(house: House, ada: Member, idp: SignOn) -> None:
    token = idp.arrives("eve-1")
    query = re.sub(r"(?<!:):(\w+)", r"%(\1)s", str(_STANDING))
    values = {"tenant": str(ada.tenant_id), "digest": digest(token), "now": house.clock.now()}
    with house.server.connect("boot", house.database) as boot:
        boot.execute(
            "INSERT INTO cloister.sessions SELECT (jsonb_populate_record(s, jsonb_build_object('digest',"
            " '\\x' || encode(sha256(n::text::bytea), 'hex')))).* FROM cloister.sessions s, generate_series(1, 5000) n"
        )
        boot.execute("ANALYZE cloister.sessions")
        boot.execute("SET search_path = cloister")
        plan = boot.execute("EXPLAIN " + query, values).fetchall()
    text = "\n".join(str(line) for (line,) in plan)
    assert "Seq Scan on sessions" not in text, text
    assert re.search(r"Index Scan using sessions_\w+ on sessions", text), text
