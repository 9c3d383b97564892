"""Attacks on a package by who holds nothing but it: P in the table of `attacks.py`."""

import hashlib
import json
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

from appliance.audit import Wanted
from appliance.audit.packages import write_package
from appliance.proof import package as named
from appliance.proof.disclosures import disclosure_line
from appliance.proof.rows import csv_line
from appliance.proof.tree import leaf_hash
from tests.support.attacks import ADDRESS, Rig

Change = Callable[[dict[str, bytes]], None]


def repacked(rig: Rig, change: Change, *, more: tuple[tuple[str, bytes], ...] = (), sums: bool = True) -> Path:
    """Return a package with changed members, whose listed digests are those of the changed ones."""
    with zipfile.ZipFile(rig.package) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    if sums:
        listed = sorted(set(members) - {named.SUMS, named.SUMS_SIGNED})
        members[named.SUMS] = "".join(f"{hashlib.sha256(members[one]).hexdigest()}  {one}\n" for one in listed).encode()
    target = rig.target()
    with warnings.catch_warnings(), zipfile.ZipFile(target, "w") as archive:
        warnings.simplefilter("ignore")
        for name, content in (*members.items(), *more):
            archive.writestr(name, content)
    return target


def edit(members: dict[str, bytes]) -> None:
    members[named.EVENTS] = members[named.EVENTS].replace(b"identity:profile:changed", b"identity:profile:chanced", 1)
    members[named.TABLE] = members[named.TABLE].replace(b"identity:profile:changed", b"identity:profile:chanced", 1)


def _rows(members: dict[str, bytes], change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change the entries, and make leaves, positions, table and manifest as the attacker would."""
    bodies = change(members[named.EVENTS].splitlines())
    head = members[named.TABLE].split(b"\n", 1)[0]
    members[named.EVENTS] = b"".join(body + b"\n" for body in bodies)
    members[named.POSITIONS] = b"".join(b"%d\n" % at for at in range(len(bodies)))
    members[named.LEAVES] = b"".join(leaf_hash(body).hex().encode() + b"\n" for body in bodies)
    lines = "".join(csv_line(at, json.loads(body)) for at, body in enumerate(bodies))
    members[named.TABLE] = head + b"\n" + lines.encode()
    said = json.loads(members[named.MANIFEST])
    said |= {"disclosed": len(bodies), "last": len(bodies)}
    members[named.MANIFEST] = json.dumps(said).encode()


def _rewritten(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Rig], Path]:
    return lambda rig: repacked(rig, lambda members: _rows(members, change))


def _twice(members: dict[str, bytes]) -> None:
    first, rest = members[named.EVENTS].split(b"\n", 1)
    doubled = first.replace(b'"version":1', b'"version":1,"version":1')
    assert doubled != first
    members[named.EVENTS] = doubled + b"\n" + rest


def _formula(members: dict[str, bytes]) -> None:
    head, first, rest = members[named.TABLE].split(b"\n", 2)
    cells = first.split(b",")
    members[named.TABLE] = b"\n".join([head, b",".join([cells[0], b"=1+1", *cells[2:]]), rest])


def _as_it_is(_members: dict[str, bytes]) -> None:
    """Change nothing."""


def _other_filter(members: dict[str, bytes]) -> None:
    said = json.loads(members[named.MANIFEST])
    members[named.MANIFEST] = json.dumps(said | {"period": {"since": "2020-01-01T00:00:00+00:00"}}).encode()


def _other_address(members: dict[str, bytes]) -> None:
    for name in (named.DISCLOSURES, named.TABLE):
        changed = members[name].replace(ADDRESS.encode(), b"198.51.100.4", 1)
        assert changed != members[name]
        members[name] = changed


def _swapped_addresses(members: dict[str, bytes]) -> None:
    rows = [json.loads(row) for row in members[named.DISCLOSURES].splitlines()]
    rows[0]["disclosure"], rows[1]["disclosure"] = rows[1]["disclosure"], rows[0]["disclosure"]
    members[named.DISCLOSURES] = b"".join(disclosure_line(row["position"], row["disclosure"]) for row in rows)


def _cut(rig: Rig) -> Path:
    target = rig.target()
    target.write_bytes(rig.package.read_bytes()[:-200])
    return target


def _prepended(rig: Rig) -> Path:
    target = rig.target()
    target.write_bytes(b"<html>INTACT</html>" + rig.package.read_bytes())
    return target


def _unlisted(members: dict[str, bytes]) -> None:
    del members[named.LEAVES]


def _foreign(rig: Rig) -> Path:
    bo = rig.house.founds("Birch", "bo@birch.example")
    rig.house.seals()
    target = rig.target()
    write_package(
        rig.house.worker.db, bo.tenant_id, Wanted(), target, signer=rig.signer, at=rig.house.clock.now(),
        progress=lambda _done, _total: None,
    )  # fmt: skip

    def claim(members: dict[str, bytes]) -> None:
        with zipfile.ZipFile(target) as other:
            members.update({name: other.read(name) for name in other.namelist() if name != named.MANIFEST})

    return repacked(rig, claim)


OF_PACKAGES: dict[str, Callable[[Rig], Path]] = {
    "P edits an entry": lambda rig: repacked(rig, edit, sums=False),
    "P edits an entry and its listed digest": lambda rig: repacked(rig, edit),
    "P deletes an entry everywhere": _rewritten(lambda rows: [*rows[:3], *rows[4:]]),
    "P swaps two entries everywhere": _rewritten(lambda rows: [*rows[:3], rows[4], rows[3], *rows[5:]]),
    "P inserts an entry everywhere": _rewritten(lambda rows: [*rows[:3], rows[1], *rows[3:]]),
    "P cuts the file off": _cut,
    "P puts something before the package that other programs show": _prepended,
    "P removes a member": lambda rig: repacked(rig, _unlisted),
    "P adds a second member of the same name": lambda rig: repacked(
        rig, _as_it_is, more=((named.EVENTS, b"{}\n"),), sums=False
    ),
    "P adds a member that leads out of the folder": lambda rig: repacked(
        rig, lambda members: members.update({"../../outside.txt": b"x"})
    ),
    "P repeats a name in an entry's JSON": lambda rig: repacked(rig, _twice),
    "P puts a formula into the table": lambda rig: repacked(rig, _formula),
    "P says that another filter was asked for": lambda rig: repacked(rig, _other_filter),
    "P takes another log's package for this one": _foreign,
    "P puts another address in the place of a disclosed one": lambda rig: repacked(rig, _other_address),
    "P discloses the address of another entry": lambda rig: repacked(rig, _swapped_addresses),
}
