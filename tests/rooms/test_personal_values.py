"""Personal values of the log's entries: a commitment in the entry, the value beside it, and its end when the key ends."""

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from appliance import audit, identity
from appliance.audit import PLATFORM, STRANGERS, Actor, ActorKind, EntryFilter, Event, Lack
from appliance.audit.ocsf import Place, record
from appliance.audit.sinks.reading import read_from
from appliance.identity import Caller, Role
from appliance.identity.errors import PersonNotFound, StillMember
from appliance.kernel.db import Database
from appliance.kernel.sealing import KeyUnavailable
from appliance.proof.disclosures import commitment
from appliance.proof.package import DISCLOSURES, EVENTS, TABLE
from appliance.proof.verify import INTACT, verify_package
from tests.rooms.test_log_peers import by_go
from tests.support.house import House, Member
from tests.support.log_packages import Exports, member_of
from tests.support.personal import HOME, OFFICE, acts, addresses, at, erases, lacks, removed, stored
from tests.support.vault import destroyed


@pytest.mark.parametrize("is_sealed", [False, True])
@pytest.mark.parametrize("times", [1, 3])
def test_an_address_is_read_in_the_log_and_stands_nowhere_in_the_clear(
    house: House, ada: Member, times: int, is_sealed: bool
) -> None:
    acts(ada, HOME, times)
    if is_sealed:
        house.seals()
    assert addresses(ada) == [HOME] * times
    assert HOME.encode() not in stored(house)
    with house.app.db.tenant(ada.tenant_id) as tx:
        for body, disclosures in audit.iterate_bodies(tx):
            said = json.loads(body)
            if said["event"] == Event.PROFILE_CHANGED.value:
                assert (said["version"], said["actor"]["address"]) == (2, None)
                assert said["commitments"] == {"actor.address": commitment(*disclosures[0])}
                assert len(disclosures[0][0]) == 64


def test_equal_values_have_unequal_commitments(house: House, ada: Member) -> None:
    """Else who knows one entry's address would know it of every other."""
    acts(ada, HOME, 20)
    with house.app.db.tenant(ada.tenant_id) as tx:
        found = [one.commitments["actor.address"] for one in audit.list_entries(tx, EntryFilter(Event.PROFILE_CHANGED))]
    assert len(set(found)) == 20


def test_how_long_an_address_is_shows_nowhere(house: House, ada: Member) -> None:
    for address in ("::1", HOME, "2001:db8:1234:5678:9abc:def0:1234:5678"):
        acts(ada, address)
    with house.server.connect("boot", house.database) as boot:
        lengths = boot.execute("SELECT DISTINCT octet_length(sealed) FROM cloister.audit_disclosures WHERE tenant_id = %s", (ada.tenant_id,))
        assert len(lengths.fetchall()) == 1


def test_the_networks_of_a_token_are_personal_too(house: House, ada: Member) -> None:
    with house.app.db.tenant(ada.tenant_id) as tx:
        audit.record(tx, ada.caller.actor, Event.TOKEN_CREATED, networks="203.0.113.0/24", days=7)
        audit.record(tx, ada.caller.actor, Event.TOKEN_CREATED, networks="", days=8)
        one, other = audit.list_entries(tx, EntryFilter(Event.TOKEN_CREATED), oldest_first=True)
    assert (one.facts, other.facts) == ({"networks": "203.0.113.0/24", "days": 7}, {"networks": "", "days": 8})
    assert b"203.0.113.0/24" not in stored(house)


def test_what_is_erased_is_read_by_nobody_and_every_proof_still_holds(
    house: House, ada: Member, exports: Exports
) -> None:
    bea = ada.adds("bea@harrow.example", Role.MEMBER)
    acts(bea, HOME, 3)
    acts(ada, OFFICE)
    before = exports(ada)
    assert HOME in member_of(before, DISCLOSURES)
    removed(ada, bea)

    erases(ada, bea)

    assert sorted(addresses(ada), key=str) == sorted([OFFICE, None, None, None], key=str)
    assert lacks(ada).count({"actor.address": Lack.ERASED}) == 3
    after = exports(ada)
    report = verify_package(str(after))
    assert (report.status, report.fault) == (INTACT, None)
    assert any("they were erased" in one for one in report.unproven)
    for name in (EVENTS, TABLE, DISCLOSURES):
        assert HOME not in member_of(after, name)
    assert "(not disclosed)" in member_of(after, TABLE)
    assert member_of(after, EVENTS).startswith(member_of(before, EVENTS)), "the entries are the same"
    assert verify_package(str(before)).status == INTACT, "what was handed out stays true"
    assert by_go(after)[1].endswith("INTACT\n")
    with house.app.db.tenant(ada.tenant_id) as tx:
        (entry,) = audit.list_entries(tx, EntryFilter(Event.DISCLOSURES_ERASED))
    assert (entry.subject, entry.facts, entry.actor.address) == (str(bea.caller.user_id), {"keys": 1}, OFFICE)


