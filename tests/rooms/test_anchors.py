"""Anchors outside the operator's reach: a witness and a time-stamping authority, both real, and the log that goes on or does not."""

import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from appliance import audit, evidence
from appliance.assembly import anchors_of
from appliance.audit import LOGS, PLATFORM, Event
from appliance.audit.anchors import assurance_of
from appliance.audit.anchors.attending import _Overtaken
from appliance.evidence.values import Item
from appliance.proof.note import cosigned_at, parse_checkpoint, parse_key, parse_note
from appliance.proof.timestamps import is_stamped
from appliance.settings import Settings
from appliance.worker.sealing import sealed_beside
from tests.rooms.test_sealed_log import head_of, inbox, log_of, records
from tests.support.anchoring import Authority, Witness, anchored, started, witnessing
from tests.support.attacks import Rig
from tests.support.house import House, Member, Server


@pytest.fixture
def house(anchored_house: House) -> House:
    return anchored_house


def rows(house: House, query: str, *values: object) -> list[tuple[object, ...]]:
    with house.server.connect("boot", house.database) as boot:
        boot.execute("SET search_path = cloister, public")
        return boot.execute(query.encode(), values).fetchall()


def test_each_kept_checkpoint_is_cosigned_and_the_log_of_logs_is_time_stamped(
    house: House, ada: Member, witness: Witness, authority: Authority
) -> None:
    records(ada, 3)
    house.seals()
    house.clock.passes(seconds=61)
    records(ada, 3)
    house.seals()
    found = rows(house, "SELECT tenant_id, size, note FROM audit_cosignatures ORDER BY size")
    assert {one[0] for one in found} == {ada.tenant_id, PLATFORM, LOGS}
    for _, size, note in found:
        read = parse_note(str(note))
        assert parse_checkpoint(read.text).size == size
        assert cosigned_at(read, parse_key(witness.key))
    sizes = [size for tenant, size, _ in found if tenant == ada.tenant_id]
    assert len(sizes) == 2
    assert sizes[-1] == head_of(house, ada.tenant_id).size
    stamps = rows(house, "SELECT tenant_id, size, note, token FROM audit_time_stamps")
    assert len(stamps) == 1, "once an hour"
    assert stamps[0][0] == LOGS
    assert is_stamped(bytes(stamps[0][3]), parse_note(str(stamps[0][2])).text.encode(), authority.ca)  # type: ignore[call-overload]
    house.clock.passes(hours=1)
    records(ada, 1)
    house.seals()
    assert len(rows(house, "SELECT FROM audit_time_stamps")) == 2
    assurance = assurance_of(house.app.db, ada.tenant_id, anchors_of(house.settings), clock=house.clock)
    assert assurance.level == "witness"
    proofs = evidence.gather(house.app.db, ada.caller, [Item.LOG_PROOFS], clock=house.clock)[Item.LOG_PROOFS]
    assert not proofs.gaps, "somebody outside knows how far it was"


def rolls_back(house: House, tenant: object, to: int) -> None:
    """What the restore of an older backup does to a log."""
    with house.server.connect("boot", house.database) as boot:
        boot.execute("SET session_replication_role = replica")
        boot.execute("SET search_path = cloister, public")
        kept = boot.execute("SELECT note FROM audit_checkpoints WHERE tenant_id = %s AND size = %s", [tenant, to]).fetchone()
        assert kept is not None
        from appliance.proof.tree import Frontier

        frontier = Frontier()
        for (leaf,) in boot.execute("SELECT leaf FROM audit_log WHERE tenant_id = %s AND position < %s ORDER BY position", [tenant, to]).fetchall():
            frontier.append(bytes(leaf))  # type: ignore[call-overload]
        for table, column in (("audit_log", "position >= %s"), ("audit_checkpoints", "size > %s"), ("audit_cosignatures", "size > %s")):
            boot.execute(f"DELETE FROM {table} WHERE tenant_id = %s AND {column}".encode(), [tenant, to])
        boot.execute("DELETE FROM audit_nodes WHERE tenant_id = %s AND (place + 1) << level > %s", [tenant, to])
        boot.execute("DELETE FROM audit_anchors WHERE tenant_id = %s", [tenant])
        boot.execute(
            "UPDATE audit_heads SET size = %s, note = %s, peaks = %s, kept_size = %s WHERE tenant_id = %s",
            [to, kept[0], bytes(frontier), to, tenant],
        )


