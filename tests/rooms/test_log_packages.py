"""Packages of the log: written by the worker, checked by our verifier, by it as one file, and by tools that are not ours."""

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from appliance import audit
from appliance.audit import Event, ExportState, Wanted
from appliance.audit.errors import ExportNotReady
from appliance.audit.growth import log_key
from appliance.audit.sshsig import signature
from appliance.kernel.sealing import SigningKey
from appliance.proof import verify
from appliance.proof.note import COSIGNATURE, Note, PublicKey, cosign, parse_note, sign
from appliance.proof.package import (
    AFTER,
    BEFORE,
    CHECKPOINT,
    EVENTS,
    KEYS,
    LOGS,
    MANIFEST,
    NAMESPACE,
    PEM,
    POSITIONS,
    SIGNERS,
    SUMS,
    SUMS_SIGNED,
    TABLE,
)
from appliance.proof.rows import csv_head
from appliance.proof.single import source
from appliance.proof.sshsig import allowed_signers, public_pem
from appliance.proof.verify import ALTERED, INCOMPLETE, INTACT, Known, verify_package
from appliance.vault import LogSigners
from tests.rooms.test_sealed_log import records
from tests.support.house import House, Member
from tests.support.log_packages import Exports, member_of


def test_a_package_of_the_whole_log_is_intact_and_says_what_it_proves(
    house: House, ada: Member, bo: Member, exports: Exports
) -> None:
    records(ada, 300)
    records(bo, 5)
    package = exports(ada)
    report = verify_package(str(package))
    assert (report.status, report.fault) == (INTACT, None)
    assert any("entries are as they were sealed, at positions 0 to" in one for one in report.proven)
    assert any("the log of logs has this log's checkpoint" in one for one in report.proven)
    assert any("made anew by who holds its key" in one for one in report.unproven)
    assert str(bo.tenant_id) not in member_of(package, EVENTS)
    own, foreign = key_of(house, ada), key_of(house, bo)
    assert verify_package(str(package), Known(key=own)).status == INTACT
    assert verify_package(str(package), Known(key=foreign)).status == ALTERED
    mistyped = own.replace(str(ada.tenant_id), str(bo.tenant_id))  # no key at all: its id is not that of its name
    assert verify_package(str(package), Known(key=mistyped)).status == INCOMPLETE


def key_of(house: House, member: Member) -> str:
    with house.app.db.tenant(member.tenant_id) as tx:
        state = audit.get_log(tx)
    assert state is not None
    return state.keys[-1]


