"""What may end a key: its owners together, or a rotation that is over. Not the database alone, not a clock, not a crash."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from appliance.audit import PLATFORM
from appliance.identity import Role, change_role, create_password_reset, remove_member, restore_member
from appliance.identity.factors import remove_factors_of
from appliance.identity.passwords import create_password_reset_at_console
from appliance.kernel.db import Tx
from appliance.kernel.ids import new_id
from appliance.kernel.sealing import KeyUnavailable
from appliance.vault.destruction import decide_destruction, request_destruction
from appliance.vault.errors import NotLongEnoughOwner
from appliance.vault.exchange import exchange_root
from appliance.vault.rotation import begin_rotation, finish_rotations
from appliance.vault.values import End, Level
from appliance.worker.schedule import tidy
from tests.support.house import House, Member
from tests.support.vault import destroyed, key_files, opened_by, sealed_by, states, turns

FORGED = {
    "the key-encryption key's end": "UPDATE key_encryption_keys SET state = 'destroyed', destroyed_at = now()",
    "the data key's end": "UPDATE data_keys SET state = 'destroyed', wrapped = NULL, destroyed_at = now()",
    "an end in two steps": "UPDATE data_keys SET state = 'retiring'; UPDATE data_keys SET state = 'destroyed', wrapped = NULL",
    "a key that was born ended": "INSERT INTO key_encryption_keys (tenant_id, kek_id, state, created_at)"
    " SELECT tenant_id, gen_random_uuid(), 'destroyed', now() FROM key_encryption_keys",
    "another name": "UPDATE data_keys SET version = 7",
    "a granted request": "INSERT INTO key_destructions (tenant_id, request_id, requested_by, reason, requested_at, decided_by, decided_at, is_granted)"
    " SELECT tenant_id, gen_random_uuid(), user_id, 'Forged.', now(), gen_random_uuid(), now(), true FROM memberships",
    "a request's grant": "UPDATE key_destructions SET is_granted = true, decided_by = gen_random_uuid(), decided_at = now()",
    "a rotation's end": "UPDATE key_rotations SET state = 'waiting', waited = '1 day'",
}  # fmt: skip


@pytest.fixture
def eve(house: House, ada: Member) -> Member:
    """A second owner, for long enough."""
    eve = ada.adds("eve@harrow.example", Role.OWNER)
    house.owners_settle()
    return eve


@contextmanager
def all_of_the_database(house: House) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    """What somebody who has the database, and no key, can write: past triggers and row-level security."""
    with psycopg.connect(house.server.postgres.url(database=house.database), autocommit=True) as connection:
        connection.execute("SET search_path = cloister, public")
        connection.execute("SET session_replication_role = replica")
        yield connection


def has_waited(house: House, minutes: int = 11) -> None:
    """Let a rotation have waited, as a worker counts it."""
    with all_of_the_database(house) as database:
        database.execute("UPDATE key_rotations SET waited = make_interval(mins => %s)", [minutes])


def test_the_apps_role_alone_ends_no_key(ada: Member) -> None:
    sealed = sealed_by(ada, b"sk-live-4711")
    with ada.services.db.tenant(ada.tenant_id) as tx:
        request_destruction(tx, ada.caller, reason="The contract ended.", clock=ada.house.clock)
        begin_rotation(tx, ada.caller, ada.services.vault, Level.DEK)
    for what, statements in FORGED.items():
        with pytest.raises(DBAPIError, match=r"permission denied|ends by|is never"), ada.services.db.tenant(ada.tenant_id) as tx:
            for statement in statements.split(";"):
                tx.execute(text(statement))
            pytest.fail(f"{what} can be forged")
    tidy(ada.house.worker)
    assert opened_by(ada, sealed) == b"sk-live-4711"


def test_a_database_that_says_that_keys_were_destroyed_destroys_no_key_file(house: House, ada: Member) -> None:
    """All rows that a destruction leaves, but nobody who holds a key made them."""
    sealed, before = sealed_by(ada, b"sk-live-4711"), key_files(ada)
    with all_of_the_database(house) as database:
        backup = database.execute("SELECT wrapped FROM data_keys WHERE tenant_id = %s", [ada.tenant_id]).fetchone()
        database.execute("UPDATE key_encryption_keys SET state = 'destroyed', end_proof = '\\x01' || kek_id::text::bytea")
        database.execute("UPDATE data_keys SET state = 'destroyed', wrapped = NULL")
        database.execute(
            "INSERT INTO key_destructions VALUES (%s, %s, %s, 'Forged.', now(), %s, now(), true)",
            [ada.tenant_id, new_id(), ada.caller.user_id, new_id()],
        )
    tidy(house.worker)
    assert key_files(ada) == before

    with all_of_the_database(house) as database:  # as a restore does
        assert backup is not None
        database.execute("UPDATE key_encryption_keys SET state = 'active', end_proof = NULL")
        database.execute("UPDATE data_keys SET state = 'active', wrapped = %s WHERE tenant_id = %s", [*backup, ada.tenant_id])
    assert opened_by(ada, sealed) == b"sk-live-4711"


def test_a_forged_rotation_destroys_no_key_file_that_is_needed(house: House, ada: Member) -> None:
    sealed_by(ada, b"sk-live-4711")
    before, forged = key_files(ada), new_id()
    with all_of_the_database(house) as database:
        database.execute("UPDATE key_encryption_keys SET state = 'retiring' WHERE tenant_id = %s", [ada.tenant_id])
        database.execute(
            "INSERT INTO key_encryption_keys (tenant_id, kek_id, state, created_at) VALUES (%s, %s, 'active', now())",
            [ada.tenant_id, forged],
        )
        database.execute("UPDATE data_keys SET kek_id = %s WHERE tenant_id = %s", [forged, ada.tenant_id])
        database.execute(
            "INSERT INTO key_rotations (tenant_id, rotation_id, level, state, began_at, swept_at, waited)"
            " VALUES (%s, %s, 'kek', 'waiting', now() - interval '1 day', now() - interval '1 day', '1 day')",
            [ada.tenant_id, new_id()],
        )
    tidy(house.worker)
    assert key_files(ada) == before


def test_leftover_key_files_go_only_after_the_owners_ended_all(house: House, ada: Member) -> None:
    """An old key's end by rotation, and rows that say that it was the only one, are no leave to destroy the rest."""
    sealed_by(ada, b"sk-live-4711")
    turns(ada, Level.KEK)
    before = key_files(ada)
    with all_of_the_database(house) as database:
        database.execute("DELETE FROM data_keys WHERE tenant_id = %s", [ada.tenant_id])
        database.execute("DELETE FROM key_encryption_keys WHERE state <> 'destroyed' AND tenant_id = %s", [ada.tenant_id])
    tidy(house.worker)
    assert key_files(ada) == before


