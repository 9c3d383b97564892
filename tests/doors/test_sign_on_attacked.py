"""What whoever is hardly known can ask of sign-on and provisioning, and what it costs."""

import time

import pytest
from flask import Flask

from appliance.identity.sso import connections
from appliance.identity.sso.connections import ConnectionForm
from appliance.identity.sso.domains import normal_domain
from appliance.identity.sso.errors import DomainMalformed
from appliance.identity.sso.saml.metadata import MetadataUnusable, read_metadata
from appliance.identity.sso.values import ConnectionKind
from tests.support.house import Member
from tests.support.provisioning import provisions
from tests.support.sign_on import SignOn
from tests.support.site import Browser

LONGEST = 0.2
"""Seconds of this process, for whatever is refused."""


@pytest.mark.parametrize("said", ["ü" * 400_000, "ü." * 200_000, "a." * 400_000], ids=["label", "labels", "plain"])
def test_a_stranger_gets_no_long_domain_encoded(site: Flask, said: str) -> None:
    began = time.process_time()
    with pytest.raises(DomainMalformed):
        normal_domain(said)
    assert time.process_time() - began < LONGEST

    began = time.process_time()
    Browser(site).posts("/sso/find", email=f"eve@{said}")
    assert time.process_time() - began < 3 * LONGEST  # the page shows what was typed again


def test_metadata_of_comments_that_have_no_end_is_refused_at_once(ada: Member) -> None:
    for written in (b"<!--" * 900_000, b"<!---->" * 500_000, b"<!-- -- >" * 400_000):
        began = time.process_time()
        with pytest.raises(MetadataUnusable):
            read_metadata(written, now=ada.house.clock.now())
        assert time.process_time() - began < 2 * LONGEST, written[:20]


@pytest.mark.parametrize(
    "paths",
    [
        ["emails[" + "(" * 40_000 + 'value eq "a"' + ")" * 40_000 + "].type"],
        ["emails[" + " or ".join(['value eq "b"'] * 20_000) + "].type"],
        ["emails[" + " or ".join(['value eq "b"'] * 10) + "].type"] * 900,
    ],
    ids=["deep", "wide", "many"],
)
def test_a_patch_that_chooses_costs_little(site: Flask, ada: Member, paths: list[str]) -> None:
    entra = provisions(site, ada)
    mia = entra.adds("mia", emails=[{"value": f"m{one}@x.example"} for one in range(20)])
    operations = [{"op": "replace", "path": path, "value": "work"} for path in paths]
    keys = [{"op": "add", "value": {path: "work"}} for path in paths]
    for steps in (operations, keys):
        began = time.process_time()
        answer = entra.patches(f"/Users/{mia['id']}", *steps)
        assert (answer.status_code, answer.get_json(force=True)["scimType"]) == (400, "invalidPath")
        assert time.process_time() - began < 2 * LONGEST


def test_a_provider_still_lets_many_go_at_once(site: Flask, ada: Member) -> None:
    entra = provisions(site, ada)
    mia = entra.adds("mia")
    group = entra.groups("Staff", mia)
    gone = [{"op": "remove", "path": f'members[value eq "{mia["id"]}"]'}] * 100
    assert entra.patches(f"/Groups/{group['id']}", *gone).status_code == 204


def test_what_comes_by_another_protocols_door_is_nothing(site: Flask, ada: Member) -> None:
    form = ConnectionForm("Proxy", ConnectionKind.PROXY, {"networks": ["192.0.2.1"]}, "a secret of the proxy, long")
    with ada.services.db.tenant(ada.tenant_id) as tx:
        made = connections.add_connection(tx, ada.caller, form, sealer=ada.services.vault, clock=ada.house.clock)
    one, browser = SignOn(ada, made.connection_id).opens(), Browser(site)
    assert browser.gets(f"/sso/{one.connection_id}/start").status_code == 303
    assert browser.gets(f"/sso/{one.connection_id}/callback?code=x&state=y").status_code == 404
    assert browser.gets(f"/sso/{one.connection_id}/complete?way=x").status_code == 404
    answer = site.test_client().post(f"/sso/{one.connection_id}/backchannel-logout", data={"logout_token": "a.b.c"})
    assert (answer.status_code, answer.get_json()) == (400, {"error": "invalid_request"})