def test_after_a_restore_it_seals_nothing_below_what_the_witness_saw_until_an_epoch_is_ordered(
    house: House, ada: Member, bo: Member
) -> None:
    records(ada, 3)
    house.seals()
    size = head_of(house, ada.tenant_id).size
    house.clock.passes(seconds=61)
    records(ada, 4)
    house.seals()
    lost = head_of(house, ada.tenant_id)
    rolls_back(house, ada.tenant_id, size)
    records(ada, 2)
    records(bo, 2)
    house.seals()
    assert head_of(house, ada.tenant_id).size == size, "nothing is sealed there"
    assert inbox(house) == 3, "and nothing lost: two entries and the alarm wait"
    assert head_of(house, bo.tenant_id).size == len(log_of(house, bo.tenant_id)), "the others go on"
    with house.app.db.tenant(ada.tenant_id) as tx:
        alarm = audit.list_entries(tx, audit.EntryFilter(Event.ANCHOR_CONTRADICTED))[0]
    assert alarm.facts["fault"] == "behind"
    assert (alarm.facts["size"], alarm.facts["seen"]) == (size, lost.size)
    assurance = assurance_of(house.app.db, ada.tenant_id, anchors_of(house.settings), clock=house.clock)
    assert assurance.contradicted is not None
    house.seals()
    assert inbox(house) == 3, "a process that begins anew does not either, and the alarm is raised once"

    with house.worker.db.tenant(PLATFORM) as tx:
        assert audit.open_epoch(tx, audit.Actor(audit.ActorKind.OPERATOR), reason="restored a backup", clock=house.clock) == 2
    house.seals()
    assert inbox(house) == 0
    head = head_of(house, ada.tenant_id)
    assert head.origin == lost.origin.replace("/" + str(ada.tenant_id), f".2/{ada.tenant_id}")
    with house.app.db.tenant(ada.tenant_id) as tx:
        first = audit.list_entries(tx, audit.EntryFilter(Event.LOG_EPOCH_OPENED))[0]
    assert first.facts["old_origin"] == lost.origin
    assert (first.facts["old_size"], first.facts["seen"]) == (size, lost.size)
    assert first.facts["reason"] == "restored a backup"
    for tenant in (bo.tenant_id, PLATFORM, LOGS):
        assert ".2/" in head_of(house, tenant).origin, "all logs begin it together"
    assurance = assurance_of(house.app.db, ada.tenant_id, anchors_of(house.settings), clock=house.clock)
    assert (assurance.level, assurance.epoch, assurance.contradicted) == ("witness", 2, None)
    records(ada, 2)
    assert house.seals() == 2


def test_a_log_that_became_another_one_is_not_gone_on_with(house: House, ada: Member, tmp_path: Path) -> None:
    rig = Rig(house, ada, tmp_path)
    bodies = rig.bodies()
    rig.puts_log([bodies[0].replace(b"success", b"failure"), *bodies[1:], bodies[1]])
    records(ada, 1)
    house.seals()
    assert inbox(house) == 2, "the entry and the alarm wait"
    assert head_of(house, ada.tenant_id).size == len(bodies) + 1
    with house.app.db.tenant(ada.tenant_id) as tx:
        assert audit.list_entries(tx, audit.EntryFilter(Event.ANCHOR_CONTRADICTED))[0].facts["fault"] == "forked"


def test_a_new_key_is_handed_on_to_the_witness(house: House, ada: Member) -> None:
    from appliance.vault import change_log_key

    records(ada, 2)
    house.seals()
    for _ in range(2):
        with house.worker.db.tenant(PLATFORM) as tx:
            change_log_key(tx, audit.Actor(audit.ActorKind.OPERATOR), house.worker.vault)
    house.clock.passes(seconds=61)
    records(ada, 2)
    house.seals()
    newest = rows(house, "SELECT max(size) FROM audit_cosignatures WHERE tenant_id = %s", ada.tenant_id)
    assert newest[0][0] == head_of(house, ada.tenant_id).size
    records(ada, 1)
    assert house.seals() == 1


def test_without_its_witness_a_process_that_has_just_begun_waits_and_one_that_runs_goes_on(
    server: Server, database: str, tmp_path: Path
) -> None:
    from appliance.assembly import sealing

    with ExitStack() as stack:
        peer = stack.enter_context(witnessing(tmp_path / "peer"))
        house = House(server, database, tmp_path, **anchored(peer))
        stack.callback(house.close)
        ada = house.founds("Harrow", "ada@harrow.example")
        records(ada, 2)
        house.seals()
        with sealing(house.worker) as (sealer, attendant):
            sealer.round()
            attendant.round()
            records(ada, 1)
            sealer.round()
            attendant.round()
            sealer.round()
            assert inbox(house) == 0
            peer.stop()
            records(ada, 2)
            house.clock.passes(seconds=61)
            assert sealer.round().sealed == 2, "it was asked about"
            attendant.round()
        records(ada, 2)
        house.clock.passes(seconds=61)
        house.seals()
        with house.app.db.tenant(PLATFORM) as tx:
            assert len(audit.list_entries(tx, audit.EntryFilter(Event.ANCHOR_LOST))) == 1, "said once"
        assert inbox(house) >= 2, "what just began waits"
        again = started(tmp_path / "peer", peer.key, port=int(peer.address.rpartition(":")[2]))
        stack.callback(again.stop)
        house.clock.passes(seconds=61)
        house.seals()
        assert inbox(house) == 0
        with house.app.db.tenant(PLATFORM) as tx:
            assert len(audit.list_entries(tx, audit.EntryFilter(Event.ANCHOR_RESTORED))) == 1


