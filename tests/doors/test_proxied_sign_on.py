"""A proxy in front of the house says who comes: believed from its own address with its secret, and from nobody else."""

from uuid import UUID

import pytest
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import TestResponse

from appliance.identity import Role
from appliance.identity.sso import connections
from appliance.identity.sso.connections import ConnectionForm
from appliance.identity.sso.errors import ConnectionSettingMalformed
from appliance.identity.sso.proxy.settings import checked
from appliance.identity.sso.values import ConnectionKind
from tests.support.house import House, Member
from tests.support.site import Browser

PROXY, SECRET = "10.9.8.7", "0123456789abcdef0123456789abcdef"
ALICE = {"X-Forwarded-User": "alice", "X-Proxy-Secret": SECRET}


def vouches(owner: Member, secret: str = SECRET, **settings: object) -> UUID:
    """Make a connection by a proxy, tested and active."""
    given = {"networks": [f"{PROXY}/32"], "name_header": "X-Forwarded-Name", "groups_header": "X-Forwarded-Groups"}
    form = ConnectionForm("Proxy", ConnectionKind.PROXY, given | settings, secret)
    house = owner.house
    with owner.services.db.tenant(owner.tenant_id) as tx:
        made = connections.add_connection(tx, owner.caller, form, sealer=owner.services.vault, clock=house.clock)
    with house.server.connect("boot", house.database) as boot:
        boot.execute("UPDATE cloister.sso_connections SET state = 'active' WHERE connection_id = %s", [made.connection_id])
    return made.connection_id


def comes(site: Flask, connection_id: UUID, headers: dict[str, str], *, peer: str = PROXY) -> tuple[Browser, TestResponse]:
    """Begin at the sign-in and go through the proxy."""
    browser = Browser(site)
    browser.client.environ_base["REMOTE_ADDR"] = peer
    away = browser.gets(f"/sso/{connection_id}/start")
    assert away.headers["Location"] == f"/sso/{connection_id}/proxied"
    return browser, browser.client.get(away.headers["Location"], headers=headers)


def reasons(house: House) -> list[str]:
    with house.server.connect("boot", house.database) as boot:
        rows = boot.execute(
            "SELECT convert_from(body, 'UTF8')::jsonb -> 'facts' ->> 'rule' FROM cloister.audit_inbox"
            " WHERE event = 'identity:sign_on:refused' ORDER BY event_id"
        ).fetchall()
    return [str(row[0]) for row in rows]


def test_it_lets_in_whom_the_proxy_names(site: Flask, ada: Member, at_ada: Browser) -> None:
    connection_id = vouches(ada)
    browser, answer = comes(site, connection_id, ALICE | {"X-Forwarded-Name": "Alice"})
    assert answer.status_code == 303
    page = browser.gets("/account").text
    assert "Alice" in page
    assert browser.gets("/people").status_code == 403  # a member, as the connection gives
    again, _ = comes(site, connection_id, ALICE)
    assert "Alice" in again.gets("/account").text  # the same person
    assert "proxy" in at_ada.gets("/sign-ins").text


@pytest.mark.parametrize(
    ("peer", "headers", "rule"),
    [
        ("10.9.8.8", ALICE, "another address"),
        ("127.0.0.1", ALICE | {"X-Forwarded-For": PROXY, "X-Real-IP": PROXY, "Forwarded": f"for={PROXY}"}, "another address"),
        (PROXY, {"X-Forwarded-User": "alice"}, "secret"),
        (PROXY, ALICE | {"X-Proxy-Secret": SECRET[:-1]}, "secret"),
        (PROXY, ALICE | {"X-Proxy-Secret": ""}, "secret"),
        (PROXY, ALICE | {"X-Proxy-Secret": f"{SECRET},{SECRET}"}, "secret"),
        (PROXY, {"X-Proxy-Secret": SECRET}, "names nobody"),
        (PROXY, ALICE | {"X-Forwarded-User": "  "}, "names nobody"),
        (PROXY, ALICE | {"X-Forwarded-User": "mallory,alice"}, "more than one"),
        (PROXY, ALICE | {"X-Forwarded-User": "a" * 1001}, "too long"),
    ],
)  # fmt: skip
def test_whoever_is_not_the_proxy_is_not_believed(
    site: Flask, house: House, ada: Member, peer: str, headers: dict[str, str], rule: str
) -> None:
    browser, answer = comes(site, vouches(ada), headers, peer=peer)
    assert answer.status_code in {401, 403}
    assert browser.gets("/account").status_code == 303
    (said,) = reasons(house)
    assert rule in said
    assert SECRET not in said


