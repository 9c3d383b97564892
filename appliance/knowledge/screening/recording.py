"""What is found is written down with the file that it was found in, and what reviewers said of it is read when the file is read again."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, func, select, union_all, update

from appliance import dlp, identity
from appliance.dlp import Category, Circumstances, Direction
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.ids import new_id
from appliance.kernel.sealing import Sealer
from appliance.knowledge.screening.sealed import EXCERPTS, NAMES
from appliance.knowledge.screening.sifting import Sifted, listed
from appliance.knowledge.screening.tables import FindingRow, ScanRow
from appliance.knowledge.screening.values import Past, Place, Resolution, Sighting, Spot, Terms
from appliance.knowledge.tables import DocumentRow, VersionRow
from appliance.knowledge.values import Status
from appliance.knowledge.versions import InHand


@dataclass(frozen=True)
class Known:
    """By what a file is judged, and what it is called: its row may say less."""

    terms: Terms
    file_name: str
    is_scanned: bool
    """Whether what was found in it before is on record."""
    was_unchecked: bool = False
    """Whether it is on record that a detector failed: who approved it since, knew."""

    def is_of(self, document: DocumentRow) -> bool:
        """Say whether the document still bears the labels, and is in the place, that it was judged by."""
        terms = self.terms
        return (terms.now.labels, terms.own.collection_id) == (frozenset(document.labels), document.collection_id)


@dataclass(frozen=True)
class InForce:
    """An organisation's policy and own rules, as they are now."""

    policy: dlp.Policy
    own: dlp.OwnRules

    def is_like(self, other: "InForce") -> bool:
        """Say whether documents are judged alike by both."""
        return (self.policy.version, self.own.version) == (other.policy.version, other.own.version)


def in_force(tx: Tx) -> InForce:
    """Return by what the organisation's documents are judged now. Without a rule of a policy, what else it says decides nothing."""
    policy = dlp.policy_in_force(tx)
    return InForce(policy, dlp.own_rules(tx) if policy.rules else dlp.NOTHING)


def known_of(tx: Tx, sealer: Sealer, now: InForce, hands: Mapping[UUID, InHand]) -> dict[UUID, Known]:
    """Return by what each of these files is judged."""
    past, scans = _past(tx, hands), _scans(tx, hands)
    names = _names(tx, sealer, scans)
    groups = {user: identity.groups_of(tx, user) for user in {hand.file.uploaded_by for hand in hands.values()}}
    return {
        file_id: Known(
            Terms(
                now.policy,
                Circumstances(
                    Direction.UPLOAD, frozenset(hand.document.labels), frozenset[UUID](groups[hand.file.uploaded_by])
                ),
                now.own.about(document_id=hand.document.document_id, collection_id=hand.document.collection_id),
                tuple(past.get(file_id, ())),
                is_waived=hand.file.approved_by is not None and file_id not in scans,
            ),
            names.get(file_id, hand.file.file_name),
            file_id in scans,
            file_id in scans and not scans[file_id].is_checked,
        )
        for file_id, hand in hands.items()
    }


def _scans(tx: Tx, file_ids: Collection[UUID]) -> dict[UUID, ScanRow]:
    rows = tx.scalars(select(ScanRow).where(ScanRow.tenant_id == tx.tenant_id, ScanRow.file_id.in_(file_ids)))
    return {row.file_id: row for row in rows}


def _names(tx: Tx, sealer: Sealer, scans: Mapping[UUID, ScanRow]) -> dict[UUID, str]:
    """Return what files are called whose rows do not say it, because of what their names hold."""
    rows = [row for row in scans.values() if row.sealed_name is not None]
    sealed = [(bytes(row.sealed_name or b""), NAMES.place(row.file_id, row.document_id)) for row in rows]
    opened = sealer.unseal_all(tx, sealed) if sealed else []
    return {row.file_id: name.decode() for row, name in zip(rows, opened, strict=True)}


def record_scan(
    tx: Tx, sealer: Sealer, hand: InHand, sifted: Sifted, known: Known, *, is_kept: bool, clock: Clock
) -> None:
    """Write down what was found in a file: in the place of what was found before, but for what reviewers decided."""
    file_id, document_id, now = hand.file.file_id, hand.document.document_id, clock.now()
    name = None
    if is_kept and sifted.file_name != known.file_name:
        name = sealer.seal(tx, known.file_name.encode(), NAMES.place(file_id, document_id))
    if known.is_scanned:
        _forget(tx, file_id)
    tx.add(
        ScanRow(
            tenant_id=tx.tenant_id, file_id=file_id, document_id=document_id, policy_version=known.terms.policy.version,
            own_version=known.terms.own.version, engine_version=sifted.engine_version, action=sifted.action, found=sifted.found, removed=sifted.removed,
            is_checked=sifted.is_checked, cuts=sifted.cuts, sealed_name=name, scanned_at=now,
        )
    )  # fmt: skip
    decided = {_key(one.place, one.category, one.rule) for one in known.terms.past}
    new = [one for one in listed(sifted.sightings) if _key(one.place, one.category, one.rule) not in decided]
    rows = [_row(tx, hand, one, sifted, known.terms, now) for one in new]
    # Of a file that is not kept nothing is, not even masked.
    shown = [(row, one) for row, one in zip(rows, new, strict=True) if is_kept and one.excerpt]
    sealed = sealer.seal_all(
        tx, [(one.excerpt.encode(), EXCERPTS.place(row.finding_id, document_id)) for row, one in shown]
    )
    for (row, _), excerpt in zip(shown, sealed, strict=True):
        row.sealed_excerpt = excerpt
    tx.add_all(rows)
    tx.flush()


