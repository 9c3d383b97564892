"""What a package proves. Read as a stream: memory does not grow with the package.

The heart: the frontier before the range, the leaves of the range, and a proof from its end to the checkpoint give a root,
which the log's key signed. Each entry that is shown has the leaf at its position. So nothing was altered, removed, added
or moved since it was signed. What no signature of the log's own key can show is whether its holder made it all anew: that
takes a checkpoint from before (`earlier`), or outsiders (`sights.py`).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from appliance.proof.disclosures import Disclosed
from appliance.proof.entries import shown_entries
from appliance.proof.epochs import check_epochs, split_origin
from appliance.proof.keys import read_keys
from appliance.proof.note import (
    ED25519,
    Checkpoint,
    Note,
    NoteBroken,
    PublicKey,
    parse_checkpoint,
    parse_key,
    parse_note,
    signed_by,
)
from appliance.proof.package import (
    AFTER,
    BEFORE,
    CHECKPOINT,
    CONSISTENCY,
    FORMAT_OCSF,
    FORMATS,
    FRONTIER,
    INCLUSION,
    KEPT,
    LEAVES,
    LOGS,
    MANIFEST,
    NAMESPACE,
    OCSF,
    SUMS,
    SUMS_SIGNED,
    Package,
    PackageAltered,
    PackageIncomplete,
    opened,
)
from appliance.proof.short import ShortBroken, read_short, short
from appliance.proof.sights import Outsiders, Sights
from appliance.proof.sshsig import ssh_signature_holds
from appliance.proof.tree import Frontier, is_consistent, is_included, leaf_hash, read_hash

INTACT, ALTERED, INCOMPLETE = 0, 1, 2
_LOG_OF_LOGS = "00000000-0000-0000-0000-000000000001"
_MOST_SHOWN = 1_000
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
        return "\n".join(map(visible, [*lines, f"{_SAID[self.status]}{': ' + self.fault if self.fault else ''}"]))


def visible(line: str) -> str:
    """Return a line with control characters escaped, so that no text in a package moves the cursor or writes over the verdict."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape", "surrogatepass").decode() for one in line[:_MOST_SHOWN])


@dataclass(frozen=True)
class Known:
    """What an auditor brings along: an earlier checkpoint's note, the log's key, witnesses' keys."""

    earlier: str | None = None
    key: str | None = None
    witnesses: tuple[str, ...] = ()
    typed: str | None = None
    """An earlier checkpoint as it stands on paper."""
    epoch: int | None = None
    """The newest epoch that the auditor was told of."""
    certificates: str | None = None
    stamp: str | None = None
    since: str | None = None

    def newest_epoch(self) -> int | None:
        """Return the newest epoch that any of this tells of; None where nothing tells of the log at all.

        Who has the key of a witness, or an authority's certificates, counts on the log as it began: an epoch is news to them.
        """
        names = [parse_key(self.key).name] if self.key else []
        names += [parse_checkpoint(parse_note(self.earlier).text).origin] if self.earlier else []
        known = [found.epoch for name in names if (found := split_origin(name)) is not None]
        known += [1] if self.witnesses or self.certificates else []
        return max([*known, *([] if self.epoch is None else [self.epoch])], default=None)


