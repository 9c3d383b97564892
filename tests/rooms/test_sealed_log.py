"""The sequencer: from the inbox into each organisation's tree, signed; and reading over both."""

import time

import psycopg
import pytest

from appliance import audit
from appliance.assembly import sealing
from appliance.audit import LOGS, PLATFORM, Event
from appliance.audit.growth import log_key
from appliance.kernel.ids import new_id
from appliance.kernel.sealing import signature_holds
from appliance.proof.note import Checkpoint, parse_checkpoint, parse_note, signed_by
from appliance.proof.tree import leaf_hash, root_hash
from appliance.vault import LogSigners, change_log_key
from tests.support.house import House, Member


def records(member: Member, count: int) -> None:
    with member.services.db.tenant(member.tenant_id) as tx:
        for _ in range(count):
            audit.record(tx, member.caller.actor, Event.PROFILE_CHANGED)


def log_of(house: House, tenant_id: object) -> list[tuple[int, bytes]]:
    with house.server.connect("boot", house.database) as boot:
        query = "SELECT position, body FROM cloister.audit_log WHERE tenant_id = %s ORDER BY position"
        return [(int(str(at)), bytes(body)) for at, body in boot.execute(query, [tenant_id])]  # type: ignore[call-overload]


def head_of(house: House, tenant_id: object) -> Checkpoint:
    """The head's checkpoint, after its signature was checked."""
    signer = LogSigners(house.worker.db, house.worker.vault)()
    with house.server.connect("boot", house.database) as boot:
        row = boot.execute("SELECT note FROM cloister.audit_heads WHERE tenant_id = %s", [tenant_id]).fetchone()
    assert row is not None
    note = parse_note(str(row[0]))
    said = parse_checkpoint(note.text)
    assert signed_by(note, [log_key(said.origin, one) for one in signer.known])
    assert signed_by(note, [log_key(said.origin, one) for one in signer.known], verifies=signature_holds)
    return said


def inbox(house: House) -> int:
    with house.server.connect("boot", house.database) as boot:
        row = boot.execute("SELECT count(*) FROM cloister.audit_inbox").fetchone()
    assert row is not None
    return int(str(row[0]))


def test_who_commits_late_is_sealed_while_others_write_more_than_a_round_takes(house: House, ada: Member) -> None:
    """What was recorded before others, and committed after them, lies behind the place where full rounds go on."""
    house.seals()
    with sealing(house.worker) as (sealer, _):
        sealer._most = 3
        with ada.services.db.tenant(ada.tenant_id) as late:
            audit.record(late, ada.caller.actor, Event.PROFILE_CHANGED, subject=(subject := new_id()))
            time.sleep(0.002)  # ids are in the order of their milliseconds
            records(ada, 6)
            assert sealer.round().is_full
        rounds = 0
        while not any(str(subject).encode() in body for _, body in log_of(house, ada.tenant_id)):
            records(ada, 4)
            assert sealer.round().is_full
            assert (rounds := rounds + 1) < 20


def test_what_one_act_records_is_sealed_in_the_order_it_was_recorded_in(house: House, ada: Member) -> None:
    subjects = [new_id() for _ in range(40)]
    with ada.services.db.tenant(ada.tenant_id) as tx:
        for subject in subjects:
            audit.record(tx, ada.caller.actor, Event.PROFILE_CHANGED, subject=subject)
    house.seals()
    found = b"".join(body for _, body in log_of(house, ada.tenant_id))
    places = [found.find(str(subject).encode()) for subject in subjects]
    assert places == sorted(places)


def test_it_seals_each_organisation_into_a_tree_without_a_gap(house: House, ada: Member, bo: Member) -> None:
    records(ada, 300)
    assert house.seals() > 300
    assert inbox(house) == 0
    for tenant_id in (ada.tenant_id, bo.tenant_id, PLATFORM):
        found = log_of(house, tenant_id)
        assert [at for at, _ in found] == list(range(len(found)))
        said = head_of(house, tenant_id)
        assert (said.size, said.root) == (len(found), root_hash(leaf_hash(body) for _, body in found))
        assert said.origin.endswith(f"/{tenant_id}")
    records(ada, 5)
    assert house.seals() == 5
    assert head_of(house, ada.tenant_id).root == root_hash(leaf_hash(body) for _, body in log_of(house, ada.tenant_id))


