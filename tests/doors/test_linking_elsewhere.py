"""From another organisation to one that lets people in by its provider alone: an account is linked on a fresh proof, as everywhere."""

import re

from flask import Flask

from appliance.identity import Role
from tests.doors.test_proxied_sign_on import vouches
from tests.doors.test_switching import joins
from tests.support.house import PASSWORD, House, Member
from tests.support.site import Browser


def test_an_open_browser_links_nobody(site: Flask, house: House, ada: Member, bo: Member) -> None:
    """Whoever finds it would have their own person of the provider linked with its owner's account, for good."""
    eve = ada.adds("eve@harrow.example", Role.MEMBER)
    joins(house, bo, eve)
    connection_id = vouches(ada)
    with house.server.connect("boot", house.database) as boot:
        boot.execute("UPDATE cloister.sso_connections SET state = 'enforced' WHERE connection_id = %s", [connection_id])
    browser = Browser(site)
    browser.signs_in(eve)
    house.clock.passes(minutes=50)
    asked = browser.posts(f"/account/places/{ada.tenant_id}")
    assert asked.status_code == 403
    assert "confirm_password" in asked.text
    assert f"/sso/{connection_id}/proxied" not in asked.text
    step = browser_step(asked.text)
    target = f"/account/places/{ada.tenant_id}"
    proved = browser.posts("/confirm", confirm_password=PASSWORD, confirm_step=step, confirm_target=target)
    assert proved.status_code == 307
    assert f"/sso/{connection_id}/proxied" in browser.posts(target).text


def browser_step(page: str) -> str:
    found = re.search(r'name="confirm_step" value="([^"]+)"', page)
    assert found is not None
    return found[1]
