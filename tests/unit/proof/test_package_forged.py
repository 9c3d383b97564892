"""Who holds a log's key cannot make a package that programs, or a person and a program, read differently; nor pass for another log."""

import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from appliance.audit.growth import log_key
from appliance.kernel.sealing import SigningKey
from appliance.proof import package as named
from appliance.proof.rows import csv_head
from appliance.proof.tree import leaf_hash
from appliance.proof.verify import ALTERED, INCOMPLETE, INTACT, Known, verify_package
from tests.support.made_packages import ORGANISATION, ORIGIN, entry, made
from tests.support.product import ROOT

ENTRIES: dict[str, bytes] = {
    "in another zone": entry(at="2026-11-01T17:00:00.000000+05:00"),
    "a day without its time": entry(at="2026-11-01"),
    "with other digits": entry(at="٢٠٢٦-11-01T12:00:00.000000+00:00"),
    "a second name that differs by case": entry(Event="audit:log:exported"),
    "a version that nobody knows": entry(version=3),
    "a version that only equals one": entry(version=1.0),
    "a version that counts as one": entry(version=True),
    "a name beside the actor's": entry(actor={"address": None, "id": None, "kind": "system", "Kind": "user"}),
    "half a sign": entry(subject="x").replace(b'"x"', b'"\\ud800"'),
    "spaces": entry().replace(b":", b": ", 1),
    "escaped where it need not be": entry(subject="x").replace(b'"x"', b'"\\u0078"'),
    "a mark of order before it": b"\xef\xbb\xbf" + entry(),
    "nested without end": entry(facts={"x": 0}).replace(b'"x":0', b'"x":' + b"[" * 100_000 + b"]" * 100_000),
    "a number without end": entry(facts={"x": 0}).replace(b'"x":0', b'"x":' + b"9" * 100_000),
    "no object": b"[]",
    "of another organisation": entry(tenant_id=ORGANISATION.replace("1", "2")),
    "commitments in a first version": entry(commitments={"actor.address": "0" * 64}),
}


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_that_can_be_read_in_two_ways_is_altered(name: str, tmp_path: Path) -> None:
    package = tmp_path / "package.zip"
    assert verify_package(str(made(package, [entry(), entry()]))).status == INTACT
    report = verify_package(str(made(package, [entry(), ENTRIES[name]])))
    assert (report.status, named.TABLE in str(report.fault)) == (ALTERED, False), report.fault


def test_a_log_whose_only_oddity_is_a_zone_or_a_name_is_altered_for_that(tmp_path: Path) -> None:
    for name, word in (("in another zone", "UTC"), ("a second name that differs by case", "other names"), ("a version that nobody knows", "other names")):
        report = verify_package(str(made(tmp_path / "package.zip", [entry(), ENTRIES[name]])))
        assert (report.status, word in str(report.fault)) == (ALTERED, True), report.fault


MEMBERS: dict[str, dict[str, Any]] = {
    "a leaf in capital letters": {"members": {named.LEAVES: leaf_hash(entry()).hex().upper() + "\n"}},
    "a leaf that is longer": {"members": {named.LEAVES: leaf_hash(entry()).hex() + "00\n"}},
    "ends of lines of another kind": {"members": {named.EVENTS: entry().decode() + "\r\n"}},
    "a position with a zero before it": {"members": {named.POSITIONS: "00\n"}},
    "a cell that begins with a return": {"members": {named.TABLE: "position"}},
    "a format from before personal values": {"manifest": {"format": named.FORMATS[0]}},
    "a name of the manifest that stands twice": {"members": {named.MANIFEST: '{"format":"x","format":"y"}'}},
    "a name that is no log's": {"origin": f"cloister/\x1b[2K/{ORGANISATION}"},
    "a log of nobody": {"origin": f"example.com/{ORGANISATION}"},
    "another organisation's name": {"manifest": {"organisation": ORGANISATION.replace("1", "2")}},
    "a proof that is no hash": {"members": {named.FRONTIER: json.dumps({"peaks": ["00"], "size": 0})}},
}


