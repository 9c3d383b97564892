"""Somebody is on their way through a proxy while its settings change; and what a proxy's word does to a session that is open."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from appliance.identity import Role
from appliance.identity.sso import connections, mappings, queries
from appliance.identity.sso.connections import ConnectionChange
from appliance.identity.sso.errors import ConnectionChanged, ConnectionClosed
from appliance.identity.sso.proxy import flow
from appliance.identity.sso.values import Connection
from tests.doors.test_proxied_sign_on import ALICE, PROXY, SECRET, vouches
from tests.support.house import House, Member
from tests.support.sign_on import refusals
from tests.support.site import Browser

ELSEWHERE, OTHERS = "10.9.8.9", "f" * 32


def read(owner: Member, connection_id: UUID) -> Connection:
    with owner.services.db.tenant(owner.tenant_id) as tx:
        return queries.connection_of(queries.row_of(tx, connection_id))


def changes(owner: Member, connection_id: UUID, *, secret: str | None = None, **settings: Any) -> None:
    """Set it otherwise, a second later, and let people in by it all the same."""
    house = owner.house
    house.clock.passes(seconds=1)
    kept = read(owner, connection_id).settings
    change = ConnectionChange(settings=kept | settings, secret=secret)
    with owner.services.db.tenant(owner.tenant_id) as tx:
        connections.change_connection(tx, owner.caller, connection_id, change, sealer=owner.services.vault, clock=house.clock)
    with house.server.connect("boot", house.database) as boot:
        boot.execute("UPDATE cloister.sso_connections SET state = 'active' WHERE connection_id = %s", [connection_id])


def begins(site: Flask, connection_id: UUID, *, peer: str = PROXY) -> Browser:
    browser = Browser(site)
    browser.client.environ_base["REMOTE_ADDR"] = peer
    assert browser.gets(f"/sso/{connection_id}/start").status_code == 303
    return browser


def comes(browser: Browser, connection_id: UUID, headers: dict[str, str] = ALICE) -> TestResponse:
    return browser.client.get(f"/sso/{connection_id}/proxied", headers=headers)


def recorded(house: House) -> list[str]:
    with house.server.connect("boot", house.database) as boot:
        return refusals(boot)


def test_a_way_is_of_the_settings_that_it_was_begun_with(site: Flask, house: House, ada: Member) -> None:
    """Neither the proxy of before nor the one of now lets somebody in who left under the other's settings; the next try does."""
    connection_id = vouches(ada)
    before: dict[str, Any] = dict(read(ada, connection_id).settings)

    def there_and_back() -> None:
        changes(ada, connection_id, networks=[f"{ELSEWHERE}/32"])
        changes(ada, connection_id, **before)

    acts: list[tuple[Callable[[], None], dict[str, str]]] = [
        (lambda: changes(ada, connection_id, networks=[f"{PROXY}/32", f"{ELSEWHERE}/32"]), ALICE),
        (lambda: changes(ada, connection_id, user_header="X-Person"), {"X-Person": "alice", "X-Proxy-Secret": SECRET}),
        (lambda: changes(ada, connection_id, verified_header="X-Verified"), ALICE | {"X-Verified": "SUCCESS"}),
        (lambda: changes(ada, connection_id, groups_header="X-Groups"), ALICE | {"X-Groups": "admins"}),
        (lambda: changes(ada, connection_id, secret=OTHERS), ALICE | {"X-Proxy-Secret": OTHERS}),
        (there_and_back, ALICE),
    ]
    for act, now in acts:
        changes(ada, connection_id, secret=SECRET, **before)
        old, new = begins(site, connection_id), begins(site, connection_id)
        act()
        for browser, headers in ((old, ALICE), (new, now)):
            answer = comes(browser, connection_id, headers)
            assert answer.status_code == 401
            assert "settings of this connection were changed" in answer.text
            assert browser.gets("/account").status_code == 303
        assert browser.gets(f"/sso/{connection_id}/start").status_code == 303
        assert comes(browser, connection_id, now).status_code == 303
    assert recorded(house) == ["connection_changed"] * 2 * len(acts)


def test_one_that_was_turned_off_lets_nobody_in_who_is_on_their_way(site: Flask, house: House, ada: Member) -> None:
    connection_id = vouches(ada)
    browser = begins(site, connection_id)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        connections.turn_off(tx, ada.caller, connection_id)
    answer = comes(browser, connection_id)
    assert answer.status_code == 401
    assert str(ConnectionClosed.__doc__) in answer.text
    assert browser.gets("/account").status_code == 303
    assert recorded(house) == ["connection_closed"]


@pytest.mark.parametrize("place", ["secret_as_set", "vouched"])
def test_a_change_while_the_headers_are_judged_lets_nobody_in(
    site: Flask, house: House, ada: Member, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Between the way's end and the secret, and between the headers and the session."""
    connection_id, owner = vouches(ada), queries if place == "secret_as_set" else flow
    browser, judged = begins(site, connection_id), getattr(owner, place)

    def between(*given: Any, **named: Any) -> Any:
        if place == "vouched":
            judged(*given, **named)
        changes(ada, connection_id, networks=[f"{PROXY}/32", f"{ELSEWHERE}/32"])
        return judged(*given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(owner, place, between)
        answer = comes(browser, connection_id)
    assert (answer.status_code, recorded(house)) == (401, ["connection_changed"])
    assert str(ConnectionChanged.__doc__) in answer.text
    assert browser.gets("/account").status_code == 303


def test_what_is_the_organisation_s_to_say_counts_as_it_is_when_somebody_comes(site: Flask, ada: Member) -> None:
    connection_id = vouches(ada)
    browser = begins(site, connection_id)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        mappings.add_mapping(tx, ada.caller, connection_id, said="admins", role=Role.ADMIN, group_id=None)
    assert comes(browser, connection_id, ALICE | {"X-Forwarded-Groups": "admins"}).status_code == 303
    assert browser.gets("/people").status_code == 200
    browser = begins(site, connection_id)
    change = ConnectionChange(provisions=False)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        connections.change_connection(
            tx, ada.caller, connection_id, change, sealer=ada.services.vault, clock=ada.house.clock
        )
    assert comes(browser, connection_id, ALICE | {"X-Forwarded-User": "nobody-yet"}).status_code == 401


def test_whoever_links_their_account_by_a_proxy_stays_signed_in_as_they_are(site: Flask, house: House, ada: Member, at_ada: Browser) -> None:
    """As with the other protocols: their session is still the one that their password opened, and there is no second one."""
    connection_id = vouches(ada)
    at_ada.client.environ_base["REMOTE_ADDR"] = PROXY
    assert at_ada.posts(f"/sso/{connection_id}/link").status_code == 200
    before = at_ada.client.get_cookie("cloister")
    answer = comes(at_ada, connection_id)
    assert answer.headers["Location"] == "/account?notice=linked"
    assert at_ada.client.get_cookie("cloister") == before
    assert at_ada.posts("/account/recovery-codes").status_code != 403
    with house.server.connect("boot", house.database) as boot:
        assert boot.execute("SELECT count(*) FROM cloister.sessions").fetchone() == (1,)
