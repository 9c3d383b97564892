import pytest
from flask import Flask

from appliance.app import create_app
from tests.support.house import House, Member
from tests.support.site import Browser


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
