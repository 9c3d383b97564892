"""Sign-on by Canaille, a third provider that nobody here wrote: an account is made, and a role given by its group.

Over HTTP, with a browser's cookies at both ends. What a browser adds is tried with the other providers.
"""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx2
import pytest

from appliance.identity import Role
from appliance.identity.sso.desk import SignOn as Desk
from appliance.identity.sso.oidc.provider import Providers
from appliance.kernel.egress import Egress
from tests.support.canaille_peer import EVES, PYTHON, CanaillePeer
from tests.support.house import House, Member
from tests.support.sign_on import SignOn, connects, owns_domain
from tests.support.site import Browser

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="make clients: it installs Canaille")
_INPUT = re.compile(r"<input[^>]*>")
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[CanaillePeer]:
    found = CanaillePeer(tmp_path, client="cloister", secret="a secret of the client")
    yield found
    found.stop()


@pytest.fixture
def idp(peer: CanaillePeer, ada: Member, house: House) -> SignOn:
    owns_domain(ada, "harrow.example")
    one = connects(ada, issuer=peer.issuer, further={"scopes": "openid email profile groups"})
    desk = house.app.sign_on
    providers = Providers(lambda _only: Egress([peer.issuer.removeprefix("http://")]))
    object.__setattr__(house.app, "sign_on", Desk(desk.desk, providers, desk.look_up))
    callback = desk.desk.callback(one.connection)
    peer.start(callback=callback, logout=callback, signed_out=callback)
    return one.opens()


def signs_in_there(client: httpx2.Client, url: str) -> str:
    """Go through the provider's pages as Eve; return where it sends the browser."""
    answer = client.get(url)
    for _ in range(12):
        if answer.is_redirect:
            place = urljoin(str(answer.url), answer.headers["Location"])
            if urlsplit(place).path.endswith("/callback"):
                return place
            answer = client.get(place)
            continue
        answer.raise_for_status()
        fields = [dict(_ATTRIBUTE.findall(one)) for one in _INPUT.findall(answer.text)]
        form = {one["name"]: html.unescape(one.get("value", "")) for one in fields if "name" in one}
        form |= {name: said for name, said in (("login", "eve"), ("password", EVES)) if name in form}
        answer = client.post(str(answer.url), data=form)
    raise AssertionError(answer.text)


def test_somebody_new_comes_in_with_the_role_of_their_group(at_cy: Browser, idp: SignOn, ada: Member) -> None:
    idp.maps("it", role=Role.ADMIN)
    left = at_cy.gets(f"/sso/{idp.connection_id}/start?next=/people")
    with httpx2.Client(trust_env=False, timeout=60) as client:
        place = urlsplit(signs_in_there(client, left.headers["Location"]))
    came = at_cy.gets(f"{place.path}?{place.query}")
    assert came.status_code == 303, came.text
    assert came.headers["Location"] == "/people"
    assert at_cy.gets("/people").status_code == 200  # the role that "it" gives
    eve = idp.who(at_cy.client.get_cookie("cloister").value)  # type: ignore[union-attr]
    assert (eve.role, eve.email, eve.display_name) == (Role.ADMIN, "eve@harrow.example", "Eve of Harrow")
    assert eve.connection_id == idp.connection_id
    assert at_cy.gets(f"{place.path}?{place.query}").status_code == 401  # the answer counts once
    assert eve.user_id != ada.caller.user_id
