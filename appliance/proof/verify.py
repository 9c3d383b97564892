"""What a package proves. Read as a stream: memory does not grow with the package.

The heart: the frontier before the range, the leaves of the range, and a proof from its end to the checkpoint give a root,
which the log's key signed. Each entry that is shown has the leaf at its position. So nothing was altered, removed, added
or moved since it was signed. What no signature of the log's own key can show is whether its holder made it all anew: that
takes a checkpoint from before (`earlier`), or a witness.
"""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from appliance.proof.ed25519 import verify_ed25519
from appliance.proof.note import (
    ED25519,
    Checkpoint,
    Note,
    NoteBroken,
    PublicKey,
    cosigned_at,
    endorsed,
    parse_checkpoint,
    parse_key,
    parse_note,
    signed_by,
)
from appliance.proof.package import (
    CHECKPOINT,
    CONSISTENCY,
    EVENTS,
    FORMAT,
    FRONTIER,
    INCLUSION,
    KEPT,
    KEYS,
    LEAVES,
    LOGS,
    MANIFEST,
    NAMESPACE,
    PEM,
    POSITIONS,
    ROLLOVERS,
    SIGNERS,
    SUMS,
    SUMS_SIGNED,
    TABLE,
    Package,
    PackageAltered,
    PackageIncomplete,
    opened,
)
from appliance.proof.rows import csv_head, csv_line
from appliance.proof.sshsig import allowed_signers, public_pem, ssh_signature_holds
from appliance.proof.tree import Frontier, is_consistent, is_included, leaf_hash

INTACT, ALTERED, INCOMPLETE = 0, 1, 2
_LOG_OF_LOGS = "00000000-0000-0000-0000-000000000001"
_SAID = {INTACT: "INTACT", ALTERED: "ALTERED", INCOMPLETE: "INCOMPLETE"}


@dataclass
class Report:
    """What was proven, what could not be, and the first fault, if there is one."""

    status: int = INTACT
    fault: str | None = None
    proven: list[str] = field(default_factory=list)
    unproven: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"proven    {one}" for one in self.proven] + [f"unproven  {one}" for one in self.unproven]
        return "\n".join([*lines, f"{_SAID[self.status]}{': ' + self.fault if self.fault else ''}"])


@dataclass(frozen=True)
class Known:
    """What an auditor brings along: an earlier checkpoint's note, the log's key, witnesses' keys."""

    earlier: str | None = None
    key: str | None = None
    witnesses: tuple[str, ...] = ()


def verify_package(path: str, known: Known | None = None) -> Report:
    """Check a package against itself and against what the auditor knows."""
    report = Report()
    try:
        with opened(path) as package:
            _Check(package, known or Known(), report).run()
    except PackageIncomplete as fault:
        report.status, report.fault = INCOMPLETE, str(fault)
    except (PackageAltered, NoteBroken, KeyError, TypeError, ValueError, AttributeError, IndexError) as fault:
        report.status, report.fault = ALTERED, str(fault) or type(fault).__name__
    except RecursionError:
        report.status, report.fault = ALTERED, "an entry is nested deeper than any that was ever written"
    return report


