"""SCIM's own checks of a server, over the whole service."""

from flask import Flask

from tests.support.house import Member
from tests.support.provisioning import provisions


def test_it_passes_every_check_of_scim2_tester(site: Flask, ada: Member) -> None:
    from scim2_client.engines.wsgi import WSGISCIMClient  # seconds, which every process that collects would pay
    from scim2_tester import Status, check_server

    provider = provisions(site, ada)
    headers = {"Authorization": f"Bearer {provider.token}"}
    client = WSGISCIMClient(site, base_url=f"http://localhost{provider.base}", headers=headers)

    results = check_server(client)

    bad = [f"{one.title}: {one.status.name} {one.reason}" for one in results if one.status not in {Status.SUCCESS, Status.COMPLIANT, Status.ACCEPTABLE}]
    assert not bad, "\n".join(bad)
    assert len(results) > 60