def test_the_log_of_logs_holds_each_kept_checkpoint_once_a_minute_where_something_is_new(
    house: House, ada: Member
) -> None:
    house.seals()
    first = len(log_of(house, LOGS))
    assert first == 2, "the platform's and Ada's"
    records(ada, 3)
    house.seals()
    assert len(log_of(house, LOGS)) == first, "within the minute"
    house.clock.passes(seconds=61)
    house.seals()
    assert log_of(house, LOGS)[-1] == (first, str(head_of(house, ada.tenant_id)).encode())
    house.clock.passes(hours=1)
    assert house.seals() == 0
    assert len(log_of(house, LOGS)) == first + 1, "nothing is new"
    assert head_of(house, LOGS).size == first + 1


def test_a_reader_sees_one_order_whether_sealed_or_not(house: House, ada: Member) -> None:
    records(ada, 30)
    with house.app.db.tenant(ada.tenant_id) as tx:
        before = audit.list_entries(tx, limit=1000)
    house.seals()
    records(ada, 2)
    with house.app.db.tenant(ada.tenant_id) as tx:
        after = audit.list_entries(tx, limit=1000)
        assert after[2:] == before
        assert audit.list_entries(tx, limit=1000, oldest_first=True) == after[::-1]
        assert audit.list_entries(tx, limit=10, before=after[4].event_id) == after[5:15]
        wanted = audit.EntryFilter(Event.PROFILE_CHANGED, actors=frozenset({ada.caller.user_id}))
        assert len(audit.list_entries(tx, wanted, limit=1000)) == 32
        assert len(list(audit.iterate_bodies(tx))) == len(after)


def test_what_waits_from_before_is_sealed_in_pieces_and_nobody_waits_for_another(
    house: House, ada: Member, bo: Member
) -> None:
    records(ada, 50)
    records(bo, 5)
    with sealing(house.worker) as (sealer, _):
        sealer._most = 20
        rounds = 0
        while sealer.round().is_full:
            rounds += 1
    assert rounds >= 3
    assert inbox(house) == 0
    assert len(log_of(house, bo.tenant_id)) == head_of(house, bo.tenant_id).size


def test_only_one_sequencer_works_at_a_time(house: House, ada: Member) -> None:
    house.seals()
    records(ada, 3)
    with house.server.connect("sealer", house.database) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [0x4155444954])
        assert house.seals() == 0
    assert house.seals() == 3


@pytest.mark.parametrize(
    "planted",
    [
        "UPDATE cloister.audit_heads SET size = size - 1",
        "UPDATE cloister.audit_heads SET peaks = sha256(peaks) WHERE octet_length(peaks) = 32",
        "UPDATE cloister.audit_heads SET note = replace(note, size::text, (size + 1)::text), size = size + 1",
        "UPDATE cloister.audit_heads SET note = 'nothing'",
    ],
)
def test_it_does_not_go_on_with_a_head_that_it_did_not_sign(
    house: House, ada: Member, bo: Member, planted: str
) -> None:
    house.seals()
    while head_of(house, ada.tenant_id).size.bit_count() != 1:
        records(ada, 1)
        house.seals()
    records(ada, 3)
    records(bo, 3)
    with house.server.connect("boot", house.database) as boot:
        boot.execute(f"{planted} {'AND' if 'WHERE' in planted else 'WHERE'} tenant_id = '{ada.tenant_id}'".encode())
    assert house.seals() == 3, "the others' logs go on"
    assert inbox(house) == 3, "nothing is lost"


def test_a_running_sequencer_notices_that_the_log_was_rolled_back(house: House, ada: Member) -> None:
    house.seals()
    with house.server.connect("boot", house.database) as boot, sealing(house.worker) as (sealer, _):
        boot.execute("CREATE TABLE public.old AS SELECT * FROM cloister.audit_heads")
        records(ada, 3)
        sealer.round()
        boot.execute("SET session_replication_role = replica")
        boot.execute("DELETE FROM cloister.audit_heads")
        boot.execute("INSERT INTO cloister.audit_heads SELECT * FROM public.old")
        records(ada, 1)
        sealer.round()
        assert ada.tenant_id in sealer.broken
    assert inbox(house) == 1


