"""Packages with the entries as events of OCSF, and the room that packages may take of the disk."""

import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from appliance import audit
from appliance.audit import Event, Export, ExportState, NewEntry, Room, Wanted
from appliance.audit.errors import ExportsFull
from appliance.audit.sshsig import signature
from appliance.identity import Role
from appliance.proof.package import DISCLOSURES, FORMAT_OCSF, MANIFEST, NAMESPACE, OCSF, SUMS, SUMS_SIGNED
from appliance.proof.single import source
from appliance.proof.verify import ALTERED, INTACT, verify_package
from appliance.vault import LogSigners
from tests.rooms.test_sealed_log import records
from tests.support.house import House, Member
from tests.support.log_packages import Exports, go_verifier, member_of
from tests.support.ocsf import validated
from tests.support.personal import HOME, at, erases, removed


def test_a_package_holds_each_entry_as_a_valid_event_of_ocsf(
    house: House, ada: Member, exports: Exports, tmp_path: Path
) -> None:
    records(ada, 3)
    package = exports(ada, Wanted(with_ocsf=True))
    told = [json.loads(line) for line in member_of(package, OCSF).splitlines()]
    assert json.loads(member_of(package, MANIFEST))["format"] == FORMAT_OCSF
    assert [one["metadata"]["sequence"] for one in told] == list(range(len(told)))
    for one in told:
        validated(one)
    report = verify_package(str(package))
    assert (report.status, report.fault) == (INTACT, None)
    assert any("OCSF" in one for one in report.proven)
    (tmp_path / "verify.py").write_text(source())
    command = [sys.executable, "-I", str(tmp_path / "verify.py"), str(package)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == INTACT
    assert OCSF not in zipfile.ZipFile(exports(ada)).namelist()


def test_tools_of_others_take_it_as_any_other(ada: Member, exports: Exports, tmp_path: Path) -> None:
    package = exports(ada, Wanted(with_ocsf=True, kinds=frozenset({Event.SESSION_OPENED})))
    subprocess.run([str(go_verifier()), str(package)], check=True, capture_output=True)
    with zipfile.ZipFile(package) as archive:
        archive.extractall(tmp_path / "open")
    command = ["sh", str(tmp_path / "open" / "verify" / "verify.sh"), str(tmp_path / "open")]
    assert subprocess.run(command, capture_output=True, cwd=tmp_path / "open", check=False).returncode == 0


NETWORK = "203.0.113.0/24"


def creates_token(member: Member) -> None:
    """The one event with two personal values: from where, and from where the token may be used."""
    with member.services.db.tenant(member.tenant_id) as tx:
        audit.record_all(tx, [NewEntry(at(member, HOME).actor, Event.TOKEN_CREATED, facts={"networks": NETWORK, "days": 7})])


@pytest.mark.parametrize("is_personal", [True, False])
def test_events_of_ocsf_say_of_somebody_what_the_package_discloses_and_no_more(
    ada: Member, exports: Exports, is_personal: bool
) -> None:
    creates_token(ada)
    package = exports(ada, Wanted(with_ocsf=True, is_personal=is_personal, kinds=frozenset({Event.TOKEN_CREATED})))
    (told,) = map(json.loads, member_of(package, OCSF).splitlines())
    validated(told)
    report = verify_package(str(package))
    assert (report.status, report.fault) == (INTACT, None)
    subprocess.run([str(go_verifier()), str(package)], check=True, capture_output=True)
    if is_personal:
        assert (told["src_endpoint"], told["unmapped"]["facts"]) == ({"ip": HOME}, {"days": 7, "networks": NETWORK})
        return
    assert told["src_endpoint"] == {"name": "withheld"}
    assert told["unmapped"]["undisclosed"] == {"actor.address": "withheld", "facts.networks": "withheld"}
    with zipfile.ZipFile(package) as archive:
        assert DISCLOSURES not in archive.namelist()
        assert not [name for name in archive.namelist() for what in (HOME, NETWORK) if what.encode() in archive.read(name)]


def test_events_of_ocsf_say_what_was_erased(ada: Member, exports: Exports) -> None:
    bea = ada.adds("bea@harrow.example", Role.MEMBER)
    creates_token(bea)
    removed(ada, bea)
    erases(ada, bea)
    package = exports(ada, Wanted(with_ocsf=True, kinds=frozenset({Event.TOKEN_CREATED})))
    (told,) = map(json.loads, member_of(package, OCSF).splitlines())
    validated(told)
    assert (told["src_endpoint"], told["unmapped"]["facts"]) == ({"name": "erased"}, {"days": 7})
    assert verify_package(str(package)).status == INTACT
    assert HOME not in member_of(package, OCSF)


def _edited(line: str, change: Callable[[dict[str, object]], object]) -> str:
    said = json.loads(line)
    change(said)
    return json.dumps(said)


ATTACKS: dict[str, Callable[[list[str]], list[str]]] = {
    "another time": lambda lines: [_edited(lines[0], lambda one: one.update(time=1)), *lines[1:]],
    "another outcome": lambda lines: [_edited(lines[0], lambda one: one.update(status_code="failure")), *lines[1:]],
    "other bytes": lambda lines: [_edited(lines[0], lambda one: one.update(raw_data="{}")), *lines[1:]],
    "swapped": lambda lines: [lines[1], lines[0], *lines[2:]],
    "one less": lambda lines: lines[:-1],
    "one more": lambda lines: [*lines, lines[-1]],
    "another address": lambda lines: [one.replace(HOME, "192.0.2.1") for one in lines],
    "an address of nobody": lambda lines: [_edited(lines[0], lambda one: one.update(src_endpoint={"ip": "192.0.2.1"})), *lines[1:]],
    "another fact": lambda lines: [*lines[:-1], lines[-1].replace('"facts":{', '"facts":{"days":8,', 1)],
    "another network": lambda lines: [one.replace(NETWORK, "192.0.2.0/24") for one in lines],
    "said to be erased": lambda lines: [*lines[:-1], lines[-1].replace('"unmapped":{', '"unmapped":{"undisclosed":{"actor.address":"erased"},', 1)],
    "a name twice": lambda lines: [lines[0].replace('"time":', '"time":1,"time":', 1), *lines[1:]],
    "none at all": lambda _: [],
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_even_with_the_logs_key_events_of_ocsf_say_what_the_entries_say(
    house: House, ada: Member, exports: Exports, tmp_path: Path, attack: str
) -> None:
    creates_token(ada)
    package = exports(ada, Wanted(with_ocsf=True))
    signer = LogSigners(house.worker.db, house.worker.vault)()
    target = tmp_path / "altered.zip"
    with zipfile.ZipFile(package) as was, zipfile.ZipFile(target, "w") as becomes:
        members = {name: was.read(name) for name in was.namelist()}
        lines = members[OCSF].decode().splitlines()
        members[OCSF] = "".join(line + "\n" for line in ATTACKS[attack](lines)).encode()
        sums = _sums({name: body for name, body in members.items() if name not in {SUMS, SUMS_SIGNED}})
        members[SUMS] = sums
        members[SUMS_SIGNED] = signature(sums, namespace=NAMESPACE, public=signer.public, sign=signer.sign).encode()
        for name, body in members.items():
            becomes.writestr(name, body)
    report = verify_package(str(target))
    assert (report.status, "OCSF" in str(report.fault) or "ocsf" in str(report.fault) or attack == "a name twice") == (ALTERED, True)


def _sums(members: dict[str, bytes]) -> bytes:
    return "".join(f"{hashlib.sha256(members[name]).hexdigest()}  {name}\n" for name in sorted(members)).encode()


def writes(house: House, member: Member, room: Room) -> Export:
    house.seals()
    with house.app.db.tenant(member.tenant_id) as tx:
        asked = audit.request_export(tx, member.caller.actor, Wanted(), clock=house.clock, room=room)
    signer = LogSigners(house.worker.db, house.worker.vault)()
    directory = house.settings.exports
    audit.write_export(house.worker.db, directory, member.tenant_id, asked.export_id, signer=signer, clock=house.clock, room=room)
    with house.app.db.tenant(member.tenant_id) as tx:
        return audit.get_export(tx, asked.export_id)


def test_packages_take_no_more_room_than_they_may_and_give_it_back(house: House, ada: Member, bo: Member) -> None:
    first = writes(house, ada, Room())
    size = first.byte_count or 0
    room = Room(size + size // 2, days=2)
    second = writes(house, ada, room)
    assert (second.state, "APPLIANCE_EXPORT_LIMIT_MB" in (second.failure or "")) == (ExportState.FAILED, True)
    assert len(list((house.settings.exports / str(ada.tenant_id)).iterdir())) == 1, "what was too much is gone"
    with house.app.db.tenant(ada.tenant_id) as tx:
        assert audit.room_used(tx, room).used_bytes == size
        with pytest.raises(ExportsFull):
            audit.request_export(tx, ada.caller.actor, Wanted(), clock=house.clock, room=Room(size))
    assert writes(house, bo, room).state is ExportState.READY, "another organisation has its own"
    house.clock.passes(days=2, seconds=1)
    audit.sweep_exports(house.worker.db, house.settings.exports, ada.tenant_id, clock=house.clock, room=room)
    with house.app.db.tenant(ada.tenant_id) as tx:
        assert audit.room_used(tx, room).used_bytes == 0
    assert writes(house, ada, room).state is ExportState.READY


def test_a_full_disk_is_noticed_before_anything_is_written(
    house: House, ada: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=400_000_000))
    export = writes(house, ada, Room())
    assert (export.state, "disk" in (export.failure or "")) == (ExportState.FAILED, True)
    assert list((house.settings.exports / str(ada.tenant_id)).iterdir()) == []
