"""Packages of evidence: written by the worker for who may see it, signed by the log's key, checked with tools that are not ours."""

import csv
import importlib.resources
import io
import json
import subprocess
import zipfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import jsonschema_rs
import pypdfium2
import pytest

from appliance import audit, evidence, identity
from appliance.audit import EntryFilter, Event
from appliance.evidence import packing
from appliance.evidence.errors import EvidenceLimited, EvidenceNotReady
from appliance.evidence.exporting import (
    AT_ONCE,
    HOURLY,
    PackageState,
    get_package,
    open_package,
    request_package,
    sweep_packages,
)
from appliance.evidence.items import ITEMS
from appliance.evidence.paper import draw_paper
from appliance.evidence.sbom import bill_of_materials, components
from appliance.evidence.values import Evidence, Item, Standing
from appliance.evidence.words import Cover
from appliance.identity import Forbidden, Role
from appliance.vault import LogSigners
from appliance.worker.evidence import write_evidence
from tests.rooms.test_access_reviews import closes, decides, lines, starts
from tests.support.house import House, Member

SCHEMAS = ("bom-1.6.SNAPSHOT.schema.json", "spdx.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json")


def asks(member: Member, language: str = "en") -> UUID:
    with member.services.db.tenant(member.tenant_id) as tx:
        return request_package(tx, member.caller, language=language, clock=member.house.clock).package_id


def writes(house: House, member: Member, package_id: UUID) -> None:
    house.seals()
    signer = LogSigners(house.worker.db, house.worker.vault)()
    write_evidence(house.worker, member.tenant_id, package_id, signer)


def takes(member: Member, package_id: UUID) -> Path:
    with member.services.db.tenant(member.tenant_id) as tx:
        return open_package(tx, member.caller, member.house.settings.exports, package_id)[1]


def package_of(member: Member, language: str = "en") -> Path:
    package_id = asks(member, language)
    writes(member.house, member, package_id)
    return takes(member, package_id)


def verifies(place: Path, name: str, content: bytes) -> bool:
    done = subprocess.run(
        ["/usr/bin/ssh-keygen", "-Y", "verify", "-f", place / packing.SIGNERS, "-I", "log", "-n", packing.NAMESPACE, "-s", place / name],
        input=content, capture_output=True, check=False,
    )  # fmt: skip
    return done.returncode == 0


