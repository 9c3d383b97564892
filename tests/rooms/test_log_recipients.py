"""Packages that are sealed to their reader: nobody else opens them, and the log says to whom they were sealed."""

import subprocess
from pathlib import Path

import pytest

from appliance import audit
from appliance.audit import Event, ExportState, Wanted
from appliance.audit.errors import ExportsLimited
from appliance.audit.exporting import AT_ONCE, HOURLY
from appliance.kernel.recipients import RecipientInvalid
from appliance.proof.verify import INTACT, verify_package
from appliance.vault import LogSigners
from tests.support.house import House, Member
from tests.support.log_packages import Exports, age_identity, certificate


def test_a_package_sealed_to_a_key_of_age_is_opened_by_age_and_intact(
    house: House, ada: Member, exports: Exports, tmp_path: Path
) -> None:
    key, public = age_identity(tmp_path)
    sealed = exports(ada, Wanted(sealed_to=public))
    assert sealed.suffix == ".age"
    opened = tmp_path / "opened.zip"
    subprocess.run(["age", "--decrypt", "--identity", str(key), "--output", str(opened), str(sealed)], check=True)  # noqa: S607 - Debian's
    assert verify_package(str(opened)).status == INTACT
    kept = [path.name for path in house.settings.exports.rglob("*") if path.is_file()]
    assert [name.split(".", 1)[1] for name in kept] == ["zip.age"], "nothing of it lies here in the clear"
    with house.app.db.tenant(ada.tenant_id) as tx:
        asked = audit.list_entries(tx, audit.EntryFilter(Event.LOG_EXPORTED))[0]
        export = audit.list_exports(tx)[0]
    assert asked.facts["sealed_to"] == export.sealed_to == public
    assert export.file_name.endswith(".zip.age")


def test_a_package_sealed_to_a_certificate_is_opened_by_openssl_and_intact(
    house: House, ada: Member, exports: Exports, tmp_path: Path
) -> None:
    written = certificate(tmp_path)
    house.clock.passes(minutes=1)
    sealed, opened = exports(ada, Wanted(sealed_to=written)), tmp_path / "opened.zip"
    command = ["openssl", "cms", "-decrypt", "-inform", "DER", "-binary", "-in", str(sealed), "-inkey", str(tmp_path / "key.pem"),
               "-recip", str(tmp_path / "certificate.pem"), "-out", str(opened)]  # fmt: skip
    subprocess.run(command, check=True)
    assert verify_package(str(opened)).status == INTACT
    with house.app.db.tenant(ada.tenant_id) as tx:
        assert audit.list_exports(tx)[0].file_name.endswith(".zip.p7m")


def test_a_certificate_that_ends_before_the_package_is_written_seals_nothing(
    house: House, ada: Member, tmp_path: Path
) -> None:
    house.clock.passes(minutes=1)
    wanted = Wanted(sealed_to=certificate(tmp_path, days=2))
    house.seals()
    with house.app.db.tenant(ada.tenant_id) as tx:
        asked = audit.request_export(tx, ada.caller.actor, wanted, clock=house.clock)
        with pytest.raises(RecipientInvalid):
            audit.request_export(tx, ada.caller.actor, Wanted(sealed_to="age1everybody"), clock=house.clock)
    house.clock.passes(days=3)
    signer, directory = LogSigners(house.worker.db, house.worker.vault)(), house.settings.exports
    audit.write_export(house.worker.db, directory, ada.tenant_id, asked.export_id, signer=signer, clock=house.clock)
    with house.app.db.tenant(ada.tenant_id) as tx:
        assert audit.get_export(tx, asked.export_id).state is ExportState.FAILED
    assert [path for path in directory.rglob("*") if path.is_file()] == []


def test_an_organisation_asks_for_some_packages_at_once_and_some_an_hour(house: House, ada: Member, bo: Member) -> None:
    house.seals()

    def asks(member: Member) -> None:
        with house.app.db.tenant(member.tenant_id) as tx:
            audit.request_export(tx, member.caller.actor, Wanted(), clock=house.clock)

    for _ in range(AT_ONCE):
        asks(ada)
    with pytest.raises(ExportsLimited):
        asks(ada)
    asks(bo)
    for _ in range(HOURLY - AT_ONCE):
        with house.server.connect("boot", house.database) as boot:
            boot.execute("UPDATE cloister.audit_exports SET state = 'ready'")
        asks(ada)
    with house.server.connect("boot", house.database) as boot:
        boot.execute("UPDATE cloister.audit_exports SET state = 'ready'")
    with pytest.raises(ExportsLimited):
        asks(ada)
    house.clock.passes(minutes=61)
    asks(ada)
