"""Attacks on the audit log, and what catches each. The page deploy/docs/assurance.md is made of `CATCHES`, which a test proves.

P tampers with a package, D is a superuser of the database, K holds the key that signs the log, too. The columns are what the
auditor has: the log's public key alone; with it a checkpoint from before; a witness's key; the certificates of a time-stamping
authority; or these and a time-stamped checkpoint from before.
"""

import json
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any
from uuid import uuid4

from appliance import audit
from appliance.assembly import attendant_of
from appliance.audit import Event, Wanted
from appliance.audit.anchors.attending import Anchored
from appliance.audit.errors import LogIncomplete
from appliance.audit.growth import log_key, origin_of
from appliance.audit.inbox import body_of
from appliance.audit.packages import write_package
from appliance.proof import package as named
from appliance.proof.note import Checkpoint, Note, cosign, parse_checkpoint, parse_key, parse_note, sign
from appliance.proof.tree import Frontier, leaf_hash
from appliance.proof.verify import INTACT, Known, verify_package
from appliance.vault import LogSigners
from tests.support.anchoring import Authority, Witness
from tests.support.house import House, Member

MISSED = ""
Catches = tuple[str, str, str, str, str]
"""What catches it, a column each; empty where nothing does."""
_PACKAGE, _EXPORT = "the verifier", "the export refuses"
_ALL = (_PACKAGE,) * 5
_REFUSED = (_EXPORT,) * 5
_DAYS = 2 * 86_400
ADDRESS = "203.0.113.7"

CATCHES: dict[str, Catches] = {
    "P edits an entry": _ALL,
    "P edits an entry and its listed digest": _ALL,
    "P deletes an entry everywhere": _ALL,
    "P swaps two entries everywhere": _ALL,
    "P inserts an entry everywhere": _ALL,
    "P cuts the file off": _ALL,
    "P puts something before the package that other programs show": _ALL,
    "P removes a member": _ALL,
    "P adds a second member of the same name": _ALL,
    "P adds a member that leads out of the folder": _ALL,
    "P repeats a name in an entry's JSON": _ALL,
    "P puts a formula into the table": _ALL,
    "P says that another filter was asked for": _ALL,
    "P takes another log's package for this one": _ALL,
    "P puts another address in the place of a disclosed one": _ALL,
    "P discloses the address of another entry": _ALL,
    "D modifies an entry": _ALL,
    "D modifies an entry and its leaf": _ALL,
    "D deletes an entry": _REFUSED,
    "D deletes an entry and closes the gap": _ALL,
    "D reorders two entries": _ALL,
    "D inserts an entry": _ALL,
    "D back-dates an entry": _ALL,
    "D truncates the tail": _REFUSED,
    "D truncates the tail back to a kept checkpoint": (MISSED, _PACKAGE, _PACKAGE, MISSED, _PACKAGE),
    "D puts a head there that another key signed": _ALL,
    "K rewrites an entry and signs all anew, after days": (MISSED, _PACKAGE, _PACKAGE, _PACKAGE, _PACKAGE),
    "K rewrites an entry and signs all anew, at once": (MISSED, _PACKAGE, _PACKAGE, MISSED, _PACKAGE),
    "K forks the log": (MISSED, _PACKAGE, _PACKAGE, MISSED, _PACKAGE),
    "K rolls the log back and goes on": (MISSED, _PACKAGE, _PACKAGE, MISSED, _PACKAGE),
    "K rolls the log back and begins an epoch of which nobody was told": _ALL,
    "K appends an entry back-dated by years": (MISSED, MISSED, _PACKAGE, _PACKAGE, _PACKAGE),
    "K appends an entry back-dated by an hour": (MISSED, MISSED, _PACKAGE, MISSED, _PACKAGE),
    "K appends an entry back-dated by an hour, its time spelled as of another zone": _ALL,
    "K appends an entry back-dated by 30 hours, and writes that the witness saw it then": (MISSED, MISSED, _PACKAGE, _PACKAGE, _PACKAGE),
}