def test_what_owners_granted_is_carried_out_by_the_worker_after_a_crash(house: House, ada: Member, eve: Member) -> None:
    sealed_by(ada, b"sk-live-4711")
    with pytest.raises(KeyError), ada.services.db.tenant(ada.tenant_id) as tx:  # leaves a key file that no row names
        begin_rotation(tx, ada.caller, ada.services.vault, Level.KEK)
        raise KeyError
    destroyed(ada, eve)  # the record; the process dies before the files
    tidy(house.worker)
    assert key_files(ada) == []


@pytest.mark.parametrize("level", Level)
def test_a_clock_that_leaps_ends_no_key_early(house: House, ada: Member, level: Level) -> None:
    sealed = sealed_by(ada, b"sk-live-4711")
    with ada.services.db.tenant(ada.tenant_id) as tx:
        begin_rotation(tx, ada.caller, ada.services.vault, level)
    tidy(house.worker)
    house.clock.passes(days=1)  # the host's clock
    with all_of_the_database(house) as database:  # what the database's own leaves, a day ahead
        database.execute("UPDATE key_rotations SET state = 'waiting', seen_at = now() - interval '1 day'")
    tidy(house.worker)
    assert opened_by(ada, sealed) == b"sk-live-4711"
    assert len(key_files(ada)) == (2 if level is Level.KEK else 1)
    assert "destroyed" not in states(ada)

    has_waited(house)
    tidy(house.worker)
    assert len(key_files(ada)) == 1
    assert level is Level.KEK or states(ada) == ["destroyed", "active"]


