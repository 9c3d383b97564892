"""After a loss: what a package still has is listed, and cited in the new epoch, each entry once; nothing else is."""

import json
import zipfile
from pathlib import Path

import pytest

from appliance import audit
from appliance.audit import PLATFORM, Actor, ActorKind, EntryFilter, Event, Wanted, replaying
from appliance.audit.errors import ReplayRefused
from appliance.proof.package import EVENTS
from appliance.proof.tree import leaf_hash
from appliance.proof.verify import INTACT, Known, verify_package
from tests.rooms.test_anchors import rolls_back
from tests.rooms.test_sealed_log import head_of, records
from tests.support.house import House, Member
from tests.support.log_packages import Exports, member_of

OPERATOR = Actor(ActorKind.OPERATOR)


def loses(house: House, member: Member, exports: Exports, wanted: Wanted | None = None) -> tuple[Path, int]:
    """Take a package away, and restore what was there four entries and the package's own before; return it, and what is kept."""
    records(member, 3)
    house.seals()
    house.clock.passes(seconds=61)
    kept = head_of(house, member.tenant_id).size
    records(member, 4)
    house.seals()
    package = exports(member, wanted)
    rolls_back(house, member.tenant_id, kept)
    return package, kept


def begins_anew(house: House) -> None:
    with house.worker.db.tenant(PLATFORM) as tx:
        audit.open_epoch(tx, OPERATOR, reason="restored a backup", clock=house.clock)
    house.seals()


def test_what_was_lost_is_listed_and_cited_once_in_the_new_epoch(
    house: House, ada: Member, exports: Exports
) -> None:
    package, kept = loses(house, ada, exports)
    bodies = member_of(package, EVENTS).splitlines()[kept:]
    found, lost = replaying.look(house.worker.db, ada.tenant_id, package)
    assert (found.kept, found.can_cite, found.withheld) == (kept, False, 0)
    assert [one.position for one in lost] == list(range(kept, kept + len(bodies)))
    with pytest.raises(ReplayRefused, match="appliance audit epoch"):
        replaying.cite(house.worker.db, ada.tenant_id, OPERATOR, package)
    begins_anew(house)

    assert replaying.cite(house.worker.db, ada.tenant_id, OPERATOR, package) == len(bodies)
    assert replaying.cite(house.worker.db, ada.tenant_id, OPERATOR, package) == 0, "not sealed yet, and not twice"
    house.seals()
    assert replaying.cite(house.worker.db, ada.tenant_id, OPERATOR, package) == 0

    assert all(one.is_cited for one in replaying.look(house.worker.db, ada.tenant_id, package)[1])
    with house.app.db.tenant(ada.tenant_id) as tx:
        cited = audit.list_entries(tx, EntryFilter(Event.LOG_ENTRY_CITED), oldest_first=True)
        assert len(audit.list_entries(tx, EntryFilter(Event.LOG_REPLAYED))) == 3
    assert {one.subject: one.facts["leaf"] for one in cited} == {
        json.loads(body)["event_id"]: leaf_hash(body.encode()).hex() for body in bodies
    }
    assert all(one.actor.kind is ActorKind.OPERATOR for one in cited)
    again = exports(ada)
    assert verify_package(str(again), Known(epoch=2)).status == INTACT


def test_what_a_package_withholds_is_counted_and_not_cited(house: House, ada: Member, exports: Exports) -> None:
    package, kept = loses(house, ada, exports, Wanted(kinds=frozenset({Event.LOG_EXPORTED})))
    found, lost = replaying.look(house.worker.db, ada.tenant_id, package)
    assert (len(lost), found.withheld) == (head_size(package) - kept - found.withheld, 4)
    assert {one.event for one in lost} <= {Event.LOG_EXPORTED}


def head_size(package: Path) -> int:
    return int(json.loads(member_of(package, "MANIFEST.json"))["size"])


def test_only_a_whole_package_of_this_very_log_is_taken(
    house: House, ada: Member, bo: Member, exports: Exports, tmp_path: Path
) -> None:
    package, _ = loses(house, ada, exports)
    foreign = exports(bo)
    with pytest.raises(ReplayRefused, match="another log"):
        replaying.look(house.worker.db, ada.tenant_id, foreign)
    altered = tmp_path / "altered.zip"
    with zipfile.ZipFile(package) as was, zipfile.ZipFile(altered, "w") as becomes:
        for name in was.namelist():
            body = was.read(name)
            becomes.writestr(name, body.replace(b'"outcome":"success"', b'"outcome":"failure"') if name == EVENTS else body)
    with pytest.raises(ReplayRefused, match="altered"):
        replaying.look(house.worker.db, ada.tenant_id, altered)
    with house.server.connect("boot", house.database) as boot:
        boot.execute("SET session_replication_role = replica")
        boot.execute("SET search_path = cloister, public")
        boot.execute("UPDATE audit_log_keys SET public = decode(repeat('00', 32), 'hex') WHERE tenant_id = %s", [ada.tenant_id])
    with pytest.raises(ReplayRefused):
        replaying.look(house.worker.db, ada.tenant_id, package)
