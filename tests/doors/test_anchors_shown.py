"""What people, programs and whoever runs the host see of the anchors of the log, and of one that contradicts."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from appliance import audit
from appliance.app import create_app
from appliance.assembly import anchors_of, database_url
from appliance.audit import PLATFORM, Event
from appliance.ops.anchor_findings import check_anchors
from appliance.ops.preflight import Level
from appliance.proof.note import COSIGNATURE, PublicKey
from appliance.proof.short import read_short
from tests.support.house import House, Server
from tests.support.program import Program
from tests.support.site import Browser

WITNESS = PublicKey("witness.example.org/w", COSIGNATURE, bytes(range(32)))
Console = Callable[..., Result]


@pytest.fixture
def watched(server: Server, database: str, tmp_path: Path) -> Iterator[House]:
    """A house whose settings name a witness that nobody runs."""
    entry = f"https://witness.example.org {WITNESS}"
    house = House(server, database, tmp_path, audit_witnesses=[entry], audit_anchors_allow=["witness.example.org"])
    yield house
    house.close()


def says(house: House, tenant: object, fault: str, seen: int) -> None:
    """Write down what a witness said, as who goes there does."""
    with house.server.connect("boot", house.database) as boot:
        boot.execute(
            "INSERT INTO cloister.audit_anchors VALUES (%s, %s, 'x', 3, now(), %s, %s, now()) ON CONFLICT (tenant_id, anchor)"
            " DO UPDATE SET fault = excluded.fault",
            [tenant, WITNESS.name, fault, seen],
        )


def test_without_anchors_the_page_says_what_an_insider_could_do(house: House, at_ada: Browser) -> None:
    assert "sealed yet" in at_ada.gets("/audit/proof/paper").text
    house.seals()
    page = at_ada.gets("/audit/proof").text
    assert "key alone" in page
    paper = at_ada.gets("/audit/proof/paper").text
    typed = paper.partition('--checkpoint "')[2].partition('"')[0]
    size = int(at_ada.gets("/audit/proof/checkpoint").text.split("\n")[1])
    assert read_short(typed) == (size, typed)


def test_a_contradiction_is_on_the_pages_in_the_api_and_in_the_doctor_with_what_to_do(watched: House) -> None:
    ada = watched.founds("Harrow", "ada@harrow.example")
    site = create_app(watched.app)
    at_ada, program = Browser(site), Program(site, ada)
    at_ada.signs_in(ada)

    def doctor() -> tuple[Level, str]:
        found = check_anchors(anchors_of(watched.settings), lambda: database_url(watched.settings, "sealer"))[0]
        return found.level, found.remedy

    assert doctor()[0] is Level.OK
    assert program.gets("/overview").get_json()["log_contradicted"] is False
    says(watched, ada.tenant_id, "behind", 1234)
    watched.seals()
    assert program.gets("/audit/log").get_json()["assurance"]["level"] == "key"
    standing = program.gets("/audit/log").get_json()["assurance"]["witnesses"][0]
    assert (standing["name"], standing["fault"], standing["fault_size"]) == (WITNESS.name, "behind", 1234)
    assert program.gets("/overview").get_json()["log_contradicted"] is True
    assert "A witness saw another audit log" in at_ada.gets("/").text
    level, remedy = doctor()
    assert level is Level.FAIL
    assert "appliance audit epoch" in remedy
    with watched.app.db.tenant(PLATFORM) as tx:
        assert audit.list_entries(tx, audit.EntryFilter(Event.ANCHOR_LOST)), "the witness that nobody runs"


def test_an_epoch_is_ordered_at_the_console_with_a_reason(house: House, console: Console) -> None:
    assert console("audit", "epoch", "--json").exit_code == 2
    refused = console("audit", "epoch", "--reason", " ", "--json")
    assert "in one line of at most 200 characters" in str(refused.exception)
    done = console("audit", "epoch", "--reason", "restored the backup of 3 May", "--json")
    assert json.loads(done.output) == {"epoch": 2}
    with house.app.db.tenant(PLATFORM) as tx:
        ordered = audit.list_entries(tx, audit.EntryFilter(Event.LOG_EPOCH_ORDERED))[0]
    assert (ordered.actor.kind, ordered.facts["reason"]) == (audit.ActorKind.OPERATOR, "restored the backup of 3 May")


def test_the_witness_is_written_as_one_program(console: Console, tmp_path: Path) -> None:
    file = tmp_path / "witness.py"
    assert console("audit", "witness", str(file)).exit_code == 0
    done = subprocess.run([sys.executable, "-I", str(file), "--help"], capture_output=True, text=True, check=True)
    assert "witness of audit logs" in done.stdout
