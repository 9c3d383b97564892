"""Packages with what outsiders saw: judged by our verifier, by it as one file, and by openssl from a shell."""

import json
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance import audit
from appliance.assembly import attendant_of
from appliance.audit import Wanted
from appliance.audit.errors import CheckpointUnreadable
from appliance.audit.packages import size_of
from appliance.kernel.sealing import SigningKey
from appliance.proof import package as named
from appliance.proof.note import COSIGNATURE, Checkpoint, PublicKey, parse_checkpoint, parse_note
from appliance.proof.short import ShortBroken, read_short, short
from appliance.proof.single import source
from appliance.proof.verify import ALTERED, INCOMPLETE, INTACT, Known, verify_package
from tests.support.anchoring import Authority, Witness, stamping
from tests.support.attacks import Rig, _entry
from tests.support.house import House


@pytest.fixture
def house(anchored_house: House) -> House:
    return anchored_house


def checkpoint_of(package: Path) -> Checkpoint:
    with zipfile.ZipFile(package) as archive:
        return parse_checkpoint(parse_note(archive.read(named.CHECKPOINT).decode()).text)


def test_a_package_is_judged_by_the_verifier_as_one_file_and_by_a_shell(
    rig: Rig, witness: Witness, authority: Authority, tmp_path: Path
) -> None:
    verifier, unpacked, elsewhere = tmp_path / "verify.py", tmp_path / "unpacked", tmp_path / "elsewhere"
    verifier.write_text(source())
    zipfile.ZipFile(rig.package).extractall(unpacked)
    with stamping(elsewhere) as other:
        foreign = other.ca
    stranger = str(PublicKey("witness.example.org/test", COSIGNATURE, SigningKey.make().public))

    def judged(*command: str) -> tuple[int, str]:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    def python(key: str, ca: Path) -> tuple[int, str]:
        return judged(sys.executable, "-I", str(verifier), str(rig.package), "--witness", key, "--stamps-ca", str(ca))

    def shell(key: str, ca: Path) -> tuple[int, str]:
        return judged("/bin/sh", str(unpacked / "verify" / "verify.sh"), str(unpacked), key, str(ca))

    for by in (python, shell):
        status, said = by(witness.key, authority.ca)
        assert status == INTACT, said
        assert "witness.example.org/test saw this checkpoint" in said
        assert by(witness.key, foreign)[0] == ALTERED
        assert by(stranger, authority.ca)[0] == INCOMPLETE
    assert python("no key", authority.ca)[0] == INCOMPLETE


def test_a_package_written_while_the_anchors_were_away_says_so_to_who_asks_for_them(
    rig: Rig, witness: Witness, authority: Authority
) -> None:
    authority.is_away = True
    package = str(rig.export())
    assert verify_package(package, Known(witnesses=(witness.key,))).status == INTACT
    report = verify_package(package, Known(certificates=str(authority.ca)))
    assert report.status == INCOMPLETE
    assert "away when the package was written" in str(report.fault)
    assert verify_package(package).status == INTACT


def test_entries_of_before_there_were_anchors_are_excused_and_later_ones_are_not(rig: Rig, authority: Authority) -> None:
    authority.later = 2 * 86_400
    try:
        old = [_entry(rig, back=timedelta(days=400)), _entry(rig, back=timedelta(days=300))]
        rig.puts_log([*old, *rig.bodies()[1:]])
        package, ca = str(rig.export()), str(authority.ca)
    finally:
        authority.later = 0
    day = (datetime.now(UTC) - timedelta(days=10)).date().isoformat()
    assert verify_package(package, Known(certificates=ca)).status == INCOMPLETE
    still = verify_package(package, Known(certificates=ca, since=day))
    assert (still.status, "position 2" in str(still.fault)) == (INCOMPLETE, True), "what is of after that day is late, too"
    later = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    report = verify_package(package, Known(certificates=ca, since=later))
    assert report.status == INTACT, report.fault
    assert any(later in one for one in report.unproven)
    assert verify_package(package, Known(certificates=ca, since="soon")).status == INCOMPLETE


def test_the_worker_anchors_a_package_that_was_asked_for(rig: Rig, witness: Witness, authority: Authority) -> None:
    house, ada = rig.house, rig.ada
    typed = short(checkpoint_of(rig.package))
    with house.app.db.tenant(ada.tenant_id) as tx:
        asked = audit.request_export(tx, ada.caller.actor, Wanted(earlier=typed, since=datetime.now(UTC) + timedelta(days=1)), clock=house.clock)
    house.seals()
    audit.write_export(
        house.worker.db, house.settings.exports, ada.tenant_id, asked.export_id, signer=rig.signer, clock=house.clock,
        attendant=attendant_of(house.worker),
    )  # fmt: skip
    with house.app.db.tenant(ada.tenant_id) as tx:
        _, path = audit.open_export(tx, ada.caller.actor, house.settings.exports, asked.export_id)
        state = audit.get_log(tx)
    known = Known(
        key=rig.key, witnesses=(witness.key,), certificates=str(authority.ca), typed=typed, earlier=rig.earlier, stamp=str(rig.stamp)
    )
    report = verify_package(str(path), known)
    assert report.status == INTACT, report.fault
    assert any("the checkpoint on paper" in one for one in report.proven)
    with zipfile.ZipFile(path) as archive:
        assert json.loads(archive.read(named.MANIFEST))["format"] == named.FORMAT
        assert json.loads(archive.read(named.STAMPS))
    assert state is not None
    assert state.short == short(checkpoint_of(path)), "nothing came between"


def test_a_checkpoint_on_paper_catches_a_log_made_anew_and_a_slip_of_the_pen_is_none(rig: Rig) -> None:
    typed, package = short(checkpoint_of(rig.package)), str(rig.package)
    assert verify_package(package, Known(typed=typed)).status == INTACT
    size, _, letters = typed.partition(" ")
    sloppy = f"{size} {letters.lower().replace('-', ' ').replace('0', 'o').replace('1', 'l')}"
    assert verify_package(package, Known(typed=sloppy)).status == INTACT
    slip = typed[:-1] + ("A" if typed[-1] != "A" else "B")
    report = verify_package(package, Known(typed=slip))
    assert report.status == INCOMPLETE
    assert "slip" in str(report.fault)
    bodies = rig.bodies()
    rig.puts_log([bodies[0].replace(b"success", b"failure"), *bodies[1:]])
    assert verify_package(str(rig.export()), Known(typed=typed)).status == ALTERED
    rig.puts_log(rig.bodies()[:-3])
    assert verify_package(str(rig.export()), Known(typed=typed)).status == ALTERED


def test_letters_for_paper_are_read_back_and_of_one_log_alone() -> None:
    said = Checkpoint("cloister/0123456789abcdef/01a21d3b-00aa-7f87-aecf-52e49e67296a", 1234, bytes(range(32)))
    typed = short(said)
    assert typed == "1234 " + typed.partition(" ")[2]
    assert read_short(typed) == (1234, typed)
    assert size_of(typed, said.origin) == 1234
    for wrong in ("", "1234", typed[5:], typed.replace("1234", "1235", 1), f"{typed}X", "9" * 30 + typed[4:]):
        with pytest.raises(ShortBroken):
            read_short(wrong)
    with pytest.raises(CheckpointUnreadable):
        size_of("1234 AAAAA", said.origin)