def test_an_address_that_comes_back_after_an_erasure_is_kept_under_another_key(house: House, ada: Member) -> None:
    bea = ada.adds("bea@harrow.example", Role.MEMBER)
    acts(bea, HOME)
    removed(ada, bea)
    erases(ada, bea)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        identity.restore_member(tx, at(ada, OFFICE), bea.caller.user_id, clock=house.clock)

    acts(bea, HOME)

    assert addresses(ada) == [HOME, None]


def test_only_an_owner_with_a_fresh_proof_erases_and_only_of_who_was_removed(ada: Member, bo: Member) -> None:
    bea = ada.adds("bea@harrow.example", Role.ADMIN)

    def asks(caller: Caller, whom: Member) -> None:
        with ada.services.db.tenant(caller.tenant_id) as tx:
            identity.erase_from_log(tx, caller, whom.caller.user_id, clock=ada.house.clock)

    with pytest.raises(StillMember):
        asks(at(ada, OFFICE), bea)
    with pytest.raises(PersonNotFound):
        asks(at(ada, OFFICE), bo)
    with pytest.raises(identity.StepUpRequired):
        asks(replace(at(ada, OFFICE), is_recent=False), bea)
    with pytest.raises(identity.Forbidden):
        asks(at(bea, OFFICE), ada)


def test_an_erasure_ends_nobody_elses_values(house: House, ada: Member, bo: Member) -> None:
    bea = ada.adds("bea@harrow.example", Role.MEMBER)
    for one in (ada, bea, bo):
        acts(one, HOME)
    removed(ada, bea)
    erases(ada, bea)
    assert sorted(addresses(ada), key=str) == [HOME, None]
    assert addresses(bo) == [HOME]
    with house.app.db.tenant(bo.tenant_id) as tx:
        for table in ("audit_disclosures", "audit_subject_keys"):
            theirs = tx.scalar(text(f"SELECT count(*) FROM {table} WHERE tenant_id = :ada"), {"ada": ada.tenant_id})
            assert theirs == 0


def test_strangers_have_a_key_of_their_own(house: House) -> None:
    stranger = Actor(ActorKind.USER, address=HOME)
    with house.app.db.tenant(PLATFORM) as tx:
        audit.record(tx, stranger, Event.SIGN_IN_FAILED)
        assert audit.list_entries(tx, EntryFilter(Event.SIGN_IN_FAILED))[0].actor.address == HOME
        audit.erase_disclosures(tx, Actor(ActorKind.OPERATOR), STRANGERS, clock=house.clock)
        (entry,) = audit.list_entries(tx, EntryFilter(Event.SIGN_IN_FAILED))
    assert (entry.actor.address, entry.undisclosed) == (None, {"actor.address": Lack.ERASED})


def test_streams_show_what_is_there_and_say_what_was_erased(house: House, ada: Member) -> None:
    bea = ada.adds("bea@harrow.example", Role.MEMBER)
    acts(bea, HOME)

    def source() -> Any:
        house.seals()
        with house.worker.db.tenant(ada.tenant_id) as tx:
            found = [one for one in read_from(tx, 0, most=1000) if one.event == Event.PROFILE_CHANGED.value]
        assert found[0].entry is not None
        entry = replace(found[0].entry, event=Event.SESSION_OPENED.value)  # a class that names the source
        said = record(entry, Place(ada.tenant_id, "Harrow", "log"), position=found[0].position, body=found[0].body)
        assert HOME not in said["raw_data"]
        return said["src_endpoint"], said["unmapped"].get("undisclosed")

    assert source() == ({"ip": HOME}, None)
    removed(ada, bea)
    erases(ada, bea)
    assert source() == ({"name": "erased"}, {"actor.address": "erased"})


