"""What would lose values, or leave a key that was destroyed: races, crashes and old formats; on real Postgres."""

import errno
import shutil
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from appliance.assembly import roots_of
from appliance.audit import PLATFORM
from appliance.identity import Role, change_role, remove_member
from appliance.kernel.blobs import write_durably
from appliance.kernel.sealing import IntegrityError, KeyDestroyed, KeyUnavailable, seal
from appliance.ops.backup import Manifest
from appliance.ops.data_directory import DataDirectory
from appliance.ops.errors import CannotStart
from appliance.ops.restore import check_target
from appliance.vault.destruction import decide_destruction, request_destruction, sweep_destroyed
from appliance.vault.errors import RequesterNotOwner
from appliance.vault.exchange import exchange_root
from appliance.vault.keyfiles import KekId, KeyFiles
from appliance.vault.keyring import Keyring
from appliance.vault.rotation import begin_rotation, finish_rotations, get_rotation, resume_rotation, rotate
from appliance.vault.values import End, Level, RotationState
from appliance.worker.schedule import tidy
from tests.support.house import House, Member
from tests.support.vault import PLACE, destroyed, key_files, only_file, opened_by, sealed_by, states, turns


@pytest.fixture
def eve(ada: Member) -> Member:
    eve = ada.adds("eve@harrow.example", Role.OWNER)
    ada.house.owners_settle()
    return eve


def test_a_turned_kek_keeps_the_data_key_that_stayed_for_damaged_values(ada: Member) -> None:
    file_id, path = only_file(ada)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    turns(ada, Level.DEK)
    turns(ada, Level.KEK)

    path.write_bytes(content)  # as from a backup
    assert b"fire drill" in ada.services.blobs.get(ada.tenant_id, file_id)
    assert states(ada) == ["retiring", "active"]


def test_a_late_worker_does_not_end_the_next_rotation(ada: Member) -> None:
    """Two workers end a rotation at once, and the second is slow: the next one has begun, and has sealed nothing anew."""
    file_id, _ = only_file(ada)
    worker, db = ada.house.worker, ada.services.db
    with db.tenant(ada.tenant_id) as tx:
        begin_rotation(tx, ada.caller, ada.services.vault, Level.DEK)
    rotate(worker.db, worker.vault, worker.shelves, ada.tenant_id)
    last = worker.shelves[-1]

    class Slow:
        name, count, has_first_format, has_plain = last.name, last.count, last.has_first_format, last.has_plain

        def reseal(self, *arguments: Any, **named: Any) -> Any:
            walked = last.reseal(*arguments, **named)
            finish_rotations(worker.db, worker.vault, worker.shelves, ada.tenant_id, grace=timedelta(0))
            ada.house.clock.passes(minutes=1)
            with db.tenant(ada.tenant_id) as tx:
                begin_rotation(tx, ada.caller, ada.services.vault, Level.DEK)
            return walked

    finish_rotations(worker.db, worker.vault, [*worker.shelves[:-1], Slow()], ada.tenant_id, grace=timedelta(0))

    assert b"fire drill" in ada.services.blobs.get(ada.tenant_id, file_id)
    with db.tenant(ada.tenant_id) as tx:
        running = get_rotation(tx, ada.caller)
    assert running is not None
    assert running.state is RotationState.SWEEPING


