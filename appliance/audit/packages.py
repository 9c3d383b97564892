"""Writes a package of the log that an auditor checks offline (deploy/docs/audit-package.md).

Entries are read in pieces, each in a transaction of its own: what is sealed does not change. Equal logs, asked the same,
give equal bytes but for the moment in the manifest.
"""

import contextlib
import hashlib
import itertools
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from sqlalchemy import and_, case, func, literal, select

from appliance.audit.anchors.attending import Anchored
from appliance.audit.anchors.epochs import epoch_of
from appliance.audit.anchors.ledger import Signed, head_of
from appliance.audit.anchors.members import cosigned_members, epoch_ends, epoch_members, head_members, stamp_members
from appliance.audit.anchors.values import TimeStampPlace
from appliance.audit.errors import CheckpointUnreadable, DiskFull, LogIncomplete, NothingSealed
from appliance.audit.growth import Signer, log_key
from appliance.audit.ocsf import Place
from appliance.audit.proofs import StoredTree
from appliance.audit.queries import conditions
from appliance.audit.showing import Counts, show, write_ocsf, write_rows
from appliance.audit.sshsig import signature
from appliance.audit.tables import CheckpointRow, ExportRow, HeadRow, LogKeyRow, LogRow
from appliance.audit.values import LOGS, EntryFilter, Wanted
from appliance.kernel.db import IN_BYTES, Database, Tx
from appliance.kernel.ids import TenantId, first_id_at
from appliance.proof import package as named
from appliance.proof.epochs import split_origin
from appliance.proof.note import NoteBroken, parse_checkpoint, parse_note
from appliance.proof.rows import csv_head
from appliance.proof.short import ShortBroken, read_short
from appliance.proof.single import shell, source
from appliance.proof.sshsig import allowed_signers, public_pem

_PIECE = 5_000
_EARLIER = 100
_LEAVES = 50_000
_SPARE = 500_000_000
"""What is left to others of the disk."""
AROUND = 1_000_000
"""Up to so many entries outside of the range their leaves are in the package, so that it continues any earlier checkpoint."""
_TIME = (1980, 1, 1, 0, 0, 0)
_README = """This is a package of an audit log. verify/verify.py checks it, with Python 3.11 or newer and nothing else:

    python3 verify.py PACKAGE.zip --earlier CHECKPOINT --key KEY

--earlier is a checkpoint (log/checkpoint.note) of a package that you had before, --key the log's public key as you know it.
A verifier from a package that you do not trust proves nothing: take one from a package, or a host, that you do.
verify/verify.sh checks less, with openssl, ssh-keygen and coreutils. events/ has the entries, one a line, and as a table.
"""
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Written:
    """What a package holds."""

    size: int
    disclosed: int


@dataclass(frozen=True)
class _Plan:
    first: int
    last: int
    head: Signed
    small: dict[str, str | bytes]


def write_package(
    db: Database, tenant_id: TenantId, wanted: Wanted, target: Path, *, signer: Signer, at: datetime, progress: Progress,
    anchored: Anchored | None = None, stamps: TimeStampPlace | None = None,
) -> Written:  # fmt: skip
    """Write the package, of the checkpoint that was shown to the anchors, or of the newest one.

    Raises NothingSealed, LogIncomplete, CheckpointUnreadable, and OSError where it cannot be written.
    """
    stamped, sizes = stamp_members(db, tenant_id, anchored.size) if anchored else ({}, set[int]())
    with db.tenant(tenant_id) as tx:
        plan = _planned(tx, wanted, signer, anchored, sizes)
        _require_disk(tx, wanted, plan, target.parent)
    plan.small.update(stamped | head_members(anchored, stamps))
    plan.small.update(_in_log_of_logs(db, tenant_id, plan.head))
    around = {named.BEFORE: range(plan.first), named.AFTER: range(plan.last, plan.head.size)}
    if sum(map(len, around.values())) > AROUND:
        around = {}
    told = (*_STREAMS, *([named.DISCLOSURES] if wanted.is_personal else []), *([named.OCSF] if wanted.with_ocsf else []))
    streams = {name: target.with_suffix(f".{number}") for number, name in enumerate((*told, *around))}
    try:
        for name, positions in around.items():
            _write_leaves(db, tenant_id, positions, streams[name])
        counts = _write_streams(db, tenant_id, wanted, plan, {name: streams[name] for name in told}, progress)
        plan.small[named.MANIFEST] = _manifest(tenant_id, wanted, plan, counts, at)
        _pack(target, plan.small, streams, signer)
    finally:
        for path in streams.values():
            path.unlink(missing_ok=True)
    return Written(plan.head.size, counts.disclosed)