class Rig:
    """Ada's log with its anchors, what an auditor has of it from before, and the means of an attacker."""

    def __init__(
        self, house: House, ada: Member, directory: Path, witness: Witness | None = None, authority: Authority | None = None
    ) -> None:
        self.house, self.ada, self.directory = house, ada, directory
        self.witness, self.authority = witness, authority
        self.signers = LogSigners(house.worker.db, house.worker.vault)
        self.signer = self.signers()
        self._numbers = iter(range(1000))
        self.records(5)  # here a checkpoint is kept
        self.records(7)
        self.package = self.export()
        with zipfile.ZipFile(self.package) as archive:
            self.earlier = archive.read(named.CHECKPOINT).decode()
            self.key = archive.read(named.KEYS).decode().strip()
            self.stamp = directory / "earlier.tsr"
            if authority is not None:
                self.stamp.write_bytes(archive.read(named.STAMP))

    def records(self, count: int) -> None:
        with self.house.app.db.tenant(self.ada.tenant_id) as tx:
            audit.record(tx, replace(self.ada.caller.actor, address=ADDRESS), Event.PROFILE_CHANGED)
            for _ in range(count - 1):
                audit.record(tx, self.ada.caller.actor, Event.PROFILE_CHANGED)
        self.house.seals()

    def target(self) -> Path:
        return self.directory / f"attacked-{next(self._numbers)}.zip"

    def export(self, change: Callable[[Anchored], Anchored] = lambda said: said) -> Path:
        """Write a package of the log as it stands in the database, after its anchors were asked, and what they said was changed."""
        house, target, attendant = self.house, self.target(), attendant_of(self.house.worker)
        anchored, stamps = (attendant.anchor(self.ada.tenant_id), attendant.stamps) if attendant else (None, None)
        write_package(
            house.worker.db, self.ada.tenant_id, Wanted(), target, signer=self.signer, at=house.clock.now(),
            progress=lambda _done, _total: None, anchored=change(anchored) if anchored else None, stamps=stamps,
        )  # fmt: skip
        return target

    def boot(self, *statements: str, values: dict[str, Any] | None = None) -> None:
        """Do something as the superuser, whom no trigger stops."""
        with self.house.server.connect("boot", self.house.database) as boot:
            boot.execute("SET session_replication_role = replica")
            boot.execute("SET search_path = cloister, public")
            for statement in statements:
                boot.execute(statement.encode(), {"tenant": self.ada.tenant_id} | (values or {}))

    def bodies(self) -> list[bytes]:
        with self.house.server.connect("boot", self.house.database) as boot:
            query = "SELECT body FROM cloister.audit_log WHERE tenant_id = %s ORDER BY position"
            return [bytes(row[0]) for row in boot.execute(query, [self.ada.tenant_id])]  # type: ignore[call-overload]

    def puts_log(self, bodies: list[bytes], *, origin: str | None = None) -> None:
        """Replace the log by this one, with a head that the log's own key signs; what was signed and still fits stays."""
        frontier, before = Frontier(), self.bodies()
        same = next((at for at, (old, new) in enumerate(zip(before, bodies, strict=False)) if old != new), min(len(before), len(bodies)))
        origin = origin or parse_checkpoint(parse_note(self.earlier).text).origin
        self.boot("DELETE FROM audit_log WHERE tenant_id = %(tenant)s", "DELETE FROM audit_nodes WHERE tenant_id = %(tenant)s")
        for table in ("audit_checkpoints", "audit_cosignatures"):
            self.boot(f"DELETE FROM {table} WHERE tenant_id = %(tenant)s AND size > %(same)s", values={"same": same})
        for position, body in enumerate(bodies):
            frontier.append(leaf_hash(body))
            self.boot(
                "INSERT INTO audit_log VALUES (%(tenant)s, %(at)s, gen_random_uuid(), %(event)s, NULL, NULL, %(leaf)s, %(body)s, now())",
                values={"at": position, "leaf": leaf_hash(body), "body": body, "event": json.loads(body)["event"]},
            )
        text = str(Checkpoint(origin, frontier.size, frontier.root()))
        note = str(Note(text, (sign(text, log_key(origin, self.signer.public), self.signer.sign),)))
        head = (
            "UPDATE audit_heads SET origin = %(origin)s, size = %(size)s, peaks = %(peaks)s, note = %(note)s, kept_size = least(kept_size, %(same)s)"
            " WHERE tenant_id = %(tenant)s"
        )
        values = {"origin": origin, "size": frontier.size, "peaks": bytes(frontier), "note": note, "same": same}
        self.boot(head, values=values)