def release_all(tx: Tx, file_id: UUID, user_id: UUID) -> None:
    """Let everything that was found in a file stay, as somebody who may release it says of all of it."""
    tx.execute(
        update(FindingRow)
        .where(FindingRow.tenant_id == tx.tenant_id, FindingRow.file_id == file_id, *held_back())
        .values(
            resolution=Resolution.RELEASE, resolved_by=user_id, resolved_at=func.now(), confirmed_by=user_id,
            confirmed_at=func.now(),
        )
    )  # fmt: skip


def forget_excerpts(tx: Tx, file_id: UUID) -> None:
    """Let go of what stands around the findings of a file that is not kept."""
    tx.execute(
        update(FindingRow)
        .where(FindingRow.tenant_id == tx.tenant_id, FindingRow.file_id == file_id)
        .values(sealed_excerpt=None)
    )
    tx.execute(
        update(ScanRow).where(ScanRow.tenant_id == tx.tenant_id, ScanRow.file_id == file_id).values(sealed_name=None)
    )


def held_back() -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of findings that keep their file back, and on which nobody has decided for good."""
    return (
        FindingRow.confirmed_by.is_(None),
        FindingRow.action.in_((dlp.Action.QUARANTINE, dlp.Action.BLOCK)),
    )


def of_waiting_files(tx: Tx) -> ColumnElement[bool]:
    """Return the condition of findings in files that wait for a reviewer."""
    current = select(func.coalesce(DocumentRow.version_id, DocumentRow.document_id)).where(
        DocumentRow.tenant_id == tx.tenant_id, DocumentRow.status == Status.QUARANTINED
    )
    return FindingRow.file_id.in_(union_all(current, newer_held(tx).with_only_columns(VersionRow.version_id)))


def newer_held(tx: Tx) -> Select[VersionRow]:
    """Return versions that are held back and may come into force: not those that a later one has replaced."""
    return (
        select(VersionRow)
        .join(
            DocumentRow,
            (DocumentRow.tenant_id == VersionRow.tenant_id) & (DocumentRow.document_id == VersionRow.document_id),
        )
        .where(
            VersionRow.tenant_id == tx.tenant_id, VersionRow.status == Status.QUARANTINED, VersionRow.version > DocumentRow.version
        )
    )


def _forget(tx: Tx, file_id: UUID) -> None:
    tx.execute(
        delete(FindingRow).where(
            FindingRow.tenant_id == tx.tenant_id, FindingRow.file_id == file_id, FindingRow.confirmed_by.is_(None)
        )
    )
    tx.execute(delete(ScanRow).where(ScanRow.tenant_id == tx.tenant_id, ScanRow.file_id == file_id))


def _past(tx: Tx, file_ids: Iterable[UUID]) -> dict[UUID, list[Past]]:
    rows = tx.scalars(
        select(FindingRow).where(
            FindingRow.tenant_id == tx.tenant_id, FindingRow.file_id.in_(list(file_ids)), FindingRow.confirmed_by.is_not(None)
        )
    )
    past: dict[UUID, list[Past]] = {}
    for row in rows:
        place = Place(Spot(row.place), row.start_at, row.end_at, row.page)
        past.setdefault(row.file_id, []).append(
            Past(place, Category(row.category), row.rule, Resolution(row.resolution or Resolution.REJECT))
        )
    return past


def _key(place: Place, category: Category, rule: str) -> tuple[object, ...]:
    if place.spot is Spot.REST:
        return place.spot, category, rule
    return place.spot, category, place.start, place.end


def _row(tx: Tx, hand: InHand, one: Sighting, sifted: Sifted, terms: Terms, now: datetime) -> FindingRow:
    return FindingRow(
        tenant_id=tx.tenant_id, finding_id=new_id(), file_id=hand.file.file_id, document_id=hand.document.document_id,
        category=one.category.value, rule=one.rule, place=one.place.spot.value, page=one.place.page, start_at=one.place.start,
        end_at=one.place.end, times=one.times, confidence=one.confidence, through=one.through, action=one.action.value,
        policy_rule=one.policy_rule, policy_version=terms.policy.version, engine_version=sifted.engine_version, found_at=now,
    )  # fmt: skip
