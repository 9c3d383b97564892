"""How many requests a token may make in a minute holds over every process that serves."""

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import text

from appliance.app import create_app
from appliance.assembly import Services, assemble
from appliance.kernel.db import Tx
from tests.support.house import House, Member
from tests.support.program import Program

MOST = 5


@pytest.fixture
def other(house: House) -> Iterator[Services]:
    """Another process over the same house."""
    found = assemble(house.settings, role="app", clock=house.clock, door="other")
    yield found
    found.close()


@pytest.fixture
def now(house: House, other: Services, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the clock of both shows, at the beginning of a minute."""
    shown = [1_800_000_000.0]
    for services in (house.app, other):
        monkeypatch.setattr(services.tally, "_now", lambda: shown[0])
        object.__setattr__(services, "settings", services.settings.model_copy(update={"api_requests_per_minute": MOST}))
    return shown


def test_a_tokens_rate_holds_over_processes(site: Flask, other: Services, ada: Member, now: list[float]) -> None:
    program, elsewhere = Program(site, ada), create_app(other).test_client()

    def asks_elsewhere() -> tuple[int, str]:
        answer = elsewhere.get("/api/v1/me", headers={"Authorization": f"Bearer {program.secret}"})
        return answer.status_code, answer.headers.get("RateLimit", "")

    for _ in range(MOST - 1):
        assert program.gets("/me").status_code == 200
        now[0] += 1
    assert asks_elsewhere() == (200, f'"token";r=1;t={60 - MOST + 1}'), "all but the last of them were told"
    now[0] += 1
    assert asks_elsewhere()[0] == 200
    now[0] += 1
    assert [asks_elsewhere()[0], program.gets("/me").status_code] == [429, 429]
    now[0] += 60
    assert [asks_elsewhere()[0], program.gets("/me").status_code] == [200, 200]


def test_another_token_and_another_organisation_count_for_themselves(
    site: Flask, other: Services, ada: Member, house: House, now: list[float]
) -> None:
    bo, program = house.founds("Wexford", "bo@wexford.example"), Program(site, ada)
    for _ in range(MOST + 2):
        program.gets("/me")
        now[0] += 1
    at_other = create_app(other)

    assert Program(at_other, ada).gets("/me").status_code == 200
    assert Program(at_other, bo).gets("/me").status_code == 200
    with house.app.db.tenant(bo.tenant_id) as tx:
        assert tx.scalar(text("SELECT count(*) FROM token_rates WHERE tenant_id = :ada"), {"ada": ada.tenant_id}) == 0


def test_processes_tell_each_other_in_trips_that_are_made_anyway(
    site: Flask, ada: Member, now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    program, trips = Program(site, ada), list[int]()
    real = Tx.line

    def counted(self: Tx) -> object:
        trips.append(1)
        return real(self)

    monkeypatch.setattr(Tx, "line", counted)
    program.gets("/me")
    told = len(trips)
    program.gets("/me")  # within the same second: nothing is told
    assert len(trips) == 2 * told