def caught(rig: Rig, package: Path | None) -> Catches:
    """Return what catches an attacked package; None is one that could not be exported."""
    if package is None:
        return _REFUSED
    assert rig.witness is not None
    assert rig.authority is not None
    certificates = str(rig.authority.ca)
    columns = (
        Known(key=rig.key),
        Known(key=rig.key, earlier=rig.earlier),
        Known(key=rig.key, witnesses=(rig.witness.key,)),
        Known(key=rig.key, certificates=certificates),
        Known(key=rig.key, certificates=certificates, earlier=rig.earlier, stamp=str(rig.stamp)),
    )
    return tuple(_PACKAGE if verify_package(str(package), one).status != INTACT else MISSED for one in columns)  # type: ignore[return-value]


def _attack(*statements: str) -> Callable[[Rig], Path | None]:
    def attack(rig: Rig) -> Path | None:
        rig.boot(*statements)
        return _exported(rig)

    return attack


def _exported(rig: Rig) -> Path | None:
    try:
        return rig.export()
    except LogIncomplete:
        return None


_ROW = "tenant_id = %(tenant)s AND position"
_EDITED = "convert_to(replace(convert_from(body, 'UTF8'), 'success', 'failure'), 'UTF8')"
_LEAF = "leaf = sha256('\\x00'::bytea || body)"


def _truncate_to_kept(rig: Rig) -> Path | None:
    """To a checkpoint that was kept, from before the one that the auditor has."""
    rig.boot(
        "UPDATE audit_heads h SET size = c.size, note = c.note, kept_size = c.size FROM (SELECT * FROM audit_checkpoints"
        " WHERE tenant_id = %(tenant)s ORDER BY size LIMIT 1) c WHERE h.tenant_id = %(tenant)s",
        "DELETE FROM audit_log l USING audit_heads h WHERE l.tenant_id = h.tenant_id AND h.tenant_id = %(tenant)s AND position >= size",
    )
    return _exported(rig)


def _foreign_head(rig: Rig) -> Path | None:
    from appliance.kernel.sealing import SigningKey

    own, rig.signer = rig.signer, SigningKey.make()  # type: ignore[assignment]
    bodies = rig.bodies()
    rig.puts_log([bodies[0].replace(b"success", b"failure"), *bodies[1:]])
    foreign = rig.signer.public
    rig.boot("UPDATE audit_log_keys SET public = %(key)s WHERE tenant_id = %(tenant)s", values={"key": foreign})
    package = rig.export()
    rig.signer = own
    return package


def _rewrite(rig: Rig) -> Path | None:
    bodies = rig.bodies()
    rig.puts_log([bodies[0].replace(b"success", b"failure"), *bodies[1:]])
    return rig.export()


def _after_days(attack: Callable[[Rig], Path | None]) -> Callable[[Rig], Path | None]:
    """The same attack, while the authority's clock is two days on."""

    def later(rig: Rig) -> Path | None:
        assert rig.authority is not None
        rig.authority.later = _DAYS
        try:
            return attack(rig)
        finally:
            rig.authority.later = 0

    return later


def _fork(rig: Rig) -> Path | None:
    bodies = rig.bodies()
    rig.puts_log([*bodies[:-2], bodies[1], *bodies[2:5]])
    return rig.export()


def _entry(
    rig: Rig, event: Event = Event.PROFILE_CHANGED, *, back: timedelta = timedelta(), zone: tzinfo = UTC, **facts: str | int
) -> bytes:
    return body_of(
        rig.ada.tenant_id, uuid4(), datetime.now(zone) - back, rig.ada.caller.actor, event, facts=facts
    )