_STREAMS = (named.EVENTS, named.POSITIONS, named.TABLE, named.LEAVES)


def _planned(tx: Tx, wanted: Wanted, signer: Signer, anchored: Anchored | None, sizes: set[int]) -> _Plan:
    head = head_of(tx) if anchored is None else Signed(anchored.origin, anchored.size, anchored.note)
    if head is None:
        raise NothingSealed
    first, last = _range(tx, wanted, head.size)
    tree, origin = StoredTree(tx), head.origin
    keys = tx.scalars(select(LogKeyRow).where(LogKeyRow.tenant_id == tx.tenant_id).order_by(LogKeyRow.number)).all()
    cosigned, seen = cosigned_members(tx, origin, head.size)
    before = {last, *_earlier_sizes(tx), *([size_of(wanted.earlier, origin)] if wanted.earlier else []), *seen, *sizes, *epoch_ends(tx, head.size)}
    kept = _kept(tx, head.size)
    links = sorted(one for one in before | ({kept.size} if kept else set()) if 0 < one < head.size)
    frontier = tree.frontier(first)
    current = keys[-1].public
    if current != signer.public:  # a new key: the entry that asked for this package is about to be signed by it
        raise NothingSealed
    small: dict[str, str | bytes] = {
        named.README: _README,
        named.FRONTIER: _json({"peaks": [one.hex() for one in frontier.peaks], "size": first}),
        named.CHECKPOINT: head.note,
        named.CONSISTENCY: _json([_link(tree, one, head.size) for one in links]),
        named.KEYS: "".join(f"{log_key(origin, one.public)}\n" for one in keys),
        named.ROLLOVERS: _json(
            [
                {"endorsement": (new.endorsement or b"").hex(), "new": new.public.hex(), "old": old.public.hex()}
                for old, new in itertools.pairwise(keys)
            ]
        ),
        named.PEM: public_pem(current),
        named.SIGNERS: allowed_signers(current, namespace=named.NAMESPACE),
        named.VERIFIER: source(),
        named.SHELL: shell(),
        **cosigned,
        **epoch_members(tx, origin, head.size),
    }
    return _Plan(first, last, head, small)


def _link(tree: StoredTree, size: int, head: int) -> dict[str, Any]:
    return {"from": size, "proof": _hex(tree.consistency(size, head)), "root": tree.frontier(size).root().hex()}


def _range(tx: Tx, wanted: Wanted, size: int) -> tuple[int, int]:
    """Return the positions that hold all entries of the period: the first, and the one behind the last."""
    ours = LogRow.tenant_id == tx.tenant_id
    period = conditions(LogRow, EntryFilter(since=wanted.since, until=wanted.until))
    if not period:
        return 0, size
    inside = LogRow.position < size, *period
    low = tx.scalar(select(func.min(LogRow.position)).where(ours, *inside))
    high = tx.scalar(select(func.max(LogRow.position)).where(ours, *inside))
    if low is not None and high is not None:
        return int(low), int(high) + 1
    # Nothing happened: the empty range stands where it would be.
    until = wanted.until or wanted.since
    assert until is not None  # noqa: S101 - there is a period
    before = select(func.max(LogRow.position)).where(ours, LogRow.position < size, LogRow.event_id < first_id_at(until))
    at = tx.scalar(before)
    return (0, 0) if at is None else (int(at) + 1, int(at) + 1)