@pytest.mark.parametrize("at", ["unlink", "chmod"])
def test_a_destruction_that_died_at_the_key_file_is_finished(
    ada: Member, eve: Member, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    sealed_by(ada, b"sk-live-4711")
    files = ada.services.vault.files

    class Died(Exception):
        pass

    def dies(*_: object, **__: object) -> None:
        raise Died

    with monkeypatch.context() as dying:
        (kek,) = destroyed(ada, eve)
        real = getattr(Path, at)
        dying.setattr(Path, at, lambda path, *a, **k: dies() if path.suffix == ".key" else real(path, *a, **k))
        with pytest.raises(Died):
            files.destroy(kek, End.ALL)
    assert key_files(ada)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        sweep_destroyed(tx, files)
    assert key_files(ada) == []


def test_no_copy_of_a_destroyed_key_stays_where_a_process_died(house: House, ada: Member, eve: Member) -> None:
    """Half written files, and keys of transactions that were rolled back, which wrapped the same data keys."""
    sealed_by(ada, b"sk-live-4711")
    (file,) = key_files(ada)
    file.with_name(f"{file.name}.part").write_bytes(file.read_bytes())  # wrapping anew died before the rename
    with pytest.raises(KeyError), ada.services.db.tenant(ada.tenant_id) as tx:
        begin_rotation(tx, ada.caller, ada.services.vault, Level.KEK)
        raise KeyError
    assert len(key_files(ada)) == 2

    for kek in destroyed(ada, eve):
        ada.services.vault.files.destroy(kek, End.ALL)
    with house.worker.db.tenant(ada.tenant_id) as tx:
        sweep_destroyed(tx, house.worker.vault.files)
    assert {path.suffix for path in file.parent.iterdir()} == {".destroyed"}


def test_a_key_that_is_destroyed_while_it_is_wrapped_anew_stays_destroyed(
    ada: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed_by(ada, b"sk-live-4711")
    (file,) = key_files(ada)
    files, kek = ada.house.worker.vault.files, KekId(ada.tenant_id, UUID(file.stem))
    destroying = threading.Thread(target=ada.services.vault.files.destroy, args=(kek, End.ALL))

    def slowly(path: Path, content: bytes, **named: Any) -> None:
        if path == file:
            destroying.start()
            destroying.join(timeout=0.3)
        write_durably(path, content, **named)

    monkeypatch.setattr("appliance.vault.keyfiles.write_durably", slowly)
    exchange_root(ada.house.worker.db, files, (), [], secrets=ada.house.settings.secrets.absolute())
    destroying.join()
    assert key_files(ada) == []
    assert files.is_destroyed(kek)


def test_a_key_that_is_made_slowly_while_the_root_is_exchanged_opens(
    ada: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()

    def slowly(path: Path, content: bytes, **named: Any) -> None:
        if path.parent.name == str(ada.tenant_id) and not begun.is_set():
            begun.set()
            time.sleep(1.3)
        write_durably(path, content, **named)

    sealed = list[bytes]()
    monkeypatch.setattr("appliance.vault.keyfiles.write_durably", slowly)
    making = threading.Thread(target=lambda: sealed.append(sealed_by(ada, b"the first")))
    making.start()
    begun.wait()
    worker = ada.house.worker
    exchange_root(worker.db, worker.vault.files, (), [PLATFORM], secrets=ada.house.settings.secrets.absolute())
    making.join()
    assert opened_by(ada, sealed[0]) == b"the first"


def test_what_was_sealed_before_there_were_data_keys_does_not_outlive_destruction(
    house: House, ada: Member, eve: Member
) -> None:
    file_id, path = only_file(ada)
    keyring = Keyring(house.settings.secrets / "root.key")
    context = b"blob\0" + ada.tenant_id.bytes + file_id.bytes
    path.write_bytes(seal(keyring.tenant_key(ada.tenant_id), b"an old upload", context=context))
    assert house.app.blobs.get(ada.tenant_id, file_id) == b"an old upload"

    for kek in destroyed(ada, eve):
        ada.services.vault.files.destroy(kek, End.ALL)
    with pytest.raises(KeyDestroyed):
        house.app.blobs.get(ada.tenant_id, file_id)


def test_a_request_of_somebody_who_is_no_owner_any_more_is_not_granted(ada: Member, eve: Member) -> None:
    sealed, db, clock = sealed_by(ada, b"sk-live-4711"), ada.services.db, ada.house.clock
    with db.tenant(ada.tenant_id) as tx:
        asked = request_destruction(tx, eve.caller, reason="The contract ended.", clock=clock)
        change_role(tx, ada.caller, eve.caller.user_id, role=Role.ADMIN)
    with pytest.raises(RequesterNotOwner), db.tenant(ada.tenant_id) as tx:
        decide_destruction(tx, ada.caller, asked, is_granted=True, files=ada.services.vault.files, clock=clock)
    with db.tenant(ada.tenant_id) as tx:
        change_role(tx, ada.caller, eve.caller.user_id, role=Role.OWNER)
        remove_member(tx, ada.caller, eve.caller.user_id, clock=clock)
    with pytest.raises(RequesterNotOwner), db.tenant(ada.tenant_id) as tx:
        decide_destruction(tx, ada.caller, asked, is_granted=True, files=ada.services.vault.files, clock=clock)
    assert opened_by(ada, sealed) == b"sk-live-4711"
    with db.tenant(ada.tenant_id) as tx:  # closing it takes one
        decide_destruction(tx, ada.caller, asked, is_granted=False, files=ada.services.vault.files, clock=clock)


@pytest.mark.parametrize("version", [0, 2, 2**31 - 1, 2**31, 2**32 - 1])
def test_a_version_that_cannot_be_is_refused_as_altered(ada: Member, version: int) -> None:
    sealed = sealed_by(ada, b"sk-live-4711")
    altered = sealed[:1] + version.to_bytes(4, "big") + sealed[5:]
    with pytest.raises(IntegrityError):
        opened_by(ada, altered)
    with pytest.raises(IntegrityError), ada.services.db.tenant(ada.tenant_id) as tx:
        ada.services.vault.platform.unseal(tx, altered, PLACE)


def test_files_that_are_away_while_a_data_key_is_turned_open_when_they_are_back(ada: Member) -> None:
    """As when the disk with the files is not there for a while."""
    file_id, path = only_file(ada)
    directory = path.parent.parent
    away = directory.with_name("away")
    directory.rename(away)
    turns(ada, Level.DEK)
    if directory.exists():
        directory.rmdir()
    away.rename(directory)

    assert b"fire drill" in ada.services.blobs.get(ada.tenant_id, file_id)
    turns(ada, Level.DEK)
    assert b"fire drill" in ada.services.blobs.get(ada.tenant_id, file_id)
    assert states(ada) == ["destroyed", "destroyed", "active"]


def test_data_keys_that_went_from_the_database_are_not_made_anew(ada: Member) -> None:
    sealed_by(ada, b"sk-live-4711")
    before = key_files(ada)
    with psycopg.connect(ada.house.server.postgres.url(database=ada.house.database)) as connection:
        connection.execute("DELETE FROM cloister.data_keys WHERE tenant_id = %s", [ada.tenant_id])
    with pytest.raises(KeyUnavailable):
        sealed_by(ada, b"another")
    assert key_files(ada) == before


def test_a_backup_sees_that_a_kek_was_turned_whose_file_was_there_already(ada: Member) -> None:
    sealed_by(ada, b"sk-live-4711")
    vault, db = ada.services.vault, ada.services.db
    with db.tenant(ada.tenant_id) as turning:
        begin_rotation(turning, ada.caller, vault, Level.KEK)  # the file is there, the transaction is not committed
        files = [kek.name for kek in vault.files.stored()]
        with ada.house.worker.db.tenant(ada.tenant_id) as tx:
            before = vault.youngest(tx)
    with db.tenant(ada.tenant_id) as tx:
        assert vault.youngest(tx) != before
    assert [kek.name for kek in vault.files.stored()] == files


def test_a_rotation_whose_job_failed_for_good_goes_on(ada: Member) -> None:
    """As when the root was away for longer than a job is tried again."""
    only_file(ada)
    worker, house = ada.house.worker, ada.house
    with ada.services.db.tenant(ada.tenant_id) as tx:
        begin_rotation(tx, ada.caller, ada.services.vault, Level.DEK)
    waiting = "SELECT count(*) FROM cloister.procrastinate_jobs WHERE task_name = 'vault.rotate' AND status = 'todo'"
    with psycopg.connect(house.server.postgres.url(database=house.database), autocommit=True) as connection:
        resume_rotation(worker.db, ada.tenant_id)
        assert connection.execute(waiting).fetchone() == (1,)  # there is one already
        connection.execute("UPDATE cloister.procrastinate_jobs SET status = 'failed' WHERE task_name = 'vault.rotate'")
        resume_rotation(worker.db, ada.tenant_id)
        assert connection.execute(waiting).fetchone() == (1,)


def test_a_strange_or_unreadable_file_stops_no_rotation_and_keeps_the_old_key(ada: Member) -> None:
    file_id, path = only_file(ada)
    (path.parent / "notes.txt").write_text("an operator's")
    content = path.read_bytes()
    path.unlink()
    path.mkdir()  # reading it is an error, for root too
    turns(ada, Level.DEK)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        ended = get_rotation(tx, ada.caller)
    assert ended is not None
    assert (ended.state, ended.damaged) == (RotationState.DONE, 1)
    path.rmdir()
    path.write_bytes(content)
    assert b"fire drill" in ada.services.blobs.get(ada.tenant_id, file_id)


def test_a_restore_is_refused_with_key_files_of_before_the_root_was_exchanged(ada: Member, tmp_path: Path) -> None:
    sealed_by(ada, b"sk-live-4711")
    secrets, worker = ada.house.settings.secrets.absolute(), ada.house.worker
    shutil.copytree(secrets / "keys", tmp_path / "exported")
    exchange_root(worker.db, worker.vault.files, (), [], secrets=secrets)
    now, exported = worker.vault.files, KeyFiles(tmp_path / "exported", roots_of(ada.house.settings))
    backup = Manifest("0.1.0", "head", "today", now.roots[0].fingerprint().hex(), [kek.name for kek in now.stored()])
    empty = DataDirectory(tmp_path / "empty", tmp_path / "empty" / "secrets")

    with pytest.raises(CannotStart, match="wrapped by another root"):
        check_target(empty, backup, exported, version="0.1.0")
    check_target(empty, backup, now, version="0.1.0")


def test_a_key_that_cannot_be_destroyed_now_holds_up_no_other_organisation(
    house: House, ada: Member, bo: Member, eve: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    for member in (ada, bo):
        sealed_by(member, b"sk-live-4711")
    (kek,) = destroyed(ada, eve)
    with bo.services.db.tenant(bo.tenant_id) as tx:
        begin_rotation(tx, bo.caller, bo.services.vault, Level.KEK)
    with house.server.connect("boot", house.database) as boot:
        boot.execute("UPDATE cloister.key_rotations SET waited = '11 minutes'")

    def is_full(path: Path, content: bytes, **named: Any) -> None:
        if path.stem == str(kek.number):
            raise OSError(errno.ENOSPC, "No space left on device")
        write_durably(path, content, **named)

    with monkeypatch.context() as full:
        full.setattr("appliance.vault.keyfiles.write_durably", is_full)
        tidy(house.worker)
    assert len(key_files(bo)) == 1
    tidy(house.worker)
    assert key_files(ada) == []
