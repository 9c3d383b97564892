"""Packages that go to another host by themselves: a real OpenSSH, a bucket; only where the operator allows, only to the host that was named."""

import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from appliance import audit
from appliance.assembly import courier_of
from appliance.audit import Event, Every, ExportState, NewPlace, PlaceForm, PlaceKind, Wanted
from appliance.audit.places.bucket import PART, Bucket
from appliance.audit.places.delivering import TOLD_AFTER, Undelivered
from appliance.audit.places.errors import (
    PlaceAddressMalformed,
    PlaceClosed,
    PlaceFailed,
    PlaceIsFolder,
    PlaceOptionsMalformed,
    PlaceSecretMalformed,
)
from appliance.audit.values import Place
from appliance.kernel.egress import Cancel, Egress, Incoming, Outgoing
from appliance.kernel.sigv4 import AwsCredentials
from appliance.proof.verify import INTACT, verify_package
from tests.rooms.test_log_schedules import tends, until
from tests.support.house import House, Member
from tests.support.roots import REGION, moto
from tests.support.sftp import Sshd, sshd
from tests.support.streams import ask_s3

CLOUD_KEY = "AKIAEXAMPLEEXAMPLE:secretsecret"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd(tmp_path_factory.mktemp("sshd")) as found:
        yield found


@pytest.fixture
def host(running: Sshd) -> Sshd:
    running.lets_in(None)
    for path in running.folder.iterdir():
        path.unlink()
    return running


def at(host: Sshd, *, host_key: str | None = None, secret: str | None = None) -> PlaceForm:
    return PlaceForm(PlaceKind.SFTP, host.url, host.account, host_key or host.host_key, secret)


def schedules(member: Member, form: PlaceForm, *, allow: str | None = None) -> audit.Schedule:
    services = member.services
    entry = allow or (form.url or "").replace("http://", "").split("/incoming")[0]
    egress = Egress([entry.split("/", 3)[0] if "sftp" not in entry else "/".join(entry.split("/")[:3])])
    with services.db.tenant(member.tenant_id) as tx:
        place = NewPlace(form, services.vault, egress)
        return audit.create_schedule(
            tx, member.caller.actor, Every.WEEK, Wanted(), folder=None, clock=member.house.clock, place=place
        )


def carries(house: House, member: Member, *allow: str) -> list[Undelivered | None]:
    """The worker takes away what is due, once."""
    courier = replace(courier_of(house.worker), egress=Egress(allow))
    return [courier.deliver(member.tenant_id, one) for one in courier.due(member.tenant_id)]


def entry(host: Sshd) -> str:
    return f"sftp://127.0.0.1:{host.port}"


def made(house: House, member: Member, schedule: audit.Schedule) -> audit.Export:
    until(house, schedule.next_at)
    tends(house, member)
    return export_of(member)


def export_of(member: Member) -> audit.Export:
    with member.services.db.tenant(member.tenant_id) as tx:
        return audit.list_exports(tx)[0]


def events_of(member: Member) -> list[str]:
    with member.services.db.tenant(member.tenant_id) as tx:
        return [one.event for one in audit.list_entries(tx, limit=200)]


def test_a_package_gets_to_another_host_by_sftp_with_a_key_that_was_made_here(
    house: House, ada: Member, host: Sshd, tmp_path: Path
) -> None:
    schedule = schedules(ada, at(host))
    assert (schedule.place.public_key or "").startswith("ssh-ed25519 AAAA")
    (tmp_path / "key.pub").write_text(schedule.place.public_key or "")
    command = ["ssh-keygen", "-l", "-f", str(tmp_path / "key.pub")]
    subprocess.run(command, check=True, capture_output=True)
    host.lets_in(schedule.place.public_key)
    export = made(house, ada, schedule)
    assert tends(house, ada) == (0, 0), "nothing of it is for the folder"

    assert carries(house, ada, entry(host)) == [None]
    assert carries(house, ada, entry(host)) == []

    ((name, content),) = host.files.items()
    assert name == export.place_name
    (tmp_path / name).write_bytes(content)
    assert verify_package(str(tmp_path / name)).status == INTACT
    assert export_of(ada).delivered_at == house.clock.now()
    assert Event.LOG_EXPORT_DELIVERED in events_of(ada)