def test_a_clock_set_back_holds_no_rotation_up(house: House, ada: Member) -> None:
    sealed_by(ada, b"sk-live-4711")
    with ada.services.db.tenant(ada.tenant_id) as tx:
        begin_rotation(tx, ada.caller, ada.services.vault, Level.KEK)
    with all_of_the_database(house) as database:
        database.execute("UPDATE key_rotations SET seen_at = now() + interval '1 day', waited = '9 minutes'")
    worker = house.worker
    assert not finish_rotations(worker.db, worker.vault, worker.shelves, ada.tenant_id)
    with all_of_the_database(house) as database:
        database.execute("UPDATE key_rotations SET seen_at = seen_at - interval '1 minute'")
    assert finish_rotations(worker.db, worker.vault, worker.shelves, ada.tenant_id)


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process grows beyond 40 bytes: writing a key file fails half way, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_makes_no_half_key_and_says_what_to_do(ada: Member) -> None:
    with full_disk(), pytest.raises(KeyUnavailable) as refused:
        sealed_by(ada, b"the first makes the keys")
    assert "free some space" in refused.value.reason
    assert str(ada.house.settings.secrets) in refused.value.reason
    assert list((ada.house.settings.secrets / "keys" / str(ada.tenant_id)).iterdir()) == []
    sealed = sealed_by(ada, b"sk-live-4711")

    with full_disk(), pytest.raises(KeyUnavailable), ada.services.db.tenant(ada.tenant_id) as tx:
        begin_rotation(tx, ada.caller, ada.services.vault, Level.KEK)
    assert opened_by(ada, sealed) == b"sk-live-4711"
    worker = ada.house.worker
    with full_disk(), pytest.raises(KeyUnavailable):
        exchange_root(worker.db, worker.vault.files, (), [], secrets=ada.house.settings.secrets.absolute())
    assert opened_by(ada, sealed) == b"sk-live-4711"
    assert {path.suffix for path in (ada.house.settings.secrets / "keys" / str(ada.tenant_id)).iterdir()} == {".key"}


def test_the_old_root_that_a_crash_left_is_wiped_by_the_next_round(house: House, ada: Member) -> None:
    sealed, secrets = sealed_by(ada, b"sk-live-4711"), house.settings.secrets
    before = (secrets / "root.key").read_bytes()
    exchange_root(house.worker.db, house.worker.vault.files, (), [], secrets=secrets.absolute())
    old = secrets / "root.key.old"
    old.write_bytes(before)  # as if the process had died before the last step
    with old.open("rb") as kept:
        tidy(house.worker)
        assert not old.exists()
        assert kept.read() != before
    assert opened_by(ada, sealed) == b"sk-live-4711"


def test_an_old_root_that_still_wraps_a_key_stays(house: House, ada: Member) -> None:
    """As after somebody put an earlier key file back."""
    sealed, secrets = sealed_by(ada, b"sk-live-4711"), house.settings.secrets
    (file,) = key_files(ada)
    before, wrapped = (secrets / "root.key").read_bytes(), file.read_bytes()
    exchange_root(house.worker.db, house.worker.vault.files, (), [], secrets=secrets.absolute())
    (secrets / "root.key.old").write_bytes(before)
    (secrets / "root.key.old").chmod(0o400)
    file.chmod(0o600)
    file.write_bytes(wrapped)
    tidy(house.worker)
    assert (secrets / "root.key.old").read_bytes() == before
    (secrets / "root.key.old").rename(secrets / "root.key.next")  # what the operator is told
    assert opened_by(ada, sealed) == b"sk-live-4711"


def test_an_exchange_overwrites_what_an_earlier_one_left(house: House) -> None:
    secrets = house.settings.secrets
    old = secrets / "root.key.old"
    old.write_bytes(b"\x07" * 31 + b"\x08")
    with old.open("rb") as kept:
        exchange_root(house.worker.db, house.worker.vault.files, (), [], secrets=secrets.absolute())
        assert kept.read() != b"\x07" * 31 + b"\x08"
    assert sorted(path.name for path in secrets.glob("root.key*")) == ["root.key"]


def gives_a_password(ada: Member, eve: Member, tx: Tx) -> None:
    create_password_reset(tx, ada.caller, eve.caller.user_id, clock=ada.house.clock)