class _Check:
    """One package's check."""

    def __init__(self, package: Package, known: Known, report: Report) -> None:
        self._package, self._known, self._report = package, known, report
        self._manifest: dict[str, Any] = {}
        self._keys: list[PublicKey] = []
        self._roots: dict[int, bytes] = {}

    def run(self) -> None:
        package = self._package
        package.check_sums()
        self._manifest = package.json(MANIFEST)
        if self._manifest["format"] != FORMAT:
            raise PackageAltered(f"this verifier reads {FORMAT}, not {self._manifest['format']}")
        self._read_keys()
        _, head = self._note(CHECKPOINT)
        if head.origin != self._manifest["origin"] or head.size != self._manifest["size"]:
            raise PackageAltered("the manifest tells of another log, or of another size, than the checkpoint")
        self._say_whose(head.origin)
        earlier = None if self._known.earlier is None else self._earlier(self._known.earlier)
        wanted = {one.size for one in (earlier, self._kept()) if one is not None}
        self._tree(head, wanted)
        self._say_keys()
        self._say_earlier(earlier, head)
        self._say_logs(head)
        self._say_witnesses()
        self._list_is_signed()

    def _list_is_signed(self) -> None:
        """Last, so that what is wrong is named first: the key signed the list, so the manifest and the rest are its own, too."""
        signed, listed = self._package.text(SUMS_SIGNED), self._package.text(SUMS).encode()
        if not ssh_signature_holds(signed, listed, namespace=NAMESPACE, public=self._keys[-1].public):
            raise PackageAltered("the list of the package's files is not signed by the log's key")
        self._report.proven.append("all files of the package, and what was asked for, are as the log's key signed them")

    def _read_keys(self) -> None:
        self._keys = [parse_key(line) for line in self._package.text(KEYS).splitlines()]
        if not self._keys or any(one.kind != ED25519 or one.name != self._manifest["origin"] for one in self._keys):
            raise PackageAltered(f"{KEYS} does not hold the keys of this log")
        handed_on = {(one["old"], one["new"]): one["endorsement"] for one in self._package.json(ROLLOVERS)}
        for old, new in itertools.pairwise(self._keys):
            signature = bytes.fromhex(handed_on.get((old.public.hex(), new.public.hex()), ""))
            if not verify_ed25519(old.public, endorsed(old.public, new.public), signature):
                raise PackageAltered("a key of the log was not handed on by the one before")
        current = self._keys[-1].public
        forms = {PEM: public_pem(current), SIGNERS: allowed_signers(current, namespace=NAMESPACE)}
        for name, form in forms.items():
            if self._package.text(name) != form:
                raise PackageAltered(f"{name} holds another key than {KEYS}, or more than that")

    def _note(self, name: str) -> tuple[Note, Checkpoint]:
        note = parse_note(self._package.text(name))
        said = parse_checkpoint(note.text)
        if signed_by(note, [PublicKey(said.origin, ED25519, one.public) for one in self._keys]) is None:
            raise PackageAltered(f"{name} is not signed by the log's key")
        return note, said

    def _kept(self) -> Checkpoint | None:
        return self._note(KEPT)[1] if KEPT in self._package.names else None

    def _earlier(self, written: str) -> Checkpoint:
        note = parse_note(written)
        said = parse_checkpoint(note.text)
        if said.origin != self._manifest["origin"]:
            raise PackageAltered(f"the earlier checkpoint is of another log: {said.origin}")
        if signed_by(note, self._keys) is None:
            raise PackageAltered("the earlier checkpoint is signed by none of the log's keys")
        return said

    def _tree(self, head: Checkpoint, wanted: set[int]) -> None:
        """Walk the leaves once: each shown entry has its leaf, and the leaves lead to the signed root."""
        frontier = self._frontier()
        first, last = frontier.size, self._manifest["last"]
        shown = 0
        entries = _entries(self._package, self._manifest["organisation"])
        upcoming = next(entries, None)
        for line in self._package.lines(LEAVES):
            if frontier.size in wanted:
                self._roots[frontier.size] = frontier.root()
            leaf = bytes.fromhex(line.decode())
            if upcoming is not None and upcoming[0] == frontier.size:
                if leaf_hash(upcoming[1]) != leaf:
                    raise PackageAltered(f"the entry at position {frontier.size} is not the one that was sealed there")
                shown, upcoming = shown + 1, next(entries, None)
            frontier.append(leaf)
        if upcoming is not None:
            raise PackageAltered("an entry is shown that has no leaf, or entries are not in their order")
        self._counts(frontier.size, shown, first, last)
        self._roots[last] = frontier.root()
        self._link(last, frontier.root(), head, "the range leads to the signed checkpoint")
        self._report.proven += [
            f"{shown} entries are as they were sealed, at positions {first} to {last - 1} of a log of {head.size}",
            f"withheld by the filter: {last - first - shown}; their places are in the tree" if last - first - shown
            else "none of the range was withheld",
            "the table (CSV) says what the entries say",
        ]  # fmt: skip

    def _frontier(self) -> Frontier:
        kept = self._package.json(FRONTIER)
        if kept["size"] != self._manifest["first"]:
            raise PackageAltered("the frontier is of another size than where the range begins")
        return Frontier(kept["size"], [bytes.fromhex(one) for one in kept["peaks"]])

    def _counts(self, size: int, shown: int, first: int, last: int) -> None:
        said = self._manifest
        if size != last or shown != said["disclosed"] or last - first - shown != said["withheld"]:
            raise PackageAltered("the manifest says another number of entries than are here")
        if shown != last - first and not said["filter"]:
            raise PackageAltered("entries are withheld, though no filter was asked for")

    def _link(self, size: int, root: bytes, head: Checkpoint, what: str) -> None:
        """Show that a tree of this size and root is the beginning of the signed one."""
        if size > head.size:
            raise PackageAltered(f"the log was cut: it had {size} entries, and has {head.size}")
        proof = [] if size in {0, head.size} else self._consistency(size)
        if proof is None:
            raise PackageIncomplete(
                f"nothing links size {size} to the signed checkpoint: ask for an export that begins from size {size}"
            )
        if not is_consistent(size, head.size, root, head.root, proof):
            raise PackageAltered(f"not so: {what}")

    def _consistency(self, size: int) -> list[bytes] | None:
        for one in self._package.json(CONSISTENCY):
            if one["from"] == size:
                return [bytes.fromhex(step) for step in one["proof"]]
        return None

    def _say_whose(self, origin: str) -> None:
        organisation = self._manifest["organisation"]
        if not origin.endswith(f"/{organisation}"):
            raise PackageAltered(f"the log {origin} is not the log of the organisation {organisation}")
        self._report.proven.append(f"the log is {origin}, of the organisation {organisation}")

    def _say_keys(self) -> None:
        current = str(self._keys[-1])
        if self._known.key is None:
            self._report.unproven.append(f"whose key it is: compare it with the one on the audit page: {current}")
            return
        pinned = parse_key(self._known.key)
        if pinned.name != self._manifest["origin"]:
            raise PackageAltered(f"the key that you know is of another log: {pinned.name}")
        if pinned.public not in {one.public for one in self._keys}:
            raise PackageAltered("the package is not signed by the key that you know, nor by one that it handed on to")
        self._report.proven.append("the key is the one that you know, or was handed on by it")

    def _say_earlier(self, earlier: Checkpoint | None, head: Checkpoint) -> None:
        if earlier is None:
            self._report.unproven.append(
                "that the log was not made anew by who holds its key: give an earlier checkpoint (--earlier), or a witness"
            )
            return
        root = self._roots.get(earlier.size)
        if root is not None and root != earlier.root:
            raise PackageAltered("the log is not the one of your earlier checkpoint: it was rewritten or forked")
        if root is None:
            self._link(earlier.size, earlier.root, head, "the log continues your earlier checkpoint")
        self._report.proven.append(f"the log continues your earlier checkpoint of {earlier.size} entries")

    def _say_logs(self, head: Checkpoint) -> None:
        if not {KEPT, LOGS, INCLUSION} <= self._package.names:
            self._report.unproven.append("that the log of logs has this log: no checkpoint of it was kept yet")
            return
        text, kept = self._note(KEPT)
        _, logs = self._note(LOGS)
        if logs.origin != head.origin.removesuffix(self._manifest["organisation"]) + _LOG_OF_LOGS:
            raise PackageAltered(f"{LOGS} is not of the log of logs, but of {logs.origin}")
        place = self._package.json(INCLUSION)
        proof = [bytes.fromhex(one) for one in place["proof"]]
        if kept.origin != head.origin or not is_included(
            leaf_hash(text.text.encode()), place["position"], logs.size, proof, logs.root
        ):
            raise PackageAltered("the log of logs does not have the checkpoint that it should have")
        if (root := self._roots.get(kept.size)) is not None and root != kept.root:
            raise PackageAltered("the log of logs has another log than this one")
        if root is None:
            self._link(kept.size, kept.root, head, "the checkpoint in the log of logs is the beginning of this log")
        self._report.proven.append(f"the log of logs has this log's checkpoint of {kept.size} entries")

    def _say_witnesses(self) -> None:
        """Look for witnesses' lines on the auditor's earlier checkpoint, and on those of the package."""
        written = [self._package.text(name) for name in (CHECKPOINT, KEPT) if name in self._package.names]
        notes = [parse_note(one) for one in (*written, self._known.earlier) if one is not None]
        if not self._known.witnesses:
            self._report.unproven.append("that a witness saw it: no witness's key was given (--witness)")
        for line in self._known.witnesses:
            key = parse_key(line)
            times = [at for one in notes if (at := cosigned_at(one, key)) is not None]
            if not times:
                raise PackageIncomplete(f"the witness {key.name} cosigned no checkpoint that is here")
            seen = datetime.fromtimestamp(max(times), UTC).isoformat()
            self._report.proven.append(f"the witness {key.name} saw a checkpoint that the log continues, at {seen}")


def _entries(package: Package, organisation: str) -> Iterator[tuple[int, bytes]]:
    """Yield the shown entries with their positions, each compared with its line of the table."""
    table = package.lines(TABLE)
    if next(table, b"") + b"\n" != csv_head().encode():
        raise PackageAltered(f"{TABLE} has another head than it should")
    positions, before = package.lines(POSITIONS), -1
    for body in package.lines(EVENTS):
        written = next(positions, b"")
        position = int(written)
        if position <= before or str(position).encode() != written:
            raise PackageAltered(f"{POSITIONS} is not in order")
        said = json.loads(body)
        if json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() != body:
            raise PackageAltered(
                f"the entry at position {position} is not in its canonical form: a name may stand twice in it"
            )
        if said["tenant_id"] != organisation:
            raise PackageAltered(f"the entry at position {position} is another organisation's")
        for row in csv_line(position, said).encode()[:-1].split(b"\n"):
            if next(table, None) != row:
                raise PackageAltered(f"{TABLE} does not say what the entry at position {position} says")
        before = position
        yield position, body
    if next(positions, None) is not None or next(table, None) is not None:
        raise PackageAltered("there are positions or lines of the table without an entry")