def test_a_package_goes_only_to_the_host_that_was_named_and_allowed(
    house: House, ada: Member, host: Sshd, tmp_path: Path
) -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")]
    subprocess.run(command, check=True)
    schedule = schedules(ada, at(host, host_key=(tmp_path / "other.pub").read_text()))
    host.lets_in(schedule.place.public_key)
    made(house, ada, schedule)
    assert carries(house, ada, entry(host)) == [None]
    assert export_of(ada).failure == "its host key is another one than was named"
    for allow in ([], [f"127.0.0.1:{host.port}"], [f"http://127.0.0.1:{host.port}"], [f"sftp://127.0.0.1:{host.port + 1}"]):
        house.clock.passes(hours=6)
        assert len(carries(house, ada, *allow)) == 1
        assert "APPLIANCE_EGRESS_ALLOW" in (export_of(ada).failure or "")
    assert host.files == {}


def test_it_is_tried_again_people_are_told_once_and_nothing_is_lost(house: House, ada: Member, host: Sshd) -> None:
    schedule = schedules(ada, at(host))
    made(house, ada, schedule)
    told = []
    for _ in range(TOLD_AFTER + 2):
        told += carries(house, ada, entry(host))
        assert carries(house, ada, entry(host)) == [], "not before its time"
        house.clock.passes(hours=6)
    export = export_of(ada)
    assert (export.tries, export.failure) == (TOLD_AFTER + 2, "it does not let this account in")
    assert [one is not None for one in told] == [False, False, True, False, False]
    assert events_of(ada).count(Event.LOG_EXPORT_UNDELIVERED) == 1
    host.lets_in(schedule.place.public_key)
    assert carries(house, ada, entry(host)) == [None]
    assert list(host.files) == [export.place_name]


def test_what_nobody_took_for_a_week_is_told_of(house: House, ada: Member, host: Sshd) -> None:
    made(house, ada, schedules(ada, at(host)))
    house.clock.passes(days=8)
    audit.sweep_exports(house.worker.db, house.settings.exports, ada.tenant_id, clock=house.clock)
    assert export_of(ada).state is ExportState.EXPIRED
    assert Event.LOG_EXPORT_UNDELIVERED in events_of(ada)


def test_what_is_claimed_is_one_process_alone_until_it_is_dead(house: House, ada: Member, host: Sshd) -> None:
    schedule = schedules(ada, at(host))
    host.lets_in(schedule.place.public_key)
    export = made(house, ada, schedule)
    courier = replace(courier_of(house.worker), egress=Egress([entry(host)]))
    assert courier._claim(ada.tenant_id, export.export_id) is not None
    assert courier.due(ada.tenant_id) == []
    assert courier.deliver(ada.tenant_id, export.export_id) is None
    assert host.files == {}
    house.clock.passes(minutes=16)
    assert carries(house, ada, entry(host)) == [None]
    assert len(host.files) == 1


def test_a_name_that_is_taken_there_is_written_anew(house: House, ada: Member, host: Sshd) -> None:
    schedule = schedules(ada, at(host))
    host.lets_in(schedule.place.public_key)
    export = made(house, ada, schedule)
    (host.folder / export.place_name).write_bytes(b"half")
    (host.folder / f"{export.place_name}.part").write_bytes(b"half of it" * 1_000_000)
    assert carries(house, ada, entry(host)) == [None]
    assert [(name, content[:2]) for name, content in host.files.items()] == [(export.place_name, b"PK")]