@pytest.mark.parametrize(
    "attack",
    [
        "DELETE FROM cloister.audit_disclosures",
        "DELETE FROM cloister.audit_subject_keys",
        "UPDATE cloister.audit_disclosures SET sealed = set_byte(sealed, 120, get_byte(sealed, 120) # 1)",
        "UPDATE cloister.audit_subject_keys SET sealed = set_byte(sealed, 80, get_byte(sealed, 80) # 1)",
        "UPDATE cloister.audit_subject_keys SET subject_id = gen_random_uuid()",
        "UPDATE cloister.audit_disclosures d SET sealed = o.sealed FROM cloister.audit_disclosures o WHERE d.event_id < o.event_id",
        "UPDATE cloister.audit_disclosures SET key_id = gen_random_uuid()",
    ],
)
def test_whoever_writes_the_database_loses_values_and_puts_none_in_their_place(
    house: House, ada: Member, exports: Exports, attack: str
) -> None:
    acts(ada, HOME)
    acts(ada, OFFICE)
    house.seals()
    with house.server.connect("boot", house.database) as boot:
        boot.execute(attack)
    shown = dict(zip([OFFICE, HOME], addresses(ada), strict=True))
    assert all(found in {wanted, None} for wanted, found in shown.items())
    assert None in shown.values()
    assert {"actor.address": Lack.LOST} in lacks(ada)
    assert verify_package(str(exports(ada))).status == INTACT
    acts(ada, HOME)
    assert addresses(ada)[0] in {HOME, None}


def test_a_broken_key_is_replaced_so_that_what_comes_is_kept(house: House, ada: Member) -> None:
    acts(ada, HOME)
    with house.server.connect("boot", house.database) as boot:
        boot.execute("UPDATE cloister.audit_subject_keys SET sealed = set_byte(sealed, 80, get_byte(sealed, 80) # 1)")
    fresh = house.worker  # a process that has kept nothing of it
    for _ in range(3):
        with fresh.db.tenant(ada.tenant_id) as tx:
            audit.record(tx, at(ada, OFFICE).actor, Event.PROFILE_CHANGED)
    assert addresses(ada) == [OFFICE, OFFICE, OFFICE, None]
    with house.server.connect("boot", house.database) as boot:
        keys = boot.execute("SELECT count(*) FROM cloister.audit_subject_keys WHERE subject_id = %s", (ada.caller.user_id,))
        assert keys.fetchone() == (2,)


def test_a_key_of_a_transaction_that_was_taken_back_seals_nothing_later(house: House, ada: Member) -> None:
    """A key that is kept in memory and not in the database would seal what nobody opens."""
    with pytest.raises(RuntimeError), house.app.db.tenant(ada.tenant_id) as tx:
        audit.record(tx, at(ada, HOME).actor, Event.PROFILE_CHANGED)
        raise RuntimeError
    with house.app.db.tenant(ada.tenant_id) as tx:
        with pytest.raises(RuntimeError), tx.begin_nested():
            audit.record(tx, at(ada, HOME).actor, Event.PROFILE_CHANGED)
            raise RuntimeError
        audit.record(tx, at(ada, OFFICE).actor, Event.PROFILE_CHANGED)
    acts(ada, HOME)
    assert addresses(ada) == [HOME, OFFICE]


def test_a_rotation_seals_the_keys_anew_and_the_values_still_open(house: House, ada: Member) -> None:
    acts(ada, HOME)
    (shelf,) = [one for one in house.worker.shelves if one.name == "audit_subject_keys.sealed"]
    assert shelf.count(ada.tenant_id) == 1
    with house.server.connect("boot", house.database) as boot:
        (before,) = boot.execute("SELECT sealed FROM cloister.audit_subject_keys WHERE tenant_id = %s", (ada.tenant_id,)).fetchone()  # type: ignore[misc]
    assert before is not None
    walked = shelf.reseal(ada.tenant_id, "", most=10)
    assert (walked.damaged, addresses(ada)) == (0, [HOME])