@pytest.mark.parametrize("name", MEMBERS)
def test_a_member_that_can_be_read_in_two_ways_is_altered(name: str, tmp_path: Path) -> None:
    bodies = [entry(version=2, commitments={"actor.address": "0" * 64})] if "personal" in name else [entry()]
    report = verify_package(str(made(tmp_path / "package.zip", bodies, **MEMBERS[name])))
    assert report.status == ALTERED
    assert str(report).isprintable() or all(line.isprintable() for line in str(report).split("\n"))


def test_a_key_that_nobody_handed_on_is_not_one_of_the_log(tmp_path: Path) -> None:
    """Not by an endorsement the other way round, nor by one of another pair, nor with the known key at either end."""
    own, thief = SigningKey.make(), SigningKey.make()
    known, target = Known(key=str(log_key(ORIGIN, own.public))), tmp_path / "package.zip"
    assert verify_package(str(made(target, [entry()], keys=[own, thief])), known).status == INTACT  # handed on in truth
    back = json.dumps([{"endorsement": thief.sign(b"").hex(), "new": thief.public.hex(), "old": own.public.hex()}])
    reverse = made(target, [entry()], keys=[thief, own])
    with zipfile.ZipFile(reverse) as archive:
        endorsement = json.loads(archive.read(named.ROLLOVERS))[0]["endorsement"]
    swapped = json.dumps([{"endorsement": endorsement, "new": thief.public.hex(), "old": own.public.hex()}])
    for forged in (back, swapped, "[]"):
        assert verify_package(str(made(target, [entry()], keys=[own, thief], members={named.ROLLOVERS: forged})), known).status == ALTERED
    before = made(target, [entry()], keys=[thief], members={named.KEYS: f"{log_key(ORIGIN, own.public)}\n{log_key(ORIGIN, thief.public)}\n"})
    assert verify_package(str(before), known).status == ALTERED
    assert verify_package(str(made(target, [entry()], keys=[thief])), known).status == ALTERED


def test_a_slip_in_the_key_that_the_auditor_typed_is_no_fault_of_the_package(tmp_path: Path) -> None:
    report = verify_package(str(made(tmp_path / "package.zip", [entry()])), Known(key="cloister/x+1234"))
    assert (report.status, "--key" in str(report.fault)) == (INCOMPLETE, True)


def test_the_report_says_what_the_host_alone_says(tmp_path: Path) -> None:
    chosen = {"filter": {"events": ["audit:log:read"]}, "disclosed": 0, "withheld": 1, "period": {"since": "2026-11-01T00:00:00+00:00"}}
    hidden = dict.fromkeys((named.EVENTS, named.POSITIONS), "") | {named.TABLE: csv_head()}
    report = verify_package(str(made(tmp_path / "package.zip", [entry()], manifest=chosen, members=hidden)))
    assert report.status == INTACT, report.fault
    assert any("1 withheld entries fits" in one and "audit:log:read" in one for one in report.unproven)
    empty = verify_package(str(made(tmp_path / "package.zip", [])))
    assert empty.status == INTACT, empty.fault
    assert any("0 entries are as they were sealed, from an empty range" in one for one in empty.proven)


def test_the_shell_takes_no_checkpoint_or_manifest_of_another_log(tmp_path: Path) -> None:
    other = ORIGIN.replace("0123", "4567")
    key = SigningKey.make()
    with zipfile.ZipFile(made(tmp_path / "other.zip", [entry()], keys=[key], origin=other)) as archive:
        foreign = archive.read(named.CHECKPOINT).decode()
    changes: tuple[dict[str, Any], ...] = ({"members": {named.CHECKPOINT: foreign}}, {"manifest": {"origin": other}}, {})
    for number, given in enumerate(changes):
        unpacked = tmp_path / str(number)
        package = made(tmp_path / "package.zip", [entry()], keys=[key], **given)
        zipfile.ZipFile(package).extractall(unpacked)
        command = ["/bin/sh", str(ROOT / "appliance" / "proof" / "verify.sh"), str(unpacked)]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode == (ALTERED if given else INTACT), done.stdout
        assert verify_package(str(package)).status == (ALTERED if given else INTACT)
