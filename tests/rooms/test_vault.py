"""Sealing in rows and files, the keys above it, their rotation and their end; on real Postgres, as the app's role."""

import threading
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pyotp
import pytest
from sqlalchemy import text

from appliance.assembly import assemble
from appliance.audit import PLATFORM
from appliance.identity import Forbidden, Role
from appliance.identity.factors import begin_totp, confirm_totp, use_code
from appliance.identity.repeats import Answer, Repeats
from appliance.kernel.ids import TenantId, new_id
from appliance.kernel.sealing import IntegrityError, KeyDestroyed, KeyUnavailable, Place, is_first_format, seal
from appliance.vault import check_keys
from appliance.vault.destruction import decide_destruction, request_destruction, sweep_destroyed
from appliance.vault.errors import KeysBroken, KeysMissing, NotSecondOwner, RootKeyForeign, RotationRunning
from appliance.vault.exchange import exchange_root
from appliance.vault.inventory import list_keys
from appliance.vault.keyfiles import KekId
from appliance.vault.keyring import Keyring
from appliance.vault.rotation import begin_rotation, get_rotation
from appliance.vault.values import End, KeyState, Level, RotationState
from tests.support.house import House, Member
from tests.support.vault import PLACE, key_files, opened_by, sealed_by, sweeps, turns


def test_it_opens_what_it_sealed_at_its_place_and_nowhere_else(ada: Member, bo: Member) -> None:
    sealed = sealed_by(ada, b"sk-live-4711")
    sealed_by(bo, b"something of Bo's")

    assert b"sk-live-4711" not in sealed
    assert opened_by(ada, sealed) == b"sk-live-4711"
    elsewhere = [
        Place("elsewhere", "secret", PLACE.row), Place("somewhere", "other", PLACE.row), Place("somewhere", "secret", (new_id(),)),
        Place("somewheres", "ecret", PLACE.row),
    ]  # fmt: skip
    for place in elsewhere:
        with pytest.raises(IntegrityError):
            opened_by(ada, sealed, place)
    with pytest.raises(IntegrityError):
        opened_by(bo, sealed)


def test_it_opens_nothing_that_was_cut_or_changed_and_says_no_more_than_that(ada: Member) -> None:
    sealed = sealed_by(ada, b"sk-live-4711")
    changed = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))]
    cut = [sealed[:at] for at in range(len(sealed))]

    said = set()
    for one in changed + cut:
        with pytest.raises(IntegrityError) as refused:
            opened_by(ada, one)
        said.add((str(refused.value), refused.value.code))
    assert len(said) == 1


def test_it_keeps_no_key_in_the_database_that_opens_without_the_key_file(ada: Member) -> None:
    sealed = sealed_by(ada, b"sk-live-4711")
    (file,) = key_files(ada)
    content = file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o400

    file.unlink()
    with pytest.raises(KeyUnavailable):
        opened_by(ada, sealed)
    with pytest.raises(KeyUnavailable):  # and no new one is made
        sealed_by(ada, b"another")
    assert key_files(ada) == []
    file.write_bytes(content)
    assert opened_by(ada, sealed) == b"sk-live-4711"


def test_it_opens_nothing_by_the_key_file_of_another_organisation(ada: Member, bo: Member) -> None:
    sealed = sealed_by(ada, b"sk-live-4711")
    sealed_by(bo, b"something of Bo's")
    (ours,), (theirs,) = key_files(ada), key_files(bo)
    ours.chmod(0o600)
    ours.write_bytes(theirs.read_bytes())

    with pytest.raises(IntegrityError):
        opened_by(ada, sealed)


