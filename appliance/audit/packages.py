"""Writes a package of the log that an auditor checks offline (deploy/docs/audit-package.md).

Entries are read in pieces, each in a transaction of its own: what is sealed does not change. Equal logs, asked the same,
give equal bytes but for the moment in the manifest.
"""

import contextlib
import hashlib
import itertools
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from sqlalchemy import and_, case, func, literal, select

from appliance.audit.errors import CheckpointUnreadable, LogIncomplete, NothingSealed
from appliance.audit.growth import Signer, log_key
from appliance.audit.proofs import StoredTree
from appliance.audit.queries import conditions
from appliance.audit.sshsig import signature
from appliance.audit.tables import CheckpointRow, ExportRow, HeadRow, LogKeyRow, LogRow
from appliance.audit.values import LOGS, EntryFilter, Wanted
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import TenantId, first_id_at
from appliance.proof import package as named
from appliance.proof.note import NoteBroken, parse_checkpoint, parse_note
from appliance.proof.rows import csv_head, csv_line
from appliance.proof.single import shell, source
from appliance.proof.sshsig import allowed_signers, public_pem

_PIECE = 5_000
_EARLIER = 100
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
    head: HeadRow
    small: dict[str, str]


def write_package(
    db: Database, tenant_id: TenantId, wanted: Wanted, target: Path, *, signer: Signer, at: datetime, progress: Progress
) -> Written:
    """Write the package. Raises NothingSealed, LogIncomplete, CheckpointUnreadable, and OSError where it cannot be written."""
    with db.tenant(tenant_id) as tx:
        plan = _planned(tx, wanted, signer)
    plan.small.update(_in_log_of_logs(db, tenant_id, plan.head))
    streams = {name: target.with_suffix(f".{number}") for number, name in enumerate(_STREAMS)}
    try:
        disclosed = _write_streams(db, tenant_id, wanted, plan, streams, progress)
        plan.small[named.MANIFEST] = _manifest(tenant_id, wanted, plan, disclosed, at)
        _pack(target, plan.small, streams, signer)
    finally:
        for path in streams.values():
            path.unlink(missing_ok=True)
    return Written(plan.head.size, disclosed)


_STREAMS = (named.EVENTS, named.POSITIONS, named.TABLE, named.LEAVES)


def _planned(tx: Tx, wanted: Wanted, signer: Signer) -> _Plan:
    head = tx.scalars(select(HeadRow).where(HeadRow.tenant_id == tx.tenant_id)).one_or_none()
    if head is None:
        raise NothingSealed
    first, last = _range(tx, wanted, head.size)
    tree, origin = StoredTree(tx), head.origin
    keys = tx.scalars(select(LogKeyRow).where(LogKeyRow.tenant_id == tx.tenant_id).order_by(LogKeyRow.number)).all()
    before = {last, *_earlier_sizes(tx), *([size_of(wanted.earlier, origin)] if wanted.earlier else [])}
    kept = _kept(tx, head.size)
    links = sorted(one for one in before | ({kept.size} if kept else set()) if 0 < one < head.size)
    frontier = tree.frontier(first)
    current = keys[-1].public
    if current != signer.public:  # a new key: the entry that asked for this package is about to be signed by it
        raise NothingSealed
    small = {
        named.README: _README,
        named.FRONTIER: _json({"peaks": [one.hex() for one in frontier.peaks], "size": first}),
        named.CHECKPOINT: head.note,
        named.CONSISTENCY: _json([{"from": one, "proof": _hex(tree.consistency(one, head.size))} for one in links]),
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
    }
    return _Plan(first, last, head, small)


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
    """Return the size of a log's checkpoint. Raises CheckpointUnreadable."""
    try:
        said = parse_checkpoint(parse_note(written).text)
    except NoteBroken as error:
        raise CheckpointUnreadable from error
    if said.origin != origin:
        raise CheckpointUnreadable
    return said.size