def takes_factors(ada: Member, eve: Member, tx: Tx) -> None:
    remove_factors_of(tx, ada.caller, eve.caller.user_id)


def gives_the_role(ada: Member, eve: Member, tx: Tx) -> None:
    change_role(tx, ada.caller, eve.caller.user_id, role=Role.ADMIN)
    change_role(tx, ada.caller, eve.caller.user_id, role=Role.OWNER)


def lets_in_again(ada: Member, eve: Member, tx: Tx) -> None:
    remove_member(tx, ada.caller, eve.caller.user_id, clock=ada.house.clock)
    restore_member(tx, ada.caller, eve.caller.user_id, clock=ada.house.clock)


HANDS = (gives_a_password, takes_factors, gives_the_role, lets_in_again)


def test_one_owner_is_not_two_by_what_she_gave_the_other(ada: Member, eve: Member) -> None:
    sealed, db, files, clock = sealed_by(ada, b"sk-live-4711"), ada.services.db, ada.services.vault.files, ada.house.clock
    for number, act in enumerate(HANDS):
        first, second = (ada, eve) if number % 2 else (eve, ada)
        with db.tenant(ada.tenant_id) as tx:
            act(ada, eve, tx)
            asked = request_destruction(tx, first.caller, reason="The contract ended.", clock=clock)
        ada.house.owners_settle(days=6.9)
        with pytest.raises(NotLongEnoughOwner, match="eve"), db.tenant(ada.tenant_id) as tx:
            decide_destruction(tx, second.caller, asked, is_granted=True, files=files, clock=clock)
        with pytest.raises(DBAPIError, match="seven days"), db.tenant(ada.tenant_id) as tx:
            tx.execute(text("SELECT decide_key_destruction(:asked, :by, true, now(), '{}')"), {"asked": asked, "by": second.caller.user_id})
        with db.tenant(ada.tenant_id) as tx:
            decide_destruction(tx, first.caller, asked, is_granted=False, files=files, clock=clock)
    assert opened_by(ada, sealed) == b"sk-live-4711"
    ada.house.owners_settle(days=0.2)
    assert len(destroyed(ada, eve)) == 1


def test_the_console_and_a_fresh_owner_count_too(ada: Member, eve: Member) -> None:
    db, clock, files = ada.services.db, ada.house.clock, ada.services.vault.files
    sealed_by(ada, b"sk-live-4711")
    create_password_reset_at_console(ada.house.worker.db, "eve@harrow.example", clock=clock)
    fay = ada.adds("fay@harrow.example", Role.OWNER)
    with db.tenant(ada.tenant_id) as tx:
        asked = request_destruction(tx, ada.caller, reason="The contract ended.", clock=clock)
    for second in (eve, fay):
        with pytest.raises(NotLongEnoughOwner), db.tenant(ada.tenant_id) as tx:
            decide_destruction(tx, second.caller, asked, is_granted=True, files=files, clock=clock)
    with db.tenant(ada.tenant_id) as tx:  # refusing takes no time
        decide_destruction(tx, fay.caller, asked, is_granted=False, files=files, clock=clock)


def test_keys_that_do_not_open_any_more_can_be_ended_too(ada: Member, eve: Member) -> None:
    """A key file that is away or altered is no reason to keep the rest for ever; a root that is away is one to wait."""
    sealed_by(ada, b"sk-live-4711")
    turned = key_files(ada)[0]
    with ada.services.db.tenant(ada.tenant_id) as tx:
        begin_rotation(tx, ada.caller, ada.services.vault, Level.KEK)
    turned.unlink()
    (altered,) = key_files(ada)
    altered.chmod(0o600)
    altered.write_bytes(altered.read_bytes()[:-1] + b"!")
    for kek in destroyed(ada, eve):
        ada.services.vault.files.destroy(kek, End.ALL)
    assert key_files(ada) == []


def test_the_platforms_key_is_turned_as_any(house: House) -> None:
    olga = house.operator("olga@box.example")
    turns(olga, Level.KEK)
    with house.app.db.tenant(PLATFORM) as tx:
        assert sorted(tx.scalars(text("SELECT state FROM key_encryption_keys"))) == ["active", "destroyed"]