def test_an_address_that_was_only_forwarded_is_not_the_proxys(site: Flask, house: House, ada: Member) -> None:
    """Behind a trusted hop, X-Forwarded-For says who comes to the house; it never says who the proxy is."""
    connection_id = vouches(ada)
    site.wsgi_app = ProxyFix(site.wsgi_app, x_for=1)  # type: ignore[method-assign]
    headers = ALICE | {"X-Forwarded-For": PROXY}
    assert comes(site, connection_id, headers, peer="192.0.2.1")[1].status_code in {401, 403}
    assert comes(site, connection_id, ALICE | {"X-Forwarded-For": "203.0.113.9"})[1].status_code == 303


def test_a_client_certificate_counts_once_the_proxy_verified_it(site: Flask, house: House, ada: Member) -> None:
    connection_id = vouches(ada, user_header="X-SSL-Client-S-DN", verified_header="X-SSL-Client-Verify")
    subject = {"X-SSL-Client-S-DN": "CN=Alice,O=Harrow,C=DE", "X-Proxy-Secret": SECRET}
    for verdict in ("", "NONE", "FAILED:expired", "SUCCESS,SUCCESS"):
        assert comes(site, connection_id, subject | {"X-SSL-Client-Verify": verdict})[1].status_code in {401, 403}, verdict
    assert comes(site, connection_id, subject | {"X-SSL-Client-Verify": "SUCCESS"})[1].status_code == 303


def test_it_begins_at_the_sign_in_and_in_one_browser(site: Flask, house: House, ada: Member) -> None:
    connection_id = vouches(ada)
    stray = Browser(site)
    stray.client.environ_base["REMOTE_ADDR"] = PROXY
    assert stray.client.get(f"/sso/{connection_id}/proxied", headers=ALICE).status_code in {401, 403}
    browser, _ = comes(site, connection_id, ALICE)
    assert browser.client.get(f"/sso/{connection_id}/proxied", headers=ALICE).status_code in {401, 403}  # one use
    assert stray.gets("/account").status_code == 303


def test_headers_alone_are_nothing_anywhere_else(site: Flask, ada: Member, bo: Member) -> None:
    """Off by default: no page looks at them, and another organisation's connection is another one."""
    vouches(ada)
    other = vouches(bo, secret="f" * 32)
    stray = Browser(site)
    stray.client.environ_base["REMOTE_ADDR"] = PROXY
    for path in ("/documents", "/account", "/api/v1/me"):
        assert stray.client.get(path, headers=ALICE).status_code in {303, 401}, path
    assert comes(site, other, ALICE)[1].status_code in {401, 403}


def test_an_unfit_secret_or_setting_lets_nobody_in(site: Flask, ada: Member) -> None:
    assert comes(site, vouches(ada, secret="short"), ALICE | {"X-Proxy-Secret": "short"})[1].status_code in {401, 403}
    unfit: tuple[dict[str, object], ...] = (
        {}, {"networks": []}, {"networks": ["0.0.0.0/0"]}, {"networks": ["::/0"]}, {"networks": ["proxy"]},
        {"networks": ["10.0.0.1"], "user_header": "Cookie"}, {"networks": ["10.0.0.1"], "user_header": "X-A\nX-B"},
        {"networks": ["10.0.0.1"], "user_header": "X-Proxy-Secret"}, {"networks": ["10.0.0.1"], "unknown": "x"},
    )  # fmt: skip
    for wrong in unfit:
        with pytest.raises(ConnectionSettingMalformed):
            checked(wrong)


def test_an_administrator_makes_one_at_the_page(site: Flask, ada: Member, at_ada: Browser) -> None:
    made = at_ada.posts("/sign-on", kind="proxy", name="Gate", networks="10.9.8.7/32")
    path = made.headers["Location"].partition("?")[0]
    page = at_ada.gets(path).text
    assert f"/sso/{path.rpartition('/')[2]}/proxied" in page
    assert at_ada.posts(path, name="Gate", networks="10.9.8.7/32", key=SECRET, groups_header="X-Groups").status_code == 303
    assert SECRET not in at_ada.gets(path).text
    refused = at_ada.posts(path, name="Gate", networks="0.0.0.0/0")
    assert refused.status_code == 422
    assert "0.0.0.0/0" in refused.text


def test_groups_follow_the_proxy(site: Flask, house: House, ada: Member) -> None:
    connection_id = vouches(ada)
    from appliance.identity.sso import mappings

    with ada.services.db.tenant(ada.tenant_id) as tx:
        mappings.add_mapping(tx, ada.caller, connection_id, said="admins", role=Role.ADMIN, group_id=None)
    browser, _ = comes(site, connection_id, ALICE | {"X-Forwarded-Groups": "staff, admins"})
    assert browser.gets("/people").status_code == 200
    browser, _ = comes(site, connection_id, ALICE | {"X-Forwarded-Groups": "staff"})
    assert browser.gets("/people").status_code == 403