def verify_package(path: str, known: Known | None = None) -> Report:
    """Check a package against itself and against what the auditor knows."""
    report = Report()
    try:
        with opened(path) as package:
            _Check(package, known or Known(), report).run()
    except (PackageIncomplete, ShortBroken) as fault:
        report.status, report.fault = INCOMPLETE, str(fault)
    except (PackageAltered, NoteBroken, KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as fault:
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
        self._sights: Sights
        self._personal: Disclosed
        self._ends: dict[int, int] = {}

    def run(self) -> None:
        package = self._package
        package.check_sums()
        self._manifest = package.json(MANIFEST)
        if self._manifest["format"] not in FORMATS:
            raise PackageAltered(f"this verifier reads {' and '.join(FORMATS)}, not {self._manifest['format']}")
        if (OCSF in package.names) != (self._manifest["format"] == FORMAT_OCSF):
            raise PackageAltered("the manifest tells of events of OCSF that are not here, or does not tell of those that are")
        self._personal = Disclosed(package, self._manifest)
        self._keys = read_keys(package, self._manifest["origin"])
        note, head = self._note(CHECKPOINT)
        if split_origin(head.origin) is None:
            raise PackageAltered(f"{head.origin!r} is no log's name")
        if head.origin != self._manifest["origin"] or head.size != self._manifest["size"]:
            raise PackageAltered("the manifest tells of another log, or of another size, than the checkpoint")
        self._say_whose(head.origin)
        earlier = None if self._known.earlier is None else self._earlier(self._known.earlier)
        brought = None if self._known.earlier is None else parse_note(self._known.earlier)
        outsiders = Outsiders(self._known.witnesses, self._known.certificates, self._known.stamp, self._known.since)
        self._sights = Sights(package, outsiders, note, brought, earlier_text=self._known.earlier)
        wanted = {one.size for one in (earlier, self._kept()) if one is not None} | self._sights.sizes
        if self._known.typed is not None:
            wanted.add(read_short(self._known.typed)[0])
        self._tree(head, wanted)
        self._say_keys()
        self._say_epochs(head)
        self._say_earlier(earlier, head)
        self._say_typed(head)
        self._say_logs(head)
        self._say(*self._sights.conclude(self._linked(head)))
        self._list_is_signed()

    def _linked(self, head: Checkpoint) -> Callable[[int, bytes, str], None]:
        def link(size: int, root: bytes, what: str) -> None:
            if (found := self._roots.get(size)) is None:
                self._link(size, root, head, what)
            elif found != root:
                raise PackageAltered(f"not so: {what}")

        return link

    def _say(self, proven: list[str], unproven: list[str]) -> None:
        self._report.proven += proven
        self._report.unproven += unproven

    def _say_epochs(self, head: Checkpoint) -> None:
        known, link = self._known.newest_epoch(), self._linked(head)
        self._ends, *said = check_epochs(self._package, head.origin, head.size, head.root, known=known, link=link)
        self._say(*said)

    def _check_kept(self, size: int, origin: str | None) -> None:
        """Raise PackageIncomplete where a known checkpoint of a former epoch has more than was kept of it."""
        theirs = split_origin(origin) if origin else None
        for epoch, end in self._ends.items():
            if size > end and (theirs is None or theirs.epoch == epoch):
                raise PackageIncomplete(
                    f"you know of {size} entries of epoch {epoch}, of which {end} were kept when the next one began: {size - end} are lost"
                )

    def _say_typed(self, head: Checkpoint) -> None:
        """Compare the checkpoint on paper with the log's own of that size, in whichever epoch it was."""
        if self._known.typed is None:
            return
        size, typed = read_short(self._known.typed)
        if size > head.size:
            raise PackageAltered(f"the log was cut: the checkpoint on paper has {size} entries, and it has {head.size}")
        root = self._roots.get(size) or (head.root if size == head.size else self._linked_root(size, head))
        ours = split_origin(head.origin)
        names = [head.origin] if ours is None else [
            f"cloister/{ours.installation}{'' if epoch == 1 else f'.{epoch}'}/{ours.organisation}" for epoch in range(1, ours.epoch + 1)
        ]  # fmt: skip
        if typed not in {short(Checkpoint(name, size, root)) for name in names}:
            self._check_kept(size, None)
            raise PackageAltered("the log is not the one of the checkpoint on paper: it was rewritten or forked")
        self._report.proven.append(f"the log continues the checkpoint on paper, of {size} entries")

    def _linked_root(self, size: int, head: Checkpoint) -> bytes:
        if "root" in (one := self._links.get(size, {})):
            root = bytes.fromhex(one["root"])
            self._link(size, root, head, "the log continues the checkpoint on paper")
            return root
        raise PackageIncomplete(f"nothing links size {size} to the signed checkpoint: name it when you ask for the package")

    def _list_is_signed(self) -> None:
        """Last, so that what is wrong is named first: the key signed the list, so the manifest and the rest are its own, too."""
        signed, listed = self._package.text(SUMS_SIGNED), self._package.text(SUMS).encode()
        if not ssh_signature_holds(signed, listed, namespace=NAMESPACE, public=self._keys[-1].public):
            raise PackageAltered("the list of the package's files is not signed by the log's key")
        self._report.proven.append("all files of the package, and what was asked for, are as the log's key signed them")

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
        ours, theirs = split_origin(self._manifest["origin"]), split_origin(said.origin)
        if said.origin != self._manifest["origin"] and (ours is None or theirs is None or not theirs.is_of(ours)):
            raise PackageAltered(f"the earlier checkpoint is of another log: {said.origin}")
        if signed_by(note, [PublicKey(said.origin, ED25519, one.public) for one in self._keys]) is None:
            raise PackageAltered("the earlier checkpoint is signed by none of the log's keys")
        return said

    def _tree(self, head: Checkpoint, wanted: set[int]) -> None:
        """Walk the leaves once: each shown entry has its leaf, and the leaves lead to the signed root."""
        frontier = self._frontier()
        first, last = frontier.size, self._manifest["last"]
        self._before(frontier, wanted)
        shown = 0
        entries = shown_entries(self._package, self._manifest["organisation"], self._personal)
        upcoming = next(entries, None)
        for line in self._package.lines(LEAVES):
            if frontier.size in wanted:
                self._roots[frontier.size] = frontier.root()
            leaf = read_hash(line)
            if upcoming is not None and upcoming[0] == frontier.size:
                if leaf_hash(upcoming[1]) != leaf:
                    raise PackageAltered(f"the entry at position {frontier.size} is not the one that was sealed there")
                self._sights.note(upcoming[0], upcoming[2])
                shown, upcoming = shown + 1, next(entries, None)
            frontier.append(leaf)
        if upcoming is not None:
            raise PackageAltered("an entry is shown that has no leaf, or entries are not in their order")
        self._counts(frontier.size, shown, first, last)
        self._roots[last] = frontier.root()
        self._link(last, frontier.root(), head, "the range leads to the signed checkpoint")
        self._after(frontier, head, wanted)
        place = f"at positions {first} to {last - 1}" if last > first else f"from an empty range at position {first}"
        self._report.proven += [
            f"{shown} entries are as they were sealed, {place} of a log of {head.size}",
            f"withheld by the filter: {last - first - shown}; their places are in the tree" if last - first - shown
            else "none of the range was withheld",
            "the table (CSV) says what the entries say",
        ]  # fmt: skip
        self._say_chosen(last - first - shown, head.size - (last - first))
        if OCSF in self._package.names:
            self._report.proven.append("each event of OCSF has its entry's bytes, place, time, outcome, facts and address; its class is the word of who made the package")
        self._say(*self._personal.conclude(self._manifest))

    def _before(self, frontier: Frontier, wanted: set[int]) -> None:
        """Where the leaves before the range are here: the roots of all sizes up to it are, too."""
        if BEFORE not in self._package.names:
            return
        before = Frontier()
        self._grow(before, BEFORE, wanted)
        if (before.size, before.peaks) != (frontier.size, frontier.peaks):
            raise PackageAltered(f"{BEFORE} does not lead to where the range begins")

    def _after(self, frontier: Frontier, head: Checkpoint, wanted: set[int]) -> None:
        if AFTER not in self._package.names:
            return
        self._grow(frontier, AFTER, wanted)
        if (frontier.size, frontier.root()) != (head.size, head.root):
            raise PackageAltered(f"{AFTER} does not lead from the range to the signed checkpoint")

    def _grow(self, frontier: Frontier, name: str, wanted: set[int]) -> None:
        for line in self._package.lines(name):
            if frontier.size in wanted:
                self._roots[frontier.size] = frontier.root()
            frontier.append(read_hash(line))

    def _say_chosen(self, withheld: int, outside: int) -> None:
        """Report as unproven that the host chose rightly which entries to leave out: no signature shows it."""
        asked = {name: json.dumps(self._manifest[name], sort_keys=True) for name in ("filter", "period")}
        if withheld:
            self._report.unproven.append(f"that none of the {withheld} withheld entries fits what was asked for, {asked['filter']}: the host chose")
        if outside:
            self._report.unproven.append(f"that none of the {outside} entries outside of the range is of the period {asked['period']}: the host chose it")

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
                f"nothing links size {size} to the signed checkpoint: ask for a package, and give that checkpoint as the earlier one"
            )
        if not is_consistent(size, head.size, root, head.root, proof):
            raise PackageAltered(f"not so: {what}")

    def _consistency(self, size: int) -> list[bytes] | None:
        one = self._links.get(size)
        return None if one is None else [bytes.fromhex(step) for step in one["proof"]]

    @cached_property
    def _links(self) -> dict[int, dict[str, Any]]:
        return {one["from"]: one for one in self._package.json(CONSISTENCY)}

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
        try:
            pinned = parse_key(self._known.key)
        except NoteBroken as error:
            raise PackageIncomplete(f"the key given by --key cannot be read: {error}") from error
        ours, theirs = split_origin(self._manifest["origin"]), split_origin(pinned.name)
        if pinned.name != self._manifest["origin"] and (ours is None or theirs is None or not theirs.is_of(ours)):
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
        self._check_kept(earlier.size, earlier.origin)
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
