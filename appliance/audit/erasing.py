"""The end of what entries say of one person. Asking for permission is the caller's part."""

from uuid import UUID

from sqlalchemy import select, update

from appliance.audit.events import Event
from appliance.audit.inbox import record
from appliance.audit.subject_keys import keys_of
from appliance.audit.tables import SubjectKeyRow
from appliance.audit.values import Actor
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx


def disclosed_subjects(tx: Tx) -> frozenset[UUID]:
    """Return of whom this log has personal values that can still be read: members, programs, operators, and STRANGERS."""
    query = select(SubjectKeyRow.subject_id).where(
        SubjectKeyRow.tenant_id == tx.tenant_id, SubjectKeyRow.sealed.is_not(None)
    )
    return frozenset(tx.scalars(query.distinct()))


def erase_disclosures(tx: Tx, actor: Actor, subject_id: UUID, *, clock: Clock) -> int:
    """Destroy the keys to a subject's personal values in this log; return how many there were.

    Entries, leaves and proofs stay as they are: each entry still has its commitments, and nothing opens them any more. That it
    was done is an event in the log. Whoever is to be held back from it, by a legal hold, is to be held back here.
    """
    keys = keys_of(tx)
    gone = tx.scalars(
        update(SubjectKeyRow)
        .where(
            SubjectKeyRow.tenant_id == tx.tenant_id,
            SubjectKeyRow.subject_id == subject_id,
            SubjectKeyRow.sealed.is_not(None),
        )
        .values(sealed=None, erased_at=clock.now())
        .returning(SubjectKeyRow.key_id)
    ).all()
    keys.forget(tx.tenant_id, subject_id)
    record(tx, actor, Event.DISCLOSURES_ERASED, subject=subject_id, keys=len(gone))
    return len(gone)