def test_openssh_and_coreutils_check_a_package(house: House, ada: Member, tmp_path: Path) -> None:
    review_id = starts(ada, name='=cmd|"/c calc"!A1')
    decides(ada, review_id, lines(ada, review_id)[0])
    review = closes(ada, review_id)
    evidence.attest_nightly(house.worker.db, clock=house.clock)
    tmp_path /= "package"  # the house itself lies beside it
    with zipfile.ZipFile(package_of(ada)) as archive:
        archive.extractall(tmp_path)
        names = {name for name in archive.namelist() if not name.startswith("items/")}

    listed, paper = (tmp_path / packing.SUMS).read_bytes(), (tmp_path / packing.PAPER).read_bytes()
    assert verifies(tmp_path, packing.SUMS_SIGNED, listed)
    assert verifies(tmp_path, packing.PAPER_SIGNED, paper)
    assert not verifies(tmp_path, packing.PAPER_SIGNED, paper + b" ")
    checked = subprocess.run(
        ["/usr/bin/sha256sum", "--check", "--strict", "--quiet", packing.SUMS], cwd=tmp_path, capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stdout
    assert {line.split("  ")[1] for line in listed.decode().splitlines()} == {
        str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()
    } - {packing.SUMS, packing.SUMS_SIGNED}
    assert names >= {packing.PAPER, packing.SBOM, packing.CHECKPOINT, packing.PAGE, f"access-reviews/{review_id}.json"}
    summed = subprocess.run(["/usr/bin/sha256sum", tmp_path / f"access-reviews/{review_id}.json"], capture_output=True, check=True)
    assert summed.stdout.decode().split()[0] == review.digest
    with house.app.db.tenant(ada.tenant_id) as tx:
        state = audit.get_log(tx)
    assert state is not None
    public = (tmp_path / packing.SIGNERS).read_text().split()[-1]
    assert public.encode() in (tmp_path / packing.SIGNERS).read_bytes()

    table = list(csv.reader(io.StringIO((tmp_path / "items/access_review.csv").read_text())))
    assert table[1][0] == "'=cmd|\"/c calc\"!A1"
    controls = json.loads((tmp_path / "controls/soc2.json").read_text())["controls"]
    assert {one["number"] for one in controls} >= {"CC6.1", "A1.2"}
    item = json.loads((tmp_path / "items/isolation.json").read_text())
    assert (item["standing"], item["gaps"]) == ("good", [])
    assert json.loads((tmp_path / "items/backups.json").read_text())["gaps"][0]["code"] == "never_done"
    assert set(json.loads((tmp_path / packing.MANIFEST).read_text())["items"]) == set(Item)


def test_the_pdf_is_text_with_numbered_pages_in_the_readers_language(house: House, ada: Member) -> None:
    ada.adds("zoë-łukasz@harrow.example", Role.MEMBER)
    with zipfile.ZipFile(package_of(ada, "de")) as archive:
        content = archive.read(packing.PAPER)
    document = pypdfium2.PdfDocument(content)
    pages = [page.get_textpage().get_text_bounded() for page in document]
    assert document.get_metadata_value("Title") == "Nachweise zu den Kontrollen"
    assert b"/Lang (de)" in content
    assert pages[0].count("Seite 1 von") == 1
    assert f"Seite {len(pages)} von {len(pages)}" in pages[-1]
    everything = "".join("".join(pages).split())  # a long word goes on in the next line
    for said in ("Harrow", "Schlüssel", "zoë-łukasz@harrow.example", "CC6.1"):
        assert said in everything, said
    assert next(one.get_title() for one in document.get_toc()) == "Nachweise zu den Kontrollen"


def test_a_package_is_for_who_may_see_it_when_it_is_written(house: House, ada: Member) -> None:
    mia, aud = ada.adds("mia@harrow.example", Role.MEMBER), ada.adds("aud@harrow.example", Role.AUDITOR)
    with pytest.raises(Forbidden):
        asks(mia)
    package_id = asks(aud)
    with pytest.raises(EvidenceNotReady):
        takes(aud, package_id)
    with house.app.db.tenant(ada.tenant_id) as tx:
        identity.remove_member(tx, ada.caller, aud.caller.user_id, clock=house.clock)
    writes(house, ada, package_id)
    with house.app.db.tenant(ada.tenant_id) as tx:
        assert get_package(tx, ada.caller, package_id).state is PackageState.FAILED


def test_an_organisation_asks_for_some_packages_at_once_and_some_an_hour(house: House, ada: Member, bo: Member) -> None:
    for _ in range(AT_ONCE):
        asks(ada)
    with pytest.raises(EvidenceLimited):
        asks(ada)
    asks(bo)
    for _ in range(HOURLY - AT_ONCE):
        with house.server.connect("boot", house.database) as boot:
            boot.execute("UPDATE cloister.evidence_packages SET state = 'ready'")
        asks(ada)
    with house.server.connect("boot", house.database) as boot:
        boot.execute("UPDATE cloister.evidence_packages SET state = 'ready'")
    with pytest.raises(EvidenceLimited):
        asks(ada)
    house.clock.passes(minutes=61)
    asks(ada)


def test_it_lies_for_a_week_and_whoever_takes_it_is_on_record(house: House, ada: Member, bo: Member) -> None:
    package_id = asks(ada)
    writes(house, ada, package_id)
    path = takes(ada, package_id)
    assert path.stat().st_mode & 0o077 == 0
    with house.app.db.tenant(ada.tenant_id) as tx:
        (ready,) = audit.list_entries(tx, EntryFilter(Event.EVIDENCE_PACKAGE_READY))
        assert ready.facts["digest"] == get_package(tx, ada.caller, package_id).digest
        assert len(audit.list_entries(tx, EntryFilter(Event.EVIDENCE_PACKAGE_TAKEN))) == 1
    with pytest.raises(evidence.errors.EvidencePackageNotFound):
        takes(bo, package_id)
    house.clock.passes(days=8)
    assert sweep_packages(house.worker.db, house.settings.exports, ada.tenant_id, clock=house.clock) == 1
    assert not path.exists()
    with pytest.raises(EvidenceNotReady):
        takes(ada, package_id)


def test_the_list_of_components_is_cyclonedx(house: House, tmp_path: Path) -> None:
    found = importlib.resources.files("cyclonedx.schema") / "_res"  # cyclonedx-python-lib, for its schemas alone
    schemas = {name: json.loads((found / name).read_text()) for name in SCHEMAS}
    registry = jsonschema_rs.Registry([(f"http://cyclonedx.org/schema/{name}", one) for name, one in schemas.items()])
    validator = jsonschema_rs.Draft7Validator(schemas[SCHEMAS[0]], registry=registry)
    made = bill_of_materials(made_at=house.clock.now(), postgres="17.2")

    assert [str(error) for error in validator.iter_errors(made)] == []
    assert not validator.is_valid(made | {"bomFormat": "SPDX"})
    known = tmp_path / "osv.json"
    known.write_text(json.dumps([{
        "id": "OSV-1", "summary": "It leaks.", "aliases": ["CVE-2026-1"],
        "affected": [{"package": {"ecosystem": "PyPI", "name": "Flask"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}],
    }]))  # fmt: skip
    stated = bill_of_materials(made_at=house.clock.now(), postgres="17.2", weaknesses=known)
    assert [str(error) for error in validator.iter_errors(stated)] == []
    assert [one["id"] for one in stated["vulnerabilities"]] == ["OSV-1"]
    unread = bill_of_materials(made_at=house.clock.now(), postgres="17.2", weaknesses=tmp_path / "none")
    assert "cannot be read" in unread["properties"][0]["value"]
    assert "vulnerabilities" not in unread
    assert {one.name for one in components()} >= {"flask", "sqlalchemy", "cryptography"}
    assert made["serialNumber"] == bill_of_materials(made_at=house.clock.now(), postgres="17.2")["serialNumber"]
    assert made["serialNumber"] != bill_of_materials(made_at=house.clock.now(), postgres="17.3")["serialNumber"]


def test_a_cell_of_any_length_and_signs_fits_on_a_page() -> None:
    hostile = ("x" * 20_000, "<b>&amp;</u>", "中文 =1+1", "word " * 3_000, "\t\r\n\x7f")
    gathered = {
        item: Evidence(item, ITEMS[item], Standing.GAP, None, [(hostile * 2)[: len(ITEMS[item].columns)]] * 70, ())
        for item in Item
    }
    document = pypdfium2.PdfDocument(draw_paper(Cover("<&> 中", datetime.now(UTC), "0.1.0", "en"), gathered, str))
    with closing(document):
        text = document[0].get_textpage().get_text_bounded()
    assert "<&> ? can show" in " ".join(text.split())