def test_it_makes_one_key_where_two_seal_first_at_once(ada: Member) -> None:
    sealed, start = list[bytes](), threading.Barrier(4)

    def seals() -> None:
        start.wait()
        sealed.append(sealed_by(ada, b"first"))

    threads = [threading.Thread(target=seals) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert [opened_by(ada, one) for one in sealed] == [b"first"] * 4
    assert len(key_files(ada)) == 1


@pytest.fixture
def furnished(ada: Member) -> Member:
    """Ada, with something sealed on every shelf: a file, a kept answer, and a second factor."""
    ada.uploads("fire-drill.txt")
    repeats = Repeats(ada.services.db, ada.caller, ada.services.vault, ada.house.clock)
    assert repeats.begin("key", b"request") is None
    repeats.finish("key", Answer(200, b"the answer"))
    return ada


def still_opens(member: Member) -> None:
    (name,) = member.services.blobs.every(member.tenant_id)
    assert b"fire drill" in member.services.blobs.get(member.tenant_id, UUID(name[3:]))
    repeats = Repeats(member.services.db, member.caller, member.services.vault, member.house.clock)
    assert repeats.begin("key", b"request") == Answer(200, b"the answer")


def test_a_turned_data_key_opens_everything_and_the_old_one_nothing(furnished: Member) -> None:
    before = sealed_by(furnished, b"a copy of an old row")
    turns(furnished, Level.DEK)

    still_opens(furnished)
    with pytest.raises(KeyDestroyed):
        opened_by(furnished, before)
    with furnished.services.db.tenant(furnished.tenant_id) as tx:
        keys = [one for one in list_keys(tx, furnished.caller) if one.level is Level.DEK]
        ended = get_rotation(tx, furnished.caller)
        wrapped = tx.execute(text("SELECT version, wrapped IS NULL FROM data_keys ORDER BY version")).all()
    assert [(one.number, one.state) for one in keys] == [(2, KeyState.ACTIVE), (1, KeyState.DESTROYED)]
    assert [tuple(row) for row in wrapped] == [(1, True), (2, False)]
    assert ended is not None
    assert (ended.state, ended.done, ended.total) == (RotationState.DONE, 2, 2)


def test_a_damaged_value_stops_no_rotation_and_keeps_the_old_key(furnished: Member) -> None:
    house = furnished.house
    (path,) = (house.settings.data_dir / "blobs").glob(f"{furnished.tenant_id}/??/*")
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    turns(furnished, Level.DEK)
    with furnished.services.db.tenant(furnished.tenant_id) as tx:
        ended = get_rotation(tx, furnished.caller)
    assert ended is not None
    assert (ended.state, ended.damaged) == (RotationState.DONE, 1)

    path.write_bytes(content)  # as from a backup: it opens, by the key that stayed
    still_opens(furnished)
    turns(furnished, Level.DEK)
    still_opens(furnished)
    with furnished.services.db.tenant(furnished.tenant_id) as tx:
        states = tx.scalars(text("SELECT state FROM data_keys ORDER BY version")).all()
    assert states == ["destroyed", "destroyed", "active"]


def test_a_turned_kek_opens_everything_and_the_old_file_is_gone(furnished: Member) -> None:
    (before,) = key_files(furnished)
    content = before.read_bytes()
    turns(furnished, Level.KEK)

    still_opens(furnished)
    (after,) = key_files(furnished)
    assert after != before
    assert before.with_suffix(".destroyed").exists()
    assert content not in [path.read_bytes() for path in before.parent.iterdir()]


def test_it_turns_the_platforms_key_with_peoples_second_factors(house: House, ada: Member) -> None:
    clock, vault = house.clock, house.app.vault
    with house.app.db.tenant(ada.tenant_id) as tx:
        begun = begin_totp(tx, ada.caller, label="phone", sealer=vault.platform, clock=clock)
        confirm_totp(tx, ada.caller, begun.factor_id, pyotp.TOTP(begun.secret).at(clock.now()), sealer=vault.platform, clock=clock)
    olga = house.operator("olga@box.example")
    turns(olga, Level.DEK)

    clock.passes(seconds=60)
    with house.app.db.tenant(ada.tenant_id) as tx:
        code = pyotp.TOTP(begun.secret).at(clock.now())
        shown = use_code(tx, ada.caller.user_id, code, sealer=vault.platform, clock=clock)
        assert shown is not None
        assert shown.method == "totp"
    with house.app.db.tenant(PLATFORM) as tx:
        assert tx.scalar(text("SELECT version FROM data_keys WHERE state = 'active'")) == 2


def test_only_one_rotation_goes_on_at_a_time(ada: Member) -> None:
    with ada.services.db.tenant(ada.tenant_id) as tx:
        begin_rotation(tx, ada.caller, ada.services.vault, Level.DEK)
    with pytest.raises(RotationRunning), ada.services.db.tenant(ada.tenant_id) as tx:
        begin_rotation(tx, ada.caller, ada.services.vault, Level.KEK)


def test_a_value_sealed_while_a_rotation_begins_is_not_lost(ada: Member) -> None:
    sealed_by(ada, b"the first makes the keys")
    services, begun = ada.services, threading.Event()

    def begins() -> None:
        begun.set()
        with services.db.tenant(ada.tenant_id) as tx:
            begin_rotation(tx, ada.caller, services.vault, Level.DEK)

    rotating = threading.Thread(target=begins)
    place = Place("idempotency_keys", "sealed", (ada.caller.user_id, b"digest"))
    with services.db.tenant(ada.tenant_id) as tx:
        sealed = services.vault.seal(tx, b"written by a slow transaction", place)
        rotating.start()
        begun.wait()
        tx.execute(
            text("INSERT INTO idempotency_keys (tenant_id, user_id, key_digest, request_digest, began_at, status, sealed)"
                 " VALUES (:t, :u, 'digest', 'r', now(), 200, :s)"),
            {"t": ada.tenant_id, "u": ada.caller.user_id, "s": sealed},
        )  # fmt: skip
    rotating.join()
    sweeps(ada)

    with services.db.tenant(ada.tenant_id) as tx:
        kept = tx.scalar(text("SELECT sealed FROM idempotency_keys"))
        assert kept is not None
        assert services.vault.unseal(tx, kept, place) == b"written by a slow transaction"


def test_a_file_that_is_deleted_while_it_is_sealed_anew_stays_deleted(furnished: Member) -> None:
    blobs = furnished.services.blobs
    blob = UUID(next(blobs.every(furnished.tenant_id))[3:])
    sealer, deleted = blobs._sealer, list[None]()

    class Deleting:
        def seal_file(self, *arguments: Any) -> bytes:
            blobs.delete(furnished.tenant_id, blob)
            deleted.append(None)
            return sealer.seal_file(*arguments)

        unseal_file, version_for_files = sealer.unseal_file, sealer.version_for_files

    blobs._sealer = Deleting()
    assert blobs.reseal(furnished.tenant_id, blob, version=99) is False
    assert deleted
    assert list(blobs.every(furnished.tenant_id)) == []


def test_two_owners_destroy_the_keys_and_nothing_opens_any_more(furnished: Member) -> None:
    sealed = sealed_by(furnished, b"sk-live-4711")
    second, admin = furnished.adds("eve@harrow.example", Role.OWNER), furnished.adds("al@harrow.example", Role.ADMIN)
    furnished.house.owners_settle()
    services, clock = furnished.services, furnished.house.clock
    with services.db.tenant(furnished.tenant_id) as tx:
        asked = request_destruction(tx, furnished.caller, reason="The contract ended.", clock=clock)
        with pytest.raises(NotSecondOwner):
            decide_destruction(tx, furnished.caller, asked, is_granted=True, files=services.vault.files, clock=clock)
        with pytest.raises(Forbidden):
            decide_destruction(tx, admin.caller, asked, is_granted=True, files=services.vault.files, clock=clock)
    assert opened_by(furnished, sealed) == b"sk-live-4711"

    with services.db.tenant(furnished.tenant_id) as tx:
        decide_destruction(tx, second.caller, asked, is_granted=True, files=services.vault.files, clock=clock)
    with services.db.tenant(furnished.tenant_id) as tx:  # as after a crash between record and file
        assert sweep_destroyed(tx, services.vault.files) == 1

    assert key_files(furnished) == []
    with pytest.raises(KeyDestroyed):
        opened_by(furnished, sealed)
    with pytest.raises(KeyDestroyed):
        sealed_by(furnished, b"new")


def test_an_earlier_database_opens_nothing_after_the_keys_were_destroyed(ada: Member) -> None:
    sealed = sealed_by(ada, b"sk-live-4711")
    second, clock = ada.adds("eve@harrow.example", Role.OWNER), ada.house.clock
    ada.house.owners_settle()
    with ada.services.db.tenant(ada.tenant_id) as tx:
        earlier = tx.execute(text("SELECT kek_id, wrapped FROM data_keys")).one()
        asked = request_destruction(tx, ada.caller, reason="The contract ended.", clock=clock)
        keks = decide_destruction(tx, second.caller, asked, is_granted=True, files=ada.services.vault.files, clock=clock)
    for kek in keks:
        ada.services.vault.files.destroy(kek, End.ALL)
    with psycopg.connect(ada.house.server.postgres.url(database=ada.house.database)) as restoring:  # yesterday's backup
        restoring.execute("SET session_replication_role = replica")  # no trigger sees a restore
        restoring.execute(
            "UPDATE cloister.data_keys SET wrapped = %s, state = 'active', destroyed_at = NULL WHERE tenant_id = %s",
            [earlier.wrapped, ada.tenant_id],
        )

    with pytest.raises(KeyDestroyed):
        opened_by(ada, sealed)
    assert ada.services.vault.files.is_destroyed(KekId(ada.tenant_id, earlier.kek_id))


def test_what_was_sealed_before_there_were_data_keys_opens_and_is_sealed_anew(house: House, ada: Member) -> None:
    document = ada.uploads("fire-drill.txt")
    content = house.app.blobs.get(ada.tenant_id, document.file_id)
    keyring = Keyring(house.settings.secrets / "root.key")
    old = seal(keyring.tenant_key(ada.tenant_id), content, context=b"blob\0" + ada.tenant_id.bytes + document.file_id.bytes)
    (path,) = (house.settings.data_dir / "blobs").glob(f"{ada.tenant_id}/??/*")
    path.write_bytes(old)

    assert house.app.blobs.get(ada.tenant_id, document.file_id) == content
    turns(ada, Level.DEK)
    assert not is_first_format(path.read_bytes())
    assert house.app.blobs.get(ada.tenant_id, document.file_id) == content


def exchanges(house: House, *tenants: TenantId) -> int:
    worker = house.worker
    return exchange_root(
        worker.db, worker.vault.files, worker.shelves, [PLATFORM, *tenants], secrets=house.settings.secrets.absolute()
    )


def test_an_exchanged_root_opens_everything_and_the_old_one_nothing(furnished: Member) -> None:
    house, root = furnished.house, furnished.house.settings.secrets / "root.key"
    sealed, before = sealed_by(furnished, b"sk-live-4711"), root.read_bytes()

    assert exchanges(house, furnished.tenant_id) == 2
    still_opens(furnished)  # a process that was running all the time
    assert opened_by(furnished, sealed) == b"sk-live-4711"
    assert sorted(path.name for path in root.parent.glob("root.key*")) == ["root.key"]
    assert root.read_bytes() != before
    assemble(house.settings, role="app").close()

    root.chmod(0o600)
    root.write_bytes(before)
    root.chmod(0o400)
    with pytest.raises(KeyUnavailable):
        opened_by(furnished, sealed)
    with pytest.raises(RootKeyForeign):
        assemble(house.settings, role="app")


@pytest.mark.parametrize("at", range(4))
def test_an_exchange_that_died_anywhere_works_meanwhile_and_is_finished_later(
    furnished: Member, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Where it died: after the first file, before the last look, before the new root is in force, between the renames."""
    house = furnished.house
    sealed, files = sealed_by(furnished, b"sk-live-4711"), house.worker.vault.files

    class Died(Exception):
        pass

    def dies(*_: object) -> None:
        raise Died

    def first(kek: KekId) -> None:
        wrapping(kek)
        raise Died

    wrapping = files.wrap_anew
    places = [
        lambda: monkeypatch.setattr(files, "wrap_anew", first),
        lambda: monkeypatch.setattr(files, "await_makers", dies),
        lambda: monkeypatch.setattr("appliance.vault.exchange.put_next_in_force", dies),
        lambda: monkeypatch.setattr("appliance.vault.exchange.put_next_in_force", half_way),
    ]

    def half_way(secrets: Path) -> None:
        (secrets / "root.key").rename(secrets / "root.key.old")
        raise Died

    places[at]()
    with pytest.raises(Died):
        exchanges(house, furnished.tenant_id)
    monkeypatch.undo()
    assert opened_by(furnished, sealed) == b"sk-live-4711"
    assemble(house.settings, role="app").close()

    exchanges(house, furnished.tenant_id)
    assert opened_by(furnished, sealed) == b"sk-live-4711"
    assert sorted(path.name for path in house.settings.secrets.glob("root.key*")) == ["root.key"]


def test_a_missing_key_file_is_no_start_and_a_destroyed_one_is(ada: Member) -> None:
    sealed_by(ada, b"sk-live-4711")
    worker = ada.house.worker
    assert [one.fault for one in check_keys(worker.db, worker.vault.files)] == [None, None]
    (file,) = key_files(ada)
    content = file.read_bytes()

    file.unlink()
    with pytest.raises(KeysMissing, match=str(ada.tenant_id)):
        check_keys(worker.db, worker.vault.files)
    file.with_suffix(".destroyed").touch()
    platforms, ours = check_keys(worker.db, worker.vault.files)
    assert platforms.fault is None
    assert isinstance(ours.fault, KeyDestroyed)
    file.with_suffix(".destroyed").unlink()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(KeysBroken, match="alarm"):
        check_keys(worker.db, worker.vault.files)