def test_a_trial_says_what_is_wrong(house: House, ada: Member, host: Sshd) -> None:
    schedule = schedules(ada, at(host))
    courier = replace(courier_of(house.app), egress=Egress([entry(host)]))
    with pytest.raises(PlaceFailed, match="does not let this account in"):
        audit.try_place(courier, ada.tenant_id, ada.caller.actor, schedule.schedule_id)
    host.lets_in(schedule.place.public_key)
    audit.try_place(courier, ada.tenant_id, ada.caller.actor, schedule.schedule_id)
    assert [name[:15] for name in host.files] == ["cloister-trial-"]
    (gone,) = host.folder.iterdir()
    gone.unlink()
    host.folder.rename(host.folder.with_name("away"))
    with pytest.raises(PlaceFailed, match="the folder is not there"):
        audit.try_place(courier, ada.tenant_id, ada.caller.actor, schedule.schedule_id)
    host.folder.with_name("away").rename(host.folder)
    assert events_of(ada).count(Event.EXPORT_PLACE_TESTED) == 3


def test_who_writes_the_database_cannot_have_a_secret_sent_elsewhere(house: House, ada: Member, host: Sshd) -> None:
    schedule = schedules(ada, at(host, secret="a password"))
    assert schedule.place.public_key is None
    made(house, ada, schedule)
    for change in ("url = 'sftp://127.0.0.1:1/x'", "account = 'eve'", "host_key = 'ssh-ed25519 AAAAC3Nz'"):
        with house.app.db.tenant(ada.tenant_id) as tx:
            before = tx.execute(text("SELECT url, account, host_key FROM audit_schedules")).one()._asdict()
            tx.execute(text(f"UPDATE audit_schedules SET {change}"))
        house.clock.passes(hours=6)
        assert len(carries(house, ada, entry(host), "sftp://127.0.0.1:1")) == 1
        assert "it failed there" not in (export_of(ada).failure or "")
        assert "let this account in" not in (export_of(ada).failure or "")
        with house.app.db.tenant(ada.tenant_id) as tx:
            tx.execute(text("UPDATE audit_schedules SET url = :url, account = :account, host_key = :host_key"), before)
    house.clock.passes(hours=6)
    carries(house, ada, entry(host))
    assert export_of(ada).failure == "it does not let this account in", "the password got there, and is a wrong one"


def test_a_secret_is_sealed_anew_with_the_organisations_keys(house: House, ada: Member, host: Sshd) -> None:
    assert "audit_schedules.sealed" in {one.name for one in house.app.shelves}
    schedules(ada, at(host, secret="a password of some length"))
    with house.app.db.tenant(ada.tenant_id) as tx:
        (sealed,) = tx.execute(text("SELECT sealed FROM audit_schedules")).scalars()
    assert b"password" not in bytes(sealed)


@pytest.mark.parametrize("days", [None, 30])
def test_a_package_gets_into_a_bucket_locked_if_that_is_wanted(
    house: House, ada: Member, tmp_path: Path, days: int | None
) -> None:
    with moto(tmp_path) as cloud:
        ask_s3(cloud.address, "PUT", "/packages", x_amz_bucket_object_lock_enabled="true")
        form = PlaceForm(PlaceKind.S3, f"{cloud.address}/packages/log", secret=CLOUD_KEY, region=REGION, retain_days=days)
        schedule = schedules(ada, form, allow=f"127.0.0.1:{cloud.port}")
        assert schedule.place.last_four == "MPLE"
        export = made(house, ada, schedule)
        assert carries(house, ada, f"127.0.0.1:{cloud.port}") == [None]
        body, headers = ask_s3(cloud.address, "GET", f"/packages/log/{export.place_name}")
    assert export_of(ada).failure is None
    (tmp_path / "one.zip").write_bytes(body)
    assert verify_package(str(tmp_path / "one.zip")).status == INTACT
    assert headers["x-amz-object-lock-mode"] == ("COMPLIANCE" if days else None)