def _earlier_sizes(tx: Tx) -> list[int]:
    """Return the sizes of the log in the newest packages before: their readers hold these checkpoints."""
    query = select(ExportRow.size).where(ExportRow.tenant_id == tx.tenant_id, ExportRow.size.is_not(None))
    return [one for one in tx.scalars(query.order_by(ExportRow.requested_at.desc()).limit(_EARLIER)) if one]


def size_of(written: str, origin: str) -> int:
    """Return the size of a log's checkpoint, a note or what is typed from paper. Raises CheckpointUnreadable."""
    try:
        if "\n\n" not in written:
            return read_short(written)[0]
        said = parse_checkpoint(parse_note(written).text)
    except (NoteBroken, ShortBroken) as error:
        raise CheckpointUnreadable from error
    ours, theirs = split_origin(origin), split_origin(said.origin)
    if said.origin != origin and (ours is None or theirs is None or not theirs.is_of(ours)):
        raise CheckpointUnreadable
    return said.size


def _kept(tx: Tx, size: int) -> CheckpointRow | None:
    query = select(CheckpointRow).where(CheckpointRow.tenant_id == tx.tenant_id, CheckpointRow.size <= size)
    return tx.scalars(query.order_by(CheckpointRow.size.desc()).limit(1)).one_or_none()


def _in_log_of_logs(db: Database, tenant_id: TenantId, head: Signed) -> dict[str, str]:
    with db.tenant(tenant_id) as tx:
        kept = _kept(tx, head.size)
    if kept is None or kept.logs_position is None:
        return {}
    with db.tenant(LOGS) as tx:
        logs = tx.scalars(select(HeadRow).where(HeadRow.tenant_id == LOGS)).one()
        proof = StoredTree(tx).inclusion(kept.logs_position, logs.size)
    if epoch_of(logs.origin) != epoch_of(head.origin) or not kept.note.startswith(f"{head.origin}\n"):
        raise NothingSealed  # an epoch is about to begin
    place = {"position": kept.logs_position, "proof": _hex(proof)}
    return {named.KEPT: kept.note, named.LOGS: logs.note, named.INCLUSION: _json(place)}


def _write_leaves(db: Database, tenant_id: TenantId, positions: range, path: Path) -> None:
    with private_file(path) as file:
        for low in range(positions.start, positions.stop, _LEAVES):
            piece = range(low, min(low + _LEAVES, positions.stop))
            query = select(LogRow.position, LogRow.leaf).where(
                LogRow.tenant_id == tenant_id, LogRow.position >= piece.start, LogRow.position < piece.stop
            )
            with db.tenant(tenant_id) as tx:
                rows = tx.execute(query.order_by(LogRow.position), execution_options=IN_BYTES).all()
            if [row[0] for row in rows] != list(piece):
                raise LogIncomplete
            file.write(b"".join(leaf.hex().encode() + b"\n" for _, leaf in rows))