def test_a_foreign_key_in_the_database_makes_no_head_trusted(house: House, ada: Member) -> None:
    from appliance.kernel.sealing import SigningKey
    from appliance.proof.note import Note, sign

    house.seals()
    foreign, said = SigningKey.make(), head_of(house, ada.tenant_id)
    forged = str(Note(str(said), (sign(str(said), log_key(said.origin, foreign.public), foreign.sign),)))
    with house.server.connect("boot", house.database) as boot:
        boot.execute("UPDATE cloister.audit_heads SET note = %s WHERE tenant_id = %s", [forged, ada.tenant_id])
        boot.execute("INSERT INTO cloister.audit_log_keys VALUES (%s, 0, %s, NULL, 0)", [ada.tenant_id, foreign.public])
    records(ada, 2)
    house.seals()
    assert inbox(house) == 2


def test_a_new_key_is_signed_by_the_old_one_and_that_is_in_the_log(house: House, ada: Member) -> None:
    house.seals()
    old = LogSigners(house.worker.db, house.worker.vault)()
    with house.worker.db.tenant(PLATFORM) as tx:
        assert change_log_key(tx, audit.Actor(audit.ActorKind.OPERATOR), house.worker.vault) == 2
    records(ada, 1)
    house.seals()
    new = LogSigners(house.worker.db, house.worker.vault)()
    assert (new.number, new.known, new.installation) == (2, (old.public, new.public), old.installation)
    with house.app.db.tenant(ada.tenant_id) as tx:
        entry = audit.list_entries(tx, audit.EntryFilter(Event.LOG_KEY_CHANGED))[0]
    assert entry.facts["new"] == new.public.hex()
    statement = f"cloister-log-key/1\n{old.public.hex()}\n{new.public.hex()}\n".encode()
    assert signature_holds(old.public, statement, bytes.fromhex(str(entry.facts["endorsement"])))
    head = head_of(house, ada.tenant_id)
    assert head.root == root_hash(leaf_hash(body) for _, body in log_of(house, ada.tenant_id))


def test_an_entry_that_cannot_be_read_is_sealed_all_the_same(house: House, ada: Member) -> None:
    with house.server.connect("boot", house.database) as boot:
        for body in (b"\xff", b"[]", b'{"actor":7}', b'{"actor":{"id":"x"},"subject":null}', b"[" * 200_000):
            query = "INSERT INTO cloister.audit_inbox VALUES (%s, gen_random_uuid(), 'x', %s, now())"
            boot.execute(query, [ada.tenant_id, body])
    house.seals()
    assert inbox(house) == 0
    assert head_of(house, ada.tenant_id).size == len(log_of(house, ada.tenant_id))


@pytest.mark.parametrize("role", ["app", "worker", "sealer", "auditor"])
def test_no_role_of_ours_changes_what_is_sealed(house: House, ada: Member, role: str) -> None:
    house.seals()
    with house.server.connect(role, house.database) as link:
        link.execute(f"SET app.tenant_id = '{ada.tenant_id}'".encode())
        for table in ("audit_log", "audit_nodes", "audit_checkpoints", "audit_log_keys"):
            for change in (f"DELETE FROM {table}", f"UPDATE {table} SET tenant_id = tenant_id", f"TRUNCATE {table}"):
                with pytest.raises(psycopg.Error, match=r"permission denied|append-only"):
                    link.execute(change.encode())


def test_entries_of_several_people_come_in_one_order_page_by_page(house: House, ada: Member) -> None:
    people = [audit.Actor(audit.ActorKind.USER, new_id()) for _ in range(4)]
    for round_ in range(6):
        with house.app.db.tenant(ada.tenant_id) as tx:
            for one in people:
                audit.record(tx, one, Event.DOCUMENT_OPENED if round_ % 2 else Event.PROFILE_CHANGED)
        if round_ % 3 == 1:
            house.seals()  # some wait in the inbox
    wanted = audit.EntryFilter(Event.DOCUMENT_OPENED, frozenset(one.id for one in people[:3] if one.id))
    with house.app.db.tenant(ada.tenant_id) as tx:
        everything = [
            one for one in audit.list_entries(tx, limit=1000)
            if one.event == Event.DOCUMENT_OPENED and one.actor.id in (wanted.actors or ())
        ]  # fmt: skip
        for oldest_first in (False, True):
            found: list[audit.Entry] = []
            while page := audit.list_entries(
                tx, wanted, before=found[-1].event_id if found else None, limit=4, oldest_first=oldest_first
            ):
                found += page
            assert found == (everything[::-1] if oldest_first else everything)
    assert len(everything) == 9
