"""Personal values in packages and exports of the log: disclosed beside the entries, and proven to be theirs."""

import json
from collections.abc import Callable

import pytest

from appliance import audit
from appliance.audit import EntryFilter, Event, Wanted
from appliance.identity import Role
from appliance.proof.export import verify
from appliance.proof.package import DISCLOSURES, EVENTS, FORMAT, MANIFEST, TABLE
from appliance.proof.verify import ALTERED, INTACT, verify_package
from appliance.vault import LogSigners
from tests.rooms.test_log_packages import by_shell, resigned
from tests.rooms.test_log_peers import by_go
from tests.support.house import House, Member
from tests.support.log_packages import Exports, member_of
from tests.support.personal import HOME, OFFICE, acts, at


def test_the_plain_export_has_disclosures_and_is_checked_with_them(house: House, ada: Member) -> None:
    acts(ada, HOME, 2)
    with house.app.db.tenant(ada.tenant_id) as tx:
        lines = list(audit.export_lines(tx, at(ada, OFFICE).actor))
    assert verify(lines).fault is None
    places = [place for place, line in enumerate(lines) if line.startswith("[") and HOME in line]
    assert len(places) == 2
    first, second = places
    for tampered in (
        [*lines[:first], lines[first].replace(HOME, OFFICE), *lines[first + 1 :]],
        [*lines[:first], lines[second], *lines[first + 1 :]],  # of another entry
        [*lines[: first + 1], lines[first], *lines[first + 1 :]],  # twice
        [lines[first], *lines],
    ):
        assert "a personal value is not" in str(verify(tampered).fault)
    assert verify([line for line in lines if not line.startswith("[")]).fault is None, "left out, it proves the same"


def test_a_package_without_personal_values_verifies_and_says_so(house: House, ada: Member, exports: Exports) -> None:
    acts(ada, HOME, 2)
    package = exports(ada, Wanted(is_personal=False))
    for name in (EVENTS, TABLE):
        assert HOME not in member_of(package, name)
    report = verify_package(str(package))
    assert (report.status, report.fault) == (INTACT, None)
    assert any("was asked for without them" in one for one in report.unproven)
    assert json.loads(member_of(package, MANIFEST))["personal"]["withheld"] is True
    with pytest.raises(KeyError):
        member_of(package, DISCLOSURES)
    with house.app.db.tenant(ada.tenant_id) as tx:
        entry = audit.list_entries(tx, EntryFilter(Event.LOG_EXPORTED))[0]
    assert entry.facts["personal_values"] == "withheld"


def test_a_filtered_package_has_the_values_of_what_it_shows_and_no_others(ada: Member, exports: Exports) -> None:
    bea = ada.adds("bea@harrow.example", Role.MEMBER)
    acts(ada, OFFICE)
    acts(bea, HOME)
    package = exports(ada, Wanted(actors=frozenset({bea.caller.user_id})))
    assert (OFFICE in member_of(package, DISCLOSURES), HOME in member_of(package, DISCLOSURES)) == (False, True)
    assert verify_package(str(package)).status == INTACT


Change = Callable[[list[str]], list[str]]
TAMPERED: dict[str, tuple[Change, str]] = {
    "a value is altered": (lambda rows: [rows[0].replace(HOME, OFFICE), *rows[1:]], "is not the one that the entry"),
    "a salt is altered": (lambda rows: [rows[0].replace('["', '["0', 1).replace('0"', '"', 1), *rows[1:]], "is not the one"),
    "two are swapped": (lambda rows: [_moved(rows[1], rows[0]), _moved(rows[0], rows[1]), *rows[2:]], "is not the one"),
    "one is another entry's": (lambda rows: [_moved(rows[1], rows[0]), *rows[1:]], "is not the one that the entry"),
    "one stands twice": (lambda rows: [rows[0], *rows], "is disclosed twice"),
    "they are out of order": (lambda rows: rows[::-1], "events.csv does not say"),
    "one is of no entry": (lambda rows: [*rows, rows[0].replace(json.loads(rows[0])["position"].__str__() + "}", "999999}")], "where no entry is shown"),
    "its name is another field's": (lambda rows: [rows[0].replace("actor.address", "facts.address"), *rows[1:]], "is not the one"),
    "one is missing": (lambda rows: rows[1:], "events.csv does not say"),
    "a name stands twice in one": (lambda rows: [rows[0].replace("{", '{"position":0,', 1), *rows[1:]], "canonical"),
    "a position is no number": (lambda rows: [rows[0].replace('"position":', '"position":"') [:-1] + '"}', *rows[1:]], "canonical"),
}  # fmt: skip


def _moved(row: str, to: str) -> str:
    said = json.loads(row) | {"position": json.loads(to)["position"]}
    return json.dumps(said, sort_keys=True, separators=(",", ":"))


def test_a_disclosure_that_was_tampered_with_is_found_even_where_the_logs_key_signs_it(
    house: House, ada: Member, exports: Exports
) -> None:
    acts(ada, HOME, 3)
    package, signer = exports(ada, Wanted(kinds=frozenset({Event.PROFILE_CHANGED}))), LogSigners(house.worker.db, house.worker.vault)()
    rows = member_of(package, DISCLOSURES).splitlines()
    assert len(rows) == 3
    for name, (change, fault) in TAMPERED.items():
        written = "".join(f"{row}\n" for row in change(rows))
        attacked = resigned(package, signer, {DISCLOSURES: written})  # type: ignore[arg-type]  # it signs as a key does
        report = verify_package(str(attacked))
        assert (name, report.status) == (name, ALTERED)
        assert fault in str(report.fault), (name, report.fault)
        assert by_go(attacked)[0] == 1, name


def test_a_missing_disclosure_is_withheld_and_not_altered(house: House, ada: Member, exports: Exports) -> None:
    """Whoever lays out a package may leave one out, and says how many there are."""
    acts(ada, HOME, 3)
    package, signer = exports(ada), LogSigners(house.worker.db, house.worker.vault)()
    rows = member_of(package, DISCLOSURES).splitlines(keepends=True)
    (place,) = [at for at, row in enumerate(rows) if HOME in row][:1]
    said = json.loads(member_of(package, MANIFEST))
    said["personal"]["disclosed"] -= 1
    position = json.loads(rows[place])["position"]
    table = "".join(
        row.replace(HOME, "(not disclosed)") if row.startswith(f"{position},") else row
        for row in member_of(package, TABLE).splitlines(keepends=True)
    )
    changes = {DISCLOSURES: "".join(rows[:place] + rows[place + 1 :]), MANIFEST: json.dumps(said), TABLE: table}
    report = verify_package(str(resigned(package, signer, changes)))  # type: ignore[arg-type]
    assert (report.status, report.fault) == (INTACT, None)
    assert any("what 1 personal values were" in one for one in report.unproven)


def test_a_package_of_an_older_format_has_no_disclosures(house: House, ada: Member, exports: Exports) -> None:
    acts(ada, HOME)
    package, signer = exports(ada), LogSigners(house.worker.db, house.worker.vault)()
    older = member_of(package, MANIFEST).replace(FORMAT, "cloister-audit-package/3")
    report = verify_package(str(resigned(package, signer, {MANIFEST: older})))  # type: ignore[arg-type]
    assert (report.status, "does not belong" in str(report.fault)) == (ALTERED, True)


def test_the_shell_verifies_a_package_with_disclosures(ada: Member, exports: Exports) -> None:
    acts(ada, HOME)
    assert by_shell(exports(ada))[0] == INTACT