def test_equal_logs_asked_the_same_give_equal_bytes(ada: Member, exports: Exports) -> None:
    wanted = Wanted(kinds=frozenset({Event.PROFILE_CHANGED}))
    records(ada, 3)
    one = exports(ada, wanted)
    names = zipfile.ZipFile(one).namelist()
    assert names == sorted(names[:-2]) + names[-2:]
    assert {info.date_time for info in zipfile.ZipFile(one).infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_filtered_package_verifies_and_says_how_much_it_withholds(ada: Member, exports: Exports) -> None:
    records(ada, 7)
    package = exports(ada, Wanted(kinds=frozenset({Event.PROFILE_CHANGED}), actors=frozenset({ada.caller.user_id})))
    report = verify_package(str(package))
    assert report.status == INTACT, report.fault
    assert member_of(package, EVENTS).count("\n") == 7
    assert any(re.match(r"withheld by the filter: [1-9]", one) for one in report.proven)


def test_a_package_of_a_period_continues_an_earlier_checkpoint_from_before_it(
    house: House, ada: Member, exports: Exports
) -> None:
    records(ada, 20)
    first = exports(ada)
    earlier = member_of(first, CHECKPOINT)
    records(ada, 300)
    house.seals()
    with house.app.db.tenant(ada.tenant_id) as tx:
        since = audit.list_entries(tx, limit=1000)[10].at
    records(ada, 5)
    package = exports(ada, Wanted(since=since))
    report = verify_package(str(package), Known(earlier=earlier))
    assert report.status == INTACT, report.fault
    assert any("continues your earlier checkpoint" in one for one in report.proven)
    assert member_of(package, EVENTS).count("\n") < 30
    middle = exports(ada, Wanted(since=since - timedelta(days=1), until=since))
    assert verify_package(str(middle), Known(earlier=earlier)).status == INTACT
    nothing = exports(ada, Wanted(since=since + timedelta(days=9)))
    assert verify_package(str(nothing), Known(earlier=earlier)).status == INTACT
    assert member_of(nothing, EVENTS) == ""


def test_an_earlier_checkpoint_of_a_large_log_is_incomplete_until_it_is_named(
    house: House, ada: Member, exports: Exports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.audit.packages.AROUND", 10)
    house.seals()
    records(ada, 2)
    house.seals()  # within the minute: this one is not kept
    with house.app.db.tenant(ada.tenant_id) as tx:
        state = audit.get_log(tx)
    assert state is not None
    records(ada, 40)
    house.seals()
    with house.app.db.tenant(ada.tenant_id) as tx:
        since = audit.list_entries(tx, limit=1)[0].at
    records(ada, 2)
    package = exports(ada, Wanted(since=since))
    assert verify_package(str(package), Known(earlier=state.checkpoint)).status == INCOMPLETE
    package = exports(ada, Wanted(since=since, earlier=state.checkpoint))
    assert verify_package(str(package), Known(earlier=state.checkpoint)).status == INTACT


def test_a_package_of_a_range_continues_any_earlier_checkpoint(house: House, ada: Member, exports: Exports) -> None:
    taken = []
    for _ in range(6):
        records(ada, 5)
        house.seals()
        with house.app.db.tenant(ada.tenant_id) as tx:
            state = audit.get_log(tx)
            middle = audit.list_entries(tx, limit=1)[0].at
        assert state is not None
        taken.append((state.checkpoint, middle))
    package = exports(ada, Wanted(since=taken[1][1], until=taken[3][1]))
    for checkpoint, _ in taken:
        report = verify_package(str(package), Known(earlier=checkpoint))
        assert (report.status, "continues your earlier checkpoint" in str(report)) == (INTACT, True), report.fault
        other = Known(earlier=taken[0][0].replace("=", "A", 1))
        assert verify_package(str(package), other).status == ALTERED
    own = LogSigners(house.worker.db, house.worker.vault)().key
    for name in (BEFORE, AFTER):
        leaves = member_of(package, name).splitlines()
        for odd in (leaves[1:], leaves[::-1], [*leaves, leaves[0]], []):
            forged = resigned(package, own, {name: "".join(f"{one}\n" for one in odd)})
            assert verify_package(str(forged)).status == ALTERED, name


def test_the_verifier_in_the_package_runs_without_the_product(ada: Member, exports: Exports, tmp_path: Path) -> None:
    package = exports(ada)
    (tmp_path / "verify.py").write_text(member_of(package, "verify/verify.py"))
    command = [sys.executable, "-I", str(tmp_path / "verify.py"), str(package)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env={})
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("INTACT\n")
    cut = tmp_path / "cut.zip"
    cut.write_bytes(package.read_bytes()[:-100])
    assert subprocess.run([*command[:-1], str(cut)], capture_output=True, check=False).returncode == INCOMPLETE
    assert subprocess.run([*command[:-1], "nowhere.zip"], capture_output=True, check=False).returncode == INCOMPLETE


def test_no_name_of_the_single_file_is_made_twice() -> None:
    made = re.findall(r"^(?:def|class) (\w+)|^(\w+)(?:: [^=\n]+)? = ", source(), re.MULTILINE)
    names = [one or other for one, other in made]
    assert sorted(names) == sorted(set(names))


def test_openssl_ssh_keygen_and_sha256sum_verify_a_package(ada: Member, exports: Exports, tmp_path: Path) -> None:
    package = exports(ada)
    unpacked = tmp_path / "unpacked"
    zipfile.ZipFile(package).extractall(unpacked)
    command = ["/bin/sh", str(unpacked / "verify" / "verify.sh"), str(unpacked)]

    def checked() -> tuple[int, str]:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    assert checked()[0] == INTACT, checked()
    for name, change, status in (
        (EVENTS, lambda text: text.replace("user", "usre", 1), ALTERED),
        (CHECKPOINT, lambda text: "x" + text, ALTERED),
        (SUMS, lambda text: text + "0" * 64 + "  more.txt\n", ALTERED),
        ("log/more.txt", lambda _: "more", ALTERED),
        (EVENTS, lambda _: None, INCOMPLETE),
    ):
        path = unpacked / name
        before = path.read_text() if path.exists() else None
        changed = change(before or "")
        path.unlink(missing_ok=True)
        if changed is not None:
            path.write_text(changed)
        assert checked()[0] == status, name
        path.unlink(missing_ok=True)
        if before is not None:
            path.write_text(before)
    assert checked()[0] == INTACT


def resigned(package: Path, key: SigningKey, changes: dict[str, str]) -> Path:
    """The package with other members, listed anew, and the list signed by this key."""
    with zipfile.ZipFile(package) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if not name.startswith("SHA256SUMS")}
    members |= {name: text.encode() for name, text in changes.items()}
    listed = "".join(f"{hashlib.sha256(members[name]).hexdigest()}  {name}\n" for name in sorted(members)).encode()
    made = signature(listed, namespace=NAMESPACE, public=key.public, sign=key.sign)
    target = package.with_name(f"resigned-{hashlib.sha256(made.encode()).hexdigest()[:16]}.zip")
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in (members | {SUMS: listed, SUMS_SIGNED: made.encode()}).items():
            archive.writestr(name, content)
    return target


def by_shell(package: Path) -> tuple[int, str]:
    """What verify.sh says of a package."""
    unpacked = package.with_suffix("")
    zipfile.ZipFile(package).extractall(unpacked)
    command = ["/bin/sh", str(Path(verify.__file__).with_name("verify.sh")), str(unpacked)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_a_package_whose_three_forms_of_the_key_differ_is_altered(house: House, ada: Member, exports: Exports) -> None:
    package, foreign = exports(ada), SigningKey.make()
    own = LogSigners(house.worker.db, house.worker.vault)().key
    pem, signers = member_of(package, PEM), member_of(package, SIGNERS)
    note = parse_note(member_of(package, CHECKPOINT))
    other_pem, other_signers = public_pem(foreign.public), allowed_signers(foreign.public, namespace=NAMESPACE)
    name = log_key(note.signatures[0].name, foreign.public)
    other_note = str(replace(note, signatures=(sign(note.text, name, foreign.sign),)))
    for key, changes in (
        (foreign, {SIGNERS: other_signers}),
        (foreign, {SIGNERS: other_signers, PEM: other_pem, CHECKPOINT: other_note}),
        (foreign, {SIGNERS: signers + other_signers}),
        (foreign, {SIGNERS: signers + other_signers, PEM: other_pem + pem, CHECKPOINT: other_note}),
        (own, {PEM: other_pem, CHECKPOINT: other_note}),
        (own, {PEM: pem + other_pem}),
        (own, {SIGNERS: signers + other_signers}),
        (own, {KEYS: member_of(package, KEYS) + f"{name}\n"}),
    ):
        forged = resigned(package, key, changes)
        assert by_shell(forged)[0] == ALTERED, (list(changes), by_shell(forged))
        assert verify_package(str(forged)).status == ALTERED, list(changes)
    for form in (PEM, SIGNERS):
        report = verify_package(str(resigned(package, own, {form: member_of(package, form) + "\n"})))
        assert (report.status, form in str(report.fault)) == (ALTERED, True), report.fault
    assert by_shell(resigned(package, own, {})) == by_shell(package)
    assert by_shell(package)[0] == INTACT


def test_a_package_says_whose_log_it_is_and_no_other_log_passes_for_it(
    house: House, ada: Member, bo: Member, exports: Exports
) -> None:
    package, own = exports(ada), LogSigners(house.worker.db, house.worker.vault)().key
    manifest = json.loads(member_of(package, MANIFEST))
    report = verify_package(str(package))
    assert f"the log is {manifest['origin']}, of the organisation {ada.tenant_id}" in str(report)

    theirs = log_key(manifest["origin"].replace(str(ada.tenant_id), str(bo.tenant_id)), own.public)
    report = verify_package(str(package), Known(key=str(theirs)))
    assert (report.status, "of another log" in str(report.fault)) == (ALTERED, True), report.fault

    nobody = json.dumps(
        manifest
        | {"organisation": str(bo.tenant_id), "disclosed": 0, "withheld": manifest["last"], "filter": {"events": []}}
    )
    nothing = dict.fromkeys((EVENTS, POSITIONS), "") | {TABLE: csv_head(), MANIFEST: nobody}
    report = verify_package(str(resigned(package, own, nothing)))
    assert (report.status, "organisation" in str(report.fault)) == (ALTERED, True), report.fault


def test_a_log_that_is_not_the_log_of_logs_does_not_stand_for_it(house: House, ada: Member, exports: Exports) -> None:
    package, own = exports(ada), LogSigners(house.worker.db, house.worker.vault)().key
    text = parse_note(member_of(package, LOGS)).text.replace(str(audit.LOGS), str(ada.tenant_id))
    name = log_key(text.split("\n")[0], own.public)
    report = verify_package(str(resigned(package, own, {LOGS: str(Note(text, (sign(text, name, own.sign),)))})))
    assert (report.status, "log of logs" in str(report.fault)) == (ALTERED, True), report.fault


def test_a_package_waits_for_the_worker_and_lies_for_a_week(
    house: House, ada: Member, bo: Member, exports: Exports
) -> None:
    directory = house.settings.exports
    with house.app.db.tenant(ada.tenant_id) as tx:
        asked = audit.request_export(tx, ada.caller.actor, Wanted(), clock=house.clock)
        with pytest.raises(ExportNotReady):
            audit.open_export(tx, ada.caller.actor, directory, asked.export_id)
    exports(ada)
    with house.app.db.tenant(ada.tenant_id) as tx:
        found = audit.list_exports(tx)
        assert [one.state for one in found] == [ExportState.READY, ExportState.WAITING]
    assert len(list(directory.rglob("*.zip"))) == 1
    assert [path.suffix for path in directory.rglob("*") if path.is_file()] == [".zip"]
    house.clock.passes(days=8)
    assert audit.sweep_exports(house.worker.db, directory, bo.tenant_id, clock=house.clock) == 0
    assert audit.sweep_exports(house.worker.db, directory, ada.tenant_id, clock=house.clock) == 2
    assert list(directory.rglob("*.zip")) == []
    with house.app.db.tenant(ada.tenant_id) as tx:
        assert [one.state for one in audit.list_exports(tx)] == [ExportState.EXPIRED, ExportState.FAILED]


def test_a_package_after_a_change_of_the_key_follows_from_the_old_one(
    house: House, ada: Member, exports: Exports
) -> None:
    from appliance.audit import PLATFORM, Actor, ActorKind
    from appliance.vault import change_log_key

    first = exports(ada)
    earlier, key = member_of(first, CHECKPOINT), member_of(first, "keys/log.keys").strip()
    house.seals()
    with house.worker.db.tenant(PLATFORM) as tx:
        change_log_key(tx, Actor(ActorKind.OPERATOR), house.worker.vault)
    records(ada, 3)
    package = exports(ada)
    assert member_of(package, "keys/log.keys").count("\n") == 2
    report = verify_package(str(package), Known(earlier=earlier, key=key))
    assert report.status == INTACT, report.fault


def test_a_log_that_slept_through_two_changes_of_the_key_follows_each(
    house: House, ada: Member, bo: Member, exports: Exports
) -> None:
    from appliance.audit import PLATFORM, Actor, ActorKind
    from appliance.vault import change_log_key

    first = exports(ada)
    earlier, key = member_of(first, CHECKPOINT), member_of(first, KEYS).strip()
    house.seals()
    for _ in range(2):
        with house.worker.db.tenant(PLATFORM) as tx:
            change_log_key(tx, Actor(ActorKind.OPERATOR), house.worker.vault)
        records(bo, 1)
        house.seals()
    records(ada, 1)
    package = exports(ada)
    assert member_of(package, KEYS).count("\n") == 3
    assert member_of(package, EVENTS).count(Event.LOG_KEY_CHANGED.value) == 2
    report = verify_package(str(package), Known(earlier=earlier, key=key))
    assert report.status == INTACT, report.fault
    assert by_shell(package)[0] == INTACT


def test_a_package_waits_for_a_new_key_to_sign_the_log(house: House, ada: Member, exports: Exports) -> None:
    from appliance.audit import PLATFORM, Actor, ActorKind
    from appliance.audit.errors import NothingSealed
    from appliance.vault import change_log_key

    exports(ada)
    house.seals()
    with house.worker.db.tenant(PLATFORM) as tx:
        change_log_key(tx, Actor(ActorKind.OPERATOR), house.worker.vault)
    with pytest.raises(NothingSealed):
        exports(ada)  # its own request is not sealed yet; the worker tries again a little later
    with house.app.db.tenant(ada.tenant_id) as tx:
        waiting = audit.list_exports(tx)[0]
    assert (waiting.state, "waits for" in (waiting.failure or "")) == (ExportState.WAITING, True)
    assert audit.resume_exports(house.worker.db, ada.tenant_id, clock=house.clock) == 0, "the queue tries it again, for now"
    house.clock.passes(minutes=6)
    assert audit.resume_exports(house.worker.db, ada.tenant_id, clock=house.clock) == 1
    package = exports(ada)
    assert verify_package(str(package)).status == INTACT
    unpacked = house.settings.exports / "unpacked"
    zipfile.ZipFile(package).extractall(unpacked)
    subprocess.run(["/bin/sh", str(unpacked / "verify" / "verify.sh"), str(unpacked)], check=True, capture_output=True)


def test_an_earlier_checkpoint_that_a_witness_cosigned_shows_when_it_was_seen(ada: Member, exports: Exports) -> None:
    earlier, witness = parse_note(member_of(exports(ada), CHECKPOINT)), SigningKey.make()
    key = PublicKey("witness.harrow.example", COSIGNATURE, witness.public)
    seen = replace(earlier, signatures=(*earlier.signatures, cosign(earlier.text, key, witness.sign, at=1_700_000_000)))
    records(ada, 4)
    package = str(exports(ada))
    report = verify_package(package, Known(earlier=str(seen), witnesses=(str(key),)))
    assert report.status == INTACT, report.fault
    assert any("witness.harrow.example saw" in one and "2023-11-14" in one for one in report.proven)
    assert verify_package(package, Known(earlier=str(earlier), witnesses=(str(key),))).status == INCOMPLETE