def test_a_large_file_goes_in_parts(house: House, ada: Member, tmp_path: Path) -> None:
    source = tmp_path / "large"
    source.write_bytes(bytes(range(256)) * (PART // 256) + b"the end")
    beats, asked = list[int](), list[Outgoing]()

    class Overheard(Egress):
        def open(self, outgoing: Outgoing, *, cancel: Cancel | None = None) -> Incoming:
            asked.append(outgoing)
            return super().open(outgoing, cancel=cancel)

    with moto(tmp_path) as cloud:
        ask_s3(cloud.address, "PUT", "/packages", x_amz_bucket_object_lock_enabled="true")
        place = Place(PlaceKind.S3, f"{cloud.address}/packages", region=REGION, retain_days=3)
        bucket = Bucket(Overheard([f"127.0.0.1:{cloud.port}"]), house.clock, place, AwsCredentials("AKIA", "secret"))
        bucket.put(source, "large.zip", beat=lambda: beats.append(1))
        body, _ = ask_s3(cloud.address, "GET", "/packages/large.zip")
        with pytest.raises(PlaceFailed, match="status 404"):
            replace(bucket, place=replace(place, url=f"{cloud.address}/nowhere")).put(source, "x", beat=lambda: None)
    assert body == source.read_bytes()
    # The stand-in forgets the lock of what is put in parts; asked for it was, with the first word.
    assert (len(beats), dict(asked[0].headers)["x-amz-object-lock-mode"]) == (2, "COMPLIANCE")
    assert [(one.method, len(one.body)) for one in asked[1:3]] == [("PUT", PART), ("PUT", len(b"the end"))]


WRONG = (
    (PlaceForm(PlaceKind.SFTP, "sftp://h/../x", "me", "K"), PlaceAddressMalformed),
    (PlaceForm(PlaceKind.SFTP, "sftp://me:pw@h/x", "me", "K"), PlaceAddressMalformed),
    (PlaceForm(PlaceKind.SFTP, "https://h/x", "me", "K"), PlaceAddressMalformed),
    (PlaceForm(PlaceKind.SFTP, "sftp://h/x", "me"), PlaceOptionsMalformed),
    (PlaceForm(PlaceKind.SFTP, "sftp://h/x", "me", "ssh-ed25519 AAAA"), PlaceOptionsMalformed),
    (PlaceForm(PlaceKind.SFTP, "sftp://h/x", None, "K"), PlaceOptionsMalformed),
    (PlaceForm(PlaceKind.S3, "https://h/bucket", secret=CLOUD_KEY), PlaceOptionsMalformed),
    (PlaceForm(PlaceKind.S3, "https://h/bucket", secret="no colon", region=REGION), PlaceSecretMalformed),
    (PlaceForm(PlaceKind.S3, "https://elsewhere/bucket", secret=CLOUD_KEY, region=REGION), PlaceClosed),
)


@pytest.mark.parametrize(("number", "refusal"), [(number, refusal) for number, (_, refusal) in enumerate(WRONG)])
def test_a_place_that_makes_no_sense_is_refused(ada: Member, number: int, refusal: type[Exception]) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2wYjzQxL2mB0dTq2qsvTgkOq4fQ0r0r2bqJt5m9j0z"
    form = WRONG[number][0]
    with pytest.raises(refusal):
        schedules(ada, replace(form, host_key=key) if form.host_key == "K" else form, allow="h:443")


def test_the_hosts_folder_has_nothing_to_try(house: House, ada: Member) -> None:
    with house.app.db.tenant(ada.tenant_id) as tx:
        made = audit.create_schedule(
            tx, ada.caller.actor, Every.WEEK, Wanted(), folder=house.settings.export_folder, clock=house.clock
        )
    with pytest.raises(PlaceIsFolder):
        audit.try_place(courier_of(house.app), ada.tenant_id, ada.caller.actor, made.schedule_id)


def test_a_trial_at_a_host_that_says_nothing_ends_soon(
    house: House, ada: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.audit.places.delivering._TRIAL_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2wYjzQxL2mB0dTq2qsvTgkOq4fQ0r0r2bqJt5m9j0z"
        schedule = schedules(ada, PlaceForm(PlaceKind.SFTP, f"sftp://127.0.0.1:{port}/x", "me", key))
        courier, began = replace(courier_of(house.app), egress=Egress([f"sftp://127.0.0.1:{port}"])), time.monotonic()
        with pytest.raises(PlaceFailed):
            audit.try_place(courier, ada.tenant_id, ada.caller.actor, schedule.schedule_id)
    assert time.monotonic() - began < 5
