"""How many people come in a second, by password and by a provider, and how many sessions are looked up.

In process, one client at a time, through the whole application; the provider is on loopback, in a thread of its own. Per
core: by the processor time of the web process's own thread, without Postgres and without the provider.
"""

import logging
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import psycopg

from appliance.app import create_app
from appliance.identity.sso.desk import SignOn
from appliance.identity.sso.oidc.provider import Providers
from appliance.identity.sso.values import Departure
from appliance.kernel import log
from appliance.kernel.egress import Egress
from appliance.ops import migrations
from appliance.ops.embedded_postgres import EmbeddedPostgres
from appliance.wsgi import settled
from tests.support.cluster import migrate
from tests.support.house import House, Server
from tests.support.oidc_host import OidcHost, oidc_host
from tests.support.saml_provider import posted
from tests.support.saml_sign_on import connects_saml, request_of
from tests.support.sign_on import connects, owns_domain
from tests.support.site import Browser

Result = dict[str, str | float]
ROUNDS = {"password": 40, "oidc": 100, "saml": 100, "session_check": 1000}


def run() -> list[Result]:
    """Measure each way in."""
    log.configure(level="WARNING")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # the provider's own server
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        with EmbeddedPostgres(directory / "postgres", durable=False) as postgres, psycopg.connect(
            postgres.url(), autocommit=True
        ) as admin:  # fmt: skip
            admin.execute("CREATE DATABASE bench")
            server = Server(postgres, admin, dict.fromkeys(migrations.LOGIN_ROLES, "bench"), directory)
            migrate(server, "bench")
            house = House(server, "bench", directory)
            with oidc_host() as host:
                results = measured(house, host)
            house.close()
            return results


def measured(house: House, host: OidcHost) -> list[Result]:
    """Return the rates of each."""
    host.now = lambda: house.clock.now().timestamp()
    port = host.address.rpartition(":")[2]
    desk = house.app.sign_on
    providers = Providers(lambda _only: Egress([f"127.0.0.1:{port}"]))
    object.__setattr__(house.app, "sign_on", SignOn(desk.desk, providers, desk.look_up))
    owner = house.founds("Bench", "bench@bench.example")
    owns_domain(owner, "harrow.example")
    one = connects(owner, issuer=host.address).opens()
    site = settled(create_app(house.app))
    browser, inside = Browser(site), Browser(site)
    inside.signs_in(owner)

    def password() -> None:
        assert browser.signs_in(owner).status_code == 303
        browser.client.delete_cookie("cloister")

    def oidc() -> None:
        left = browser.gets(f"/sso/{one.connection_id}/start")
        back = host.goes_through(left.headers["Location"])
        assert browser.gets(f"/sso/{one.connection_id}/callback?{urlencode(back, doseq=True)}").status_code == 303
        browser.client.delete_cookie("cloister")

    by_saml = connects_saml(owner)
    by_saml.opens()

    def saml() -> None:
        left = browser.gets(f"/sso/{by_saml.connection_id}/start")
        # The provider signs in a thread of its own.
        message = posted(signing.submit(by_saml.lab(request_of(Departure(left.headers["Location"], ""))).true).result())
        landed = browser.client.post(f"/sso/{by_saml.connection_id}/acs", data={"SAMLResponse": message})
        assert browser.gets(landed.headers["Location"]).status_code == 303
        browser.client.delete_cookie("cloister")

    token = inside.client.get_cookie("cloister")
    assert token is not None

    def session_check() -> None:
        one.who(token.value)

    with ThreadPoolExecutor(1) as signing:
        return [result for act in (password, oidc, saml, session_check) for result in _rates(act)]


def _rates(act: Callable[[], None]) -> list[Result]:
    name, rounds = act.__name__, ROUNDS[act.__name__]
    act()
    began, used = time.perf_counter(), time.thread_time()
    for _ in range(rounds):
        act()
    seconds, processor = time.perf_counter() - began, time.thread_time() - used
    return [
        {"name": f"signon.{name}.per_second", "value": rounds / seconds, "unit": "1/s, one client"},
        {"name": f"signon.{name}.per_core", "value": rounds / processor, "unit": "1/s and core of web"},
    ]
