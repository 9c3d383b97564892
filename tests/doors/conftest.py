import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask

from appliance import cli
from appliance.app import create_app
from appliance.vault.providing.desk import Desk
from tests.support.house import House, Member
from tests.support.key_vendors import Vendors, vendors
from tests.support.site import Browser

Console = Callable[..., Result]


@pytest.fixture
def site(house: House) -> Flask:
    app = create_app(house.app)
    app.testing = False
    return app


@pytest.fixture
def ada(house: House) -> Member:
    return house.founds("Harrow", "ada@harrow.example")


@pytest.fixture
def bo(house: House) -> Member:
    return house.founds("Birch", "bo@birch.example")


@pytest.fixture
def at_ada(site: Flask, ada: Member) -> Browser:
    browser = Browser(site)
    assert browser.signs_in(ada).status_code == 303
    return browser


@pytest.fixture
def at_bo(site: Flask, bo: Member) -> Browser:
    browser = Browser(site)
    assert browser.signs_in(bo).status_code == 303
    return browser


@pytest.fixture
def at_cy(site: Flask) -> Browser:
    return Browser(site)


@pytest.fixture
def console(house: House, monkeypatch: pytest.MonkeyPatch) -> Console:
    """Type a command on the host of this house."""
    for name in [one for one in os.environ if one.startswith("APPLIANCE_")]:
        monkeypatch.delenv(name)
    for name in ("data_dir", "models_dir", "database_url", "export_folder"):
        monkeypatch.setenv(f"APPLIANCE_{name.upper()}", str(getattr(house.settings, name)))

    def run(*words: str, given: str | None = None) -> Result:
        return CliRunner().invoke(cli.group, list(words), input=given, catch_exceptions=True)

    return run


@pytest.fixture
def street(house: House, tmp_path: Path) -> Iterator[Vendors]:
    """Providers that this house may call, and that know a key."""
    with vendors(tmp_path) as found:
        desk = Desk(house.app.db, house.app.vault, found.egress(), clock=house.clock)
        object.__setattr__(house.app, "desk", desk)
        yield found
