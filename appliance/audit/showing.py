"""The entries that a package shows, with what is disclosed of them: as they were sealed, as a table, as events of OCSF."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any
from uuid import UUID

from sqlalchemy import Row

from appliance.audit.disclosing import NOTHING, Opened, filled, open_all
from appliance.audit.errors import LogIncomplete
from appliance.audit.ocsf import Place, record
from appliance.audit.queries import entry_of
from appliance.audit.values import Lack
from appliance.kernel.db import Tx
from appliance.proof import package as named
from appliance.proof.disclosures import commitments_of, disclosed, disclosure_line
from appliance.proof.rows import csv_line

_Read = Row[int, bytes, bytes | None, UUID]
_NOT_OURS = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


@dataclass
class Counts:
    """How many entries were shown, how many personal values these had, and how many of those are disclosed."""

    disclosed: int = 0
    committed: int = 0
    opened: int = 0


@dataclass(frozen=True)
class Shown:
    """An entry of a package. `said` is what its body says, with what is disclosed of it in its place."""

    position: int
    body: bytes
    said: dict[str, Any]
    opened: Opened


def show(tx: Tx, rows: Sequence[_Read], counts: Counts, *, is_personal: bool) -> list[Shown]:
    """Return those of the rows (position, leaf, body, id) that have a body. Raises LogIncomplete where it is none that we recorded."""
    found = [(position, event_id, body) for position, _, body, event_id in rows if body is not None]
    try:
        read = [(position, event_id, body, json.loads(body)) for position, event_id, body in found]
        committed = {event_id: of for _, event_id, _, said in read if (of := commitments_of(said))}
        opened = open_all(tx, committed) if is_personal else {one: _withheld(of) for one, of in committed.items()}
        shown = [
            Shown(position, body, disclosed(said, {one[1]: one[2] for one in theirs.disclosures.values()}), theirs)
            for position, event_id, body, said in read
            for theirs in [opened.get(event_id, NOTHING)]
        ]
    except _NOT_OURS as error:
        raise LogIncomplete from error
    counts.disclosed += len(shown)
    counts.committed += sum(map(len, committed.values()))
    counts.opened += sum(len(one.opened.disclosures) for one in shown)
    return shown


def _withheld(commitments: dict[str, str]) -> Opened:
    return Opened({}, dict.fromkeys(commitments, Lack.WITHHELD))


def write_rows(files: dict[str, IO[bytes]], shown: list[Shown]) -> None:
    """Write what was sealed, where it stands, the table, and what opens the commitments where that is asked for."""
    files[named.EVENTS].write(b"".join(one.body + b"\n" for one in shown))
    files[named.POSITIONS].write(b"".join(b"%d\n" % one.position for one in shown))
    if named.DISCLOSURES in files:
        lines = (disclosure_line(one.position, disclosure) for one in shown for disclosure in one.opened.disclosures.values())
        files[named.DISCLOSURES].write(b"".join(lines))
    try:
        table = [csv_line(one.position, one.said) for one in shown]
    except _NOT_OURS as error:
        raise LogIncomplete from error
    files[named.TABLE].write("".join(table).encode())


def write_ocsf(file: IO[bytes], shown: list[Shown], place: Place) -> None:
    """Write the entries as events of OCSF. They say no more of what is personal than the rest of the package."""
    for one in shown:
        try:
            entry = entry_of(UUID(one.said["event_id"]), one.said["event"], datetime.fromisoformat(one.said["at"]), one.body)
        except _NOT_OURS as error:
            raise LogIncomplete from error
        told = record(filled(entry, one.opened), place, position=one.position, body=one.body)
        file.write(json.dumps(told, separators=(",", ":")).encode() + b"\n")
