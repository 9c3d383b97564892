"""Whoever comes by single sign-on, or provisions people, is recorded with an address that stands nowhere in the clear."""

from collections.abc import Callable

import pytest
from flask import Flask

from appliance import audit
from appliance.audit import EntryFilter, Event
from tests.doors.test_proxied_sign_on import ALICE, PROXY, comes, vouches
from tests.support.house import House, Member
from tests.support.personal import stored
from tests.support.provisioning import USER, provisions


def _signs_in(site: Flask, ada: Member) -> None:
    assert comes(site, vouches(ada), ALICE)[1].status_code == 303


def _is_refused(site: Flask, ada: Member) -> None:
    comes(site, vouches(ada), ALICE | {"X-Proxy-Secret": "0" * 32})


def _provisions(site: Flask, ada: Member) -> None:
    provider = provisions(site, ada)
    person = {"schemas": [USER], "userName": "mia", "externalId": "id-of-mia", "active": True}
    answer = site.test_client().post(
        f"{provider.base}/Users", json=person, headers={"Authorization": f"Bearer {provider.token}"},
        environ_overrides={"REMOTE_ADDR": PROXY},
    )  # fmt: skip
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    ("does", "event"),
    [(_signs_in, Event.SESSION_OPENED), (_is_refused, Event.SIGN_ON_REFUSED), (_provisions, Event.MEMBER_ADDED)],
)
def test_an_address_is_read_in_the_log_and_stands_nowhere_in_the_clear(
    site: Flask, house: House, ada: Member, does: Callable[[Flask, Member], None], event: Event
) -> None:
    does(site, ada)

    with house.app.db.tenant(ada.tenant_id) as tx:
        newest = audit.list_entries(tx, EntryFilter(event), limit=1)[0]
    assert newest.actor.address == PROXY
    assert PROXY.encode() not in stored(house)