def test_nothing_new_is_shown_while_what_waits_is_old(house: House, ada: Member) -> None:
    house.seals()
    before = rows(house, "SELECT count(*) FROM audit_cosignatures WHERE tenant_id = %s", ada.tenant_id)
    records(ada, 2)
    house.clock.passes(seconds=61)
    from appliance.assembly import sealing

    with sealing(house.worker) as (sealer, attendant):
        sealer.round()
        attendant.round()
        sealer.round()
        records(ada, 1)
        with house.server.connect("boot", house.database) as boot:
            boot.execute("SET session_replication_role = replica")
            boot.execute("UPDATE cloister.audit_inbox SET recorded_at = now() - interval '1 hour'")
        attendant.round()
        assert rows(house, "SELECT count(*) FROM audit_cosignatures WHERE tenant_id = %s", ada.tenant_id) == before
        for _ in range(3):
            sealer.round()
            attendant.round()
    assert rows(house, "SELECT count(*) FROM audit_cosignatures WHERE tenant_id = %s", ada.tenant_id) != before


def test_a_checkpoint_that_a_package_overtook_is_no_contradiction(house: House, ada: Member) -> None:
    from appliance.assembly import attendant_of, sealing
    from appliance.audit.anchors import ledger

    records(ada, 2)
    house.seals()
    with house.worker.db.tenant(ada.tenant_id) as tx:
        older = ledger.head_of(tx)
    records(ada, 2)
    house.seals()
    packages = attendant_of(house.worker)
    assert older is not None
    assert packages is not None
    assert cosigned_at(parse_note(packages.anchor(ada.tenant_id).note), parse_key(house.settings.audit_witnesses[0].split()[1]))
    with sealing(house.worker) as (_, attendant):
        with pytest.raises(_Overtaken):
            attendant._show(ada.tenant_id, attendant._witnesses[0], older)
    records(ada, 1)
    assert house.seals() == 1


def test_the_worker_seals_and_goes_to_the_anchors_by_itself(house: House, ada: Member) -> None:
    records(ada, 3)
    with sealed_beside(house.worker):
        until = time.monotonic() + 30
        while not rows(house, "SELECT FROM audit_cosignatures WHERE tenant_id = %s", ada.tenant_id):
            assert time.monotonic() < until, "no witness signed"
            time.sleep(0.1)
    assert inbox(house) == 0


def test_a_time_stamp_of_somebody_else_is_not_kept(house: House, ada: Member, authority: Authority) -> None:
    authority.spoils = True
    try:
        house.seals()
        assert rows(house, "SELECT FROM audit_time_stamps") == []
        with house.app.db.tenant(PLATFORM) as tx:
            assert audit.list_entries(tx, audit.EntryFilter(Event.ANCHOR_LOST))
    finally:
        authority.spoils = False
    house.clock.passes(minutes=1)
    house.seals()
    assert len(rows(house, "SELECT FROM audit_time_stamps")) == 1


def test_which_anchors_there_are_is_on_record(house: House, ada: Member, witness: Witness) -> None:
    house.seals()
    house.seals()
    with house.app.db.tenant(PLATFORM) as tx:
        found = audit.list_entries(tx, audit.EntryFilter(Event.ANCHORS_CHANGED))
    assert len(found) == 1
    assert witness.key in str(found[0].facts["after"])


@pytest.mark.parametrize("allowed", [[], ["other.example.org"], ["witness.example.org:8443"]])
def test_the_settings_refuse_an_anchor_that_may_not_be_called(house: House, witness: Witness, allowed: list[str]) -> None:
    entry = f"https://witness.example.org {witness.key}"
    chosen = house.settings.model_dump() | {"audit_time_stamps": None, "audit_witnesses": [entry]}
    with pytest.raises(ValueError, match=r"can add .* to audit_anchors_allow"):
        Settings(**chosen | {"audit_anchors_allow": allowed})
    assert Settings(**chosen | {"audit_anchors_allow": ["witness.example.org"]}).audit_witnesses == [entry]


@pytest.mark.parametrize("entry", ["https://x", "ftp://x w+00000000+AAAA", "https://x w+00000000+AAAA", "https://x "])
def test_the_settings_name_what_is_wrong_with_a_witness(entry: str) -> None:
    from appliance.audit.anchors import witness_place

    with pytest.raises(ValueError, match=r"URL KEY|cannot be read"):
        witness_place(entry)