def _write_streams(
    db: Database, tenant_id: TenantId, wanted: Wanted, plan: _Plan, paths: dict[str, Path], progress: Progress
) -> Counts:
    counts = Counts()
    chosen = conditions(LogRow, EntryFilter(actors=wanted.actors, subject=wanted.subject, kinds=wanted.kinds))
    is_shown = and_(literal(value=True), *chosen)
    with contextlib.ExitStack() as stack:
        files = {name: stack.enter_context(private_file(path)) for name, path in paths.items()}
        files[named.TABLE].write(csv_head().encode())
        for low in range(plan.first, plan.last, _PIECE):
            high = min(low + _PIECE, plan.last)
            query = select(LogRow.position, LogRow.leaf, case((is_shown, LogRow.body)), LogRow.event_id).where(
                LogRow.tenant_id == tenant_id, LogRow.position >= low, LogRow.position < high
            )
            with db.tenant(tenant_id) as tx:
                rows = tx.execute(query.order_by(LogRow.position)).all()
                if [row[0] for row in rows] != list(range(low, high)):
                    raise LogIncomplete
                shown = show(tx, rows, counts, is_personal=wanted.is_personal)
            write_rows(files, shown)
            if named.OCSF in files:
                write_ocsf(files[named.OCSF], shown, Place(tenant_id, str(tenant_id), plan.head.origin))
            files[named.LEAVES].write(b"".join(leaf.hex().encode() + b"\n" for _, leaf, _, _ in rows))
            progress(high - plan.first, plan.last - plan.first)
    return counts


def _require_disk(tx: Tx, wanted: Wanted, plan: _Plan, folder: Path) -> None:
    """Raise DiskFull before anything is written that would fill the disk that the database may lie on, too."""
    ours = LogRow.tenant_id == tx.tenant_id, LogRow.position >= plan.first, LogRow.position < plan.last
    bodies = int(tx.scalar(select(func.coalesce(func.sum(func.octet_length(LogRow.body)), 0)).where(*ours)) or 0)
    # The entries, the table, what is disclosed, OCSF with the entry in it; the leaves in letters; then the package of all that beside it.
    needed = 2 * (bodies * ((6 if wanted.with_ocsf else 2) + wanted.is_personal) + 65 * plan.head.size)
    if shutil.disk_usage(folder).free < needed + _SPARE:
        raise DiskFull(needed=needed // 1_000_000 + 1)


def _manifest(tenant_id: TenantId, wanted: Wanted, plan: _Plan, counts: Counts, at: datetime) -> str:
    return _json(
        {
            "disclosed": counts.disclosed,
            "filter": wanted.chosen(),
            "first": plan.first,
            "format": named.FORMAT_OCSF if wanted.with_ocsf else named.FORMAT,
            "last": plan.last,
            "made_at": at.isoformat(timespec="seconds"),
            "organisation": str(tenant_id),
            "origin": plan.head.origin,
            "period": wanted.period(),
            "personal": {
                "committed": counts.committed, "disclosed": counts.opened, "withheld": not wanted.is_personal,
            },
            "size": plan.head.size,
            "withheld": plan.last - plan.first - counts.disclosed,
        }
    )


def _pack(target: Path, small: dict[str, str | bytes], streams: dict[str, Path], signer: Signer) -> None:
    sums: dict[str, str] = {}
    with private_file(target) as file, zipfile.ZipFile(file, "w") as archive:
        for name in sorted({*small, *streams}):
            pieces = _pieces(streams[name]) if name in streams else iter([_octets(small[name])])
            sums[name] = _add(archive, name, pieces)
        listed = "".join(f"{digest}  {name}\n" for name, digest in sums.items())
        _add(archive, named.SUMS, iter([listed.encode()]))
        signed = signature(listed.encode(), namespace=named.NAMESPACE, public=signer.public, sign=signer.sign)
        _add(archive, named.SUMS_SIGNED, iter([signed.encode()]))


def _add(archive: zipfile.ZipFile, name: str, pieces: Iterator[bytes]) -> str:
    info = zipfile.ZipInfo(name, _TIME)
    info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
    digest = hashlib.sha256()
    with archive.open(info, "w", force_zip64=True) as member:
        for piece in pieces:
            digest.update(piece)
            member.write(piece)
    return digest.hexdigest()


def _octets(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            yield piece


@contextlib.contextmanager
def private_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file to be written that nobody but its owner reads."""
    path.touch(mode=0o600)
    with path.open("wb") as file:
        yield file


def _hex(proof: list[bytes]) -> list[str]:
    return [one.hex() for one in proof]


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"