def _roll_back(rig: Rig) -> Path | None:
    rig.puts_log([*rig.bodies()[:-4], *(_entry(rig) for _ in range(9))])
    return rig.export()


def _new_epoch(rig: Rig) -> Path | None:
    """As the operator's command begins one, but that nobody is told of it; the log of logs goes along."""
    kept = rig.bodies()[:-4]
    former = parse_checkpoint(parse_note(rig.earlier).text)
    root = Frontier()
    for one in kept:
        root.append(leaf_hash(one))
    opening = _entry(
        rig, Event.LOG_EPOCH_OPENED, epoch=2, old_origin=former.origin, old_size=len(kept), old_root=root.root().hex(), reason="none"
    )
    rig.boot("INSERT INTO audit_epochs VALUES ('00000000-0000-0000-0000-000000000000', 2, 'none', now())")
    rig.puts_log([*kept, opening], origin=origin_of(rig.signer.installation, rig.ada.tenant_id, 2))
    rig.boot("UPDATE audit_heads SET kept_at = NULL WHERE tenant_id = %(tenant)s")
    rig.house.seals()
    return rig.export()


def _append(back: timedelta) -> Callable[[Rig], Path | None]:
    def attack(rig: Rig) -> Path | None:
        time.sleep(1 - time.time() % 1)  # cosignatures are of a second, and a package holds one of each
        rig.puts_log([*rig.bodies(), _entry(rig, back=back)])
        return rig.export()

    return attack


def _append_elsewhere(rig: Rig) -> Path | None:
    """Behind an honest entry: as a text, its time is the later one."""
    time.sleep(1 - time.time() % 1)
    rig.puts_log([*rig.bodies(), _entry(rig), _entry(rig, back=timedelta(hours=1), zone=timezone(timedelta(hours=5)))])
    return rig.export()


def _append_as_if_seen(rig: Rig) -> Path | None:
    """With a line under the witness's name, before the one that it signed; what it cosigned before is removed."""
    assert rig.witness is not None
    witness, then = parse_key(rig.witness.key), timedelta(hours=30)
    rig.boot("DELETE FROM audit_cosignatures WHERE tenant_id = %(tenant)s")
    rig.puts_log([*rig.bodies(), _entry(rig, back=then)])

    def change(said: Anchored) -> Anchored:
        note = parse_note(said.note)
        forged = cosign(note.text, witness, lambda _: bytes(64), at=int((datetime.now(UTC) - then).timestamp()))
        return replace(said, note=str(Note(note.text, (note.signatures[0], forged, *note.signatures[1:]))))

    return rig.export(change)