def test_without_the_root_nothing_is_recorded_in_the_clear(house: House, ada: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> bytes:
        raise KeyUnavailable("the root does not answer")

    bea = ada.adds("bea@harrow.example", Role.MEMBER)
    with house.server.connect("boot", house.database) as boot:
        boot.execute("DELETE FROM cloister.audit_subject_keys")
    with monkeypatch.context() as patched:
        patched.setattr(type(house.worker.vault), "seal", away)
        with house.worker.db.tenant(bea.tenant_id) as tx:
            audit.record(tx, at(bea, HOME).actor, Event.PROFILE_CHANGED)
    assert (addresses(bea), lacks(bea)) == ([None], [{"actor.address": Lack.LOST}]), "on record, and nothing opens it"
    assert HOME.encode() not in stored(house)


def test_while_the_root_is_away_the_log_is_read_and_nothing_less_is_handed_out(
    house: House, ada: Member, exports: Exports, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> list[bytes]:
        raise KeyUnavailable("the root does not answer")

    acts(ada, HOME)
    house.seals()
    with monkeypatch.context() as patched:
        patched.setattr(type(house.worker.vault), "unseal_all", away)
        assert (addresses(ada), lacks(ada)) == ([None], [{"actor.address": Lack.AWAY}])
        with pytest.raises(KeyUnavailable), house.worker.db.tenant(ada.tenant_id) as tx:
            read_from(tx, 0, most=1000)
        with pytest.raises(KeyUnavailable), house.app.db.tenant(ada.tenant_id) as tx:
            list(audit.iterate_bodies(tx))
        with pytest.raises(KeyUnavailable):
            exports(ada)
    assert addresses(ada) == [HOME]


def test_a_database_without_keys_records_no_address(house: House, ada: Member) -> None:
    bare = Database(house.server.url("cloister_app", house.database), pool_size=1)
    try:
        with pytest.raises(LookupError), bare.tenant(ada.tenant_id) as tx:
            audit.record(tx, at(ada, HOME).actor, Event.PROFILE_CHANGED)
        with bare.tenant(ada.tenant_id) as tx:
            audit.record(tx, Actor(ActorKind.SYSTEM), Event.PROFILE_CHANGED)
    finally:
        bare.close()


def test_entries_of_before_are_read_as_they_are(house: House, ada: Member) -> None:
    from appliance.audit.inbox import body_of
    from appliance.kernel.ids import new_id

    event_id = new_id()
    body = body_of(
        ada.tenant_id, event_id, house.clock.now(), at(ada, HOME).actor, Event.PROFILE_CHANGED, facts={}
    )
    with house.app.db.tenant(ada.tenant_id) as tx:
        tx.execute(
            text("INSERT INTO audit_inbox VALUES (:tenant, :id, 'identity:profile:changed', :body, now())"),
            {"tenant": ada.tenant_id, "id": event_id, "body": body},
        )
    house.seals()
    assert (addresses(ada), lacks(ada)) == ([HOME], [{}])


def test_what_opens_an_entry_is_added_and_changed_by_nobody(house: House, ada: Member) -> None:
    acts(ada, HOME)
    for statement in ("UPDATE audit_disclosures SET sealed = ''", "DELETE FROM audit_disclosures", "DELETE FROM audit_subject_keys"):
        with pytest.raises(DBAPIError, match="permission denied"), house.app.db.tenant(ada.tenant_id) as tx:
            tx.execute(text(statement))


def test_a_subject_is_asked_for_once_a_minute(house: House, ada: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry is written at every call: its address costs no look at the database."""
    from appliance.audit.subject_keys import KeptSubjectKeys

    asked = list[UUID]()
    looked_up = KeptSubjectKeys._found

    def counted(self: Any, tx: Any, subject_id: UUID) -> Any:
        asked.append(subject_id)
        return looked_up(self, tx, subject_id)

    monkeypatch.setattr(KeptSubjectKeys, "_found", counted)
    for _ in range(5):
        acts(ada, HOME)
    assert asked == [ada.caller.user_id] * 2, "to make it, and to find it made"


def test_the_end_of_an_organisations_keys_ends_all_of_its_addresses_and_the_log_goes_on(house: House, ada: Member) -> None:
    eve = ada.adds("eve@harrow.example", Role.OWNER)
    house.owners_settle()
    acts(ada, HOME)
    assert addresses(ada) == [HOME]

    destroyed(ada, eve)

    assert (addresses(ada), lacks(ada)) == ([None], [{"actor.address": Lack.ERASED}]), "not a moment later"
    acts(ada, HOME)  # under a key that this process still has in memory
    with house.worker.db.tenant(ada.tenant_id) as tx:  # and in one that has none
        audit.record(tx, at(eve, OFFICE).actor, Event.PROFILE_CHANGED)
    assert addresses(ada) == [None, None, None]
