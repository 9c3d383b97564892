"""The entries that a package shows, each in its canonical form, at its position, and with its line of the table."""

import hashlib
import ipaddress
import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from appliance.proof.disclosures import Disclosed, commitments_of, disclosed
from appliance.proof.package import EVENTS, OCSF, POSITIONS, TABLE, Package, PackageAltered, once
from appliance.proof.rows import csv_head, csv_line

_NAMES = {
    "1": {"actor", "at", "event", "event_id", "facts", "outcome", "request_id", "subject", "tenant_id", "version"},
    "2": {"actor", "at", "commitments", "event", "event_id", "facts", "outcome", "request_id", "subject", "tenant_id", "version"},
}
"""The members of an entry, by its version. No others are let in: a program that takes `Event` for `event` would read another entry."""
_WHEN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}\+00:00")
"""The one spelling of a moment. Moments are compared as texts: written in another time zone, an older one could pass for a younger."""
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def shown_entries(package: Package, organisation: str, personal: Disclosed) -> Iterator[tuple[int, bytes, str]]:
    """Yield the shown entries with their positions before and their times behind, each compared with its line of the table."""
    table = package.lines(TABLE)
    if next(table, b"") + b"\n" != csv_head().encode():
        raise PackageAltered(f"{TABLE} has another head than it should")
    positions, before = package.lines(POSITIONS), -1
    ocsf = package.lines(OCSF) if OCSF in package.names else None
    for body in package.lines(EVENTS):
        written = next(positions, b"")
        position = int(written)
        if position <= before or str(position).encode() != written:
            raise PackageAltered(f"{POSITIONS} is not in order")
        said = _said_by(body, position, organisation)
        values = personal.of(position, said)
        for row in csv_line(position, disclosed(said, values)).encode()[:-1].split(b"\n"):
            if next(table, None) != row:
                raise PackageAltered(f"{TABLE} does not say what the entry at position {position} says")
        if ocsf is not None:
            _check_ocsf(next(ocsf, b""), position, body, said, values)
        before = position
        yield position, body, said["at"]
    if next(positions, None) is not None or next(table, None) is not None or (ocsf is not None and next(ocsf, None) is not None):
        raise PackageAltered("there are positions, lines of the table, or events of OCSF without an entry")
    personal.end()


def _said_by(body: bytes, position: int, organisation: str) -> dict[str, Any]:
    """Return what an entry says. Raises PackageAltered where programs could read it in several ways."""
    said: dict[str, Any] = json.loads(body)
    if _CANONICAL.encode(said).encode() != body:
        raise PackageAltered(f"the entry at position {position} is not in its canonical form: a name may stand twice in it")
    if said.keys() != _NAMES.get(str(said["version"])) or said["actor"].keys() != {"address", "id", "kind"}:
        raise PackageAltered(f"the entry at position {position} has other names in it than an entry of its version")
    if not _WHEN.fullmatch(said["at"]):
        raise PackageAltered(f"the entry at position {position} does not say its time in UTC, to the microsecond, as entries do")
    if said["tenant_id"] != organisation:
        raise PackageAltered(f"the entry at position {position} is another organisation's")
    return said


def _check_ocsf(line: bytes, position: int, body: bytes, said: dict[str, Any], values: dict[str, Any]) -> None:
    """Compare an event of OCSF with its entry, as far as that needs no schema: the exact bytes, whose, where, what, when and with which outcome.

    Of what is personal it says what is disclosed beside the entries, and nothing else.
    """
    if not line:
        raise PackageAltered(f"{OCSF} lacks the entry at position {position}")
    told = json.loads(line, object_pairs_hook=once)
    whole, unmapped, source = disclosed(said, values), told["unmapped"], told.get("src_endpoint", {})
    milliseconds = int(datetime.fromisoformat(said["at"]).timestamp() * 1000)
    there = (
        told["raw_data"].encode(), told["raw_data_hash"]["value"], told["metadata"]["sequence"], told["metadata"]["uid"],
        told["metadata"]["event_code"], told["metadata"]["tenant_uid"], told["time"], told["status_code"],
        unmapped["facts"], set(unmapped.get("undisclosed", {})),
    )  # fmt: skip
    here = (
        body, hashlib.sha256(body).hexdigest(), position, said["event_id"], said["event"], said["tenant_id"], milliseconds,
        said["outcome"], whole["facts"], commitments_of(said).keys() - values.keys(),
    )  # fmt: skip
    if there != here or ("ip" in source and source["ip"] != _ip(whole["actor"]["address"])):
        raise PackageAltered(f"{OCSF} does not say what the entry at position {position} says")


def _ip(address: str | None) -> str | None:
    try:
        return str(ipaddress.ip_address(address or ""))
    except ValueError:
        return None