OF_DATABASES: dict[str, Callable[[Rig], Path | None]] = {
    "D modifies an entry": _attack(f"UPDATE audit_log SET body = {_EDITED} WHERE {_ROW} = 3"),
    "D modifies an entry and its leaf": _attack(
        f"UPDATE audit_log SET body = {_EDITED} WHERE {_ROW} = 3", f"UPDATE audit_log SET {_LEAF} WHERE {_ROW} = 3"
    ),
    "D deletes an entry": _attack(f"DELETE FROM audit_log WHERE {_ROW} = 3"),
    "D deletes an entry and closes the gap": _attack(
        f"DELETE FROM audit_log WHERE {_ROW} = 3",
        f"UPDATE audit_log SET position = position + 1000 WHERE {_ROW} > 3",
        f"UPDATE audit_log SET position = position - 1001 WHERE {_ROW} > 1000",
        "UPDATE audit_heads SET size = size - 1 WHERE tenant_id = %(tenant)s",
    ),
    "D reorders two entries": _attack(
        f"UPDATE audit_log SET position = 1000 WHERE {_ROW} = 3",
        f"UPDATE audit_log SET position = 3 WHERE {_ROW} = 4",
        f"UPDATE audit_log SET position = 4 WHERE {_ROW} = 1000",
    ),
    "D inserts an entry": _attack(
        f"UPDATE audit_log SET position = position + 1000 WHERE {_ROW} >= 3",
        f"UPDATE audit_log SET position = position - 999 WHERE {_ROW} >= 1000",
        f"INSERT INTO audit_log SELECT tenant_id, 3, gen_random_uuid(), event, actor_id, subject, leaf, body, recorded_at FROM audit_log WHERE {_ROW} = 1",
        "UPDATE audit_heads SET size = size + 1 WHERE tenant_id = %(tenant)s",
    ),
    "D back-dates an entry": _attack(
        f"UPDATE audit_log SET body = convert_to(regexp_replace(convert_from(body, 'UTF8'), '\"at\":\"20..', '\"at\":\"2019'), 'UTF8') WHERE {_ROW} = 3",
        f"UPDATE audit_log SET {_LEAF} WHERE {_ROW} = 3",
    ),
    "D truncates the tail": _attack(f"DELETE FROM audit_log WHERE {_ROW} > 5"),
    "D truncates the tail back to a kept checkpoint": _truncate_to_kept,
    "D puts a head there that another key signed": _foreign_head,
    "K rewrites an entry and signs all anew, after days": _after_days(_rewrite),
    "K rewrites an entry and signs all anew, at once": _rewrite,
    "K forks the log": _fork,
    "K rolls the log back and goes on": _roll_back,
    "K rolls the log back and begins an epoch of which nobody was told": _new_epoch,
    "K appends an entry back-dated by years": _append(timedelta(days=2000)),
    "K appends an entry back-dated by an hour": _append(timedelta(hours=1)),
    "K appends an entry back-dated by an hour, its time spelled as of another zone": _append_elsewhere,
    "K appends an entry back-dated by 30 hours, and writes that the witness saw it then": _append_as_if_seen,
}


def assurance_page() -> str:
    """Return deploy/docs/assurance.md."""
    lines = [
        "# What the audit log proves, and what it cannot\n",
        "P tampers with a package, D is a superuser of the database, K holds the key that signs the log as well. Each line is an",
        "attack that the tests make, with a real witness and a real time-stamping authority (anchors.md). *The key* is the log's public",
        "key, as the audit page shows it; *an earlier checkpoint* is one that the auditor took away before the attack (from the page, on",
        "paper, or from a package); *a witness* and *time stamps* are what the package holds of them, judged by the witness's key and the",
        "authority's certificates; *a stamped checkpoint* is an earlier checkpoint with its time stamp. Each column has the key as well.\n",
        "| attack | the key alone | an earlier checkpoint | a witness | time stamps | a stamped checkpoint |",
        "|---|---|---|---|---|---|",
    ]
    lines += [f"| {name} | {' | '.join(one or '**missed**' for one in columns)} |" for name, columns in CATCHES.items()]
    lines += [
        "",
        "So a signature of the host's own key never stops who holds the key. A witness does, whatever the auditor kept: it signs no log",
        "that became another one, and a package that it did not sign is not called intact. Time stamps alone say since when a log is as it",
        "is: what K does within a day after the entries were made passes them. An auditor who takes a checkpoint away at each visit, or has",
        "a program fetch one each day (`GET /api/v1/audit/log`), catches all but back-dated entries at the end; with its time stamp, those as well.",
        "An entry's time is what this host's clock said; a witness's and an authority's clocks bound it: it was seen within a day and an",
        "hour after, and it is not more than ten minutes older than a cosigned checkpoint without it.",
        "Before it is exported, what D did is noticed by the worker, too, as far as it touches a log's head: it does not go on with",
        "one that its key did not sign, that is shorter than what it signed since it started, or that a witness saw longer or other than it",
        "is (`log_broken` and `anchor_contradicts` in its log, and an event in the log itself).",
        "After a restore the log goes on in a new epoch. A verifier that was told neither of the epoch nor of anything else shows it; one",
        "that has a key or a checkpoint of the former one, a witness's key or an authority's certificates, does not call the log intact",
        "until it is told (`--epoch`).",
        "No log proves what was never recorded.",
    ]
    return "\n".join(lines) + "\n"