def _kept(tx: Tx, size: int) -> CheckpointRow | None:
    query = select(CheckpointRow).where(CheckpointRow.tenant_id == tx.tenant_id, CheckpointRow.size <= size)
    return tx.scalars(query.order_by(CheckpointRow.size.desc()).limit(1)).one_or_none()


def _in_log_of_logs(db: Database, tenant_id: TenantId, head: HeadRow) -> dict[str, str]:
    with db.tenant(tenant_id) as tx:
        kept = _kept(tx, head.size)
    if kept is None or kept.logs_position is None:
        return {}
    with db.tenant(LOGS) as tx:
        logs = tx.scalars(select(HeadRow).where(HeadRow.tenant_id == LOGS)).one()
        proof = StoredTree(tx).inclusion(kept.logs_position, logs.size)
    place = {"position": kept.logs_position, "proof": _hex(proof)}
    return {named.KEPT: kept.note, named.LOGS: logs.note, named.INCLUSION: _json(place)}


def _write_streams(
    db: Database, tenant_id: TenantId, wanted: Wanted, plan: _Plan, paths: dict[str, Path], progress: Progress
) -> int:
    disclosed, chosen = (
        0,
        conditions(LogRow, EntryFilter(actors=wanted.actors, subject=wanted.subject, kinds=wanted.kinds)),
    )
    is_shown = and_(literal(value=True), *chosen)
    with contextlib.ExitStack() as stack:
        files = {name: stack.enter_context(_private(path)) for name, path in paths.items()}
        files[named.TABLE].write(csv_head().encode())
        for low in range(plan.first, plan.last, _PIECE):
            high = min(low + _PIECE, plan.last)
            query = select(LogRow.position, LogRow.leaf, case((is_shown, LogRow.body))).where(
                LogRow.tenant_id == tenant_id, LogRow.position >= low, LogRow.position < high
            )
            with db.tenant(tenant_id) as tx:
                rows = tx.execute(query.order_by(LogRow.position)).all()
            if [row[0] for row in rows] != list(range(low, high)):
                raise LogIncomplete
            shown = [(position, body) for position, _, body in rows if body is not None]
            _write_rows(files, shown)
            files[named.LEAVES].write(b"".join(leaf.hex().encode() + b"\n" for _, leaf, _ in rows))
            disclosed += len(shown)
            progress(high - plan.first, plan.last - plan.first)
    return disclosed


def _write_rows(files: dict[str, IO[bytes]], shown: list[tuple[int, bytes]]) -> None:
    files[named.EVENTS].write(b"".join(body + b"\n" for _, body in shown))
    files[named.POSITIONS].write(b"".join(b"%d\n" % position for position, _ in shown))
    try:
        lines = [csv_line(position, json.loads(body)) for position, body in shown]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise LogIncomplete from error  # not what we recorded
    files[named.TABLE].write("".join(lines).encode())


def _manifest(tenant_id: TenantId, wanted: Wanted, plan: _Plan, disclosed: int, at: datetime) -> str:
    return _json(
        {
            "disclosed": disclosed,
            "filter": wanted.chosen(),
            "first": plan.first,
            "format": named.FORMAT,
            "last": plan.last,
            "made_at": at.isoformat(timespec="seconds"),
            "organisation": str(tenant_id),
            "origin": plan.head.origin,
            "period": wanted.period(),
            "size": plan.head.size,
            "withheld": plan.last - plan.first - disclosed,
        }
    )


def _pack(target: Path, small: dict[str, str], streams: dict[str, Path], signer: Signer) -> None:
    sums: dict[str, str] = {}
    with _private(target) as file, zipfile.ZipFile(file, "w") as archive:
        for name in sorted({*small, *streams}):
            pieces = _pieces(streams[name]) if name in streams else iter([small[name].encode()])
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


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            yield piece


@contextlib.contextmanager
def _private(path: Path) -> Iterator[IO[bytes]]:
    path.touch(mode=0o600)
    with path.open("wb") as file:
        yield file


def _hex(proof: list[bytes]) -> list[str]:
    return [one.hex() for one in proof]


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"
