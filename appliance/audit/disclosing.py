"""Reading what entries committed to, as far as it was not erased. Whoever reads the log reads this, and nobody else.

The page, the API, packages and streams come here, each with the entries of a page or a piece at a time: one look for all of them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Self
from uuid import UUID

from sqlalchemy import select

from appliance.audit.committing import ADDRESS, context_of
from appliance.audit.subject_keys import keys_of
from appliance.audit.tables import DisclosureRow, SubjectKeyRow
from appliance.audit.values import Entry, Lack
from appliance.kernel.db import IN_BYTES, Tx
from appliance.kernel.log import logger
from appliance.kernel.rows import among
from appliance.kernel.sealing import IntegrityError, KeyUnavailable, unseal_at, wipe
from appliance.proof.disclosures import Disclosure, fits

_FACTS: Final = "facts."
log = logger("audit")


@dataclass(frozen=True)
class Opened:
    """What was found of an entry's personal values, by name: what opens the commitment, or why nothing does."""

    disclosures: Mapping[str, Disclosure] = field(default_factory=dict)
    lacking: Mapping[str, Lack] = field(default_factory=dict)


NOTHING: Final = Opened()


def open_all(
    tx: Tx, committed: Mapping[UUID, Mapping[str, str]], *, is_patient: bool = True
) -> dict[UUID, Opened]:
    """Return what opens the commitments of entries, by entry.

    Whoever is patient tries again where a key is away for a moment: KeyUnavailable is raised. Who is not sees what is there.
    """
    if not committed:
        return {}
    ours = DisclosureRow.tenant_id == tx.tenant_id, among(DisclosureRow.event_id, committed)
    query = select(DisclosureRow.event_id, DisclosureRow.key_id, DisclosureRow.sealed).where(*ours)
    rows = tx.execute(query, execution_options=IN_BYTES).all()
    found: dict[UUID, Opened] = {}
    with _Borrowed(tx, {key_id for _, key_id, _ in rows}, is_patient=is_patient) as borrowed:
        for event_id, key_id, sealed in rows:
            found[event_id] = _opened(borrowed, event_id, key_id, sealed, committed[event_id])
    missing = committed.keys() - found.keys()
    return found | {one: Opened({}, dict.fromkeys(committed[one], Lack.LOST)) for one in missing}


def disclosed(tx: Tx, entries: Sequence[Entry], *, is_patient: bool = True) -> list[Entry]:
    """Return the entries with their personal values in their places, as far as these are there. Raises as `open_all` does."""
    committed = {one.event_id: one.commitments for one in entries if one.commitments}
    opened = open_all(tx, committed, is_patient=is_patient)
    return [filled(one, opened[one.event_id]) if one.event_id in opened else one for one in entries]


def filled(entry: Entry, opened: Opened) -> Entry:
    """Return an entry with what was opened of it in its place."""
    values = {name: disclosure[2] for name, disclosure in opened.disclosures.items()}
    actor, facts = entry.actor, dict(entry.facts)
    if ADDRESS in values:
        actor = replace(actor, address=str(values[ADDRESS]))
    facts |= {name.removeprefix(_FACTS): value for name, value in values.items() if name.startswith(_FACTS)}
    return replace(entry, actor=actor, facts=facts, undisclosed=opened.lacking)


def _opened(
    borrowed: "_Borrowed", event_id: UUID, key_id: UUID, sealed: bytes, commitments: Mapping[str, str]
) -> Opened:
    key = borrowed.keys[key_id]
    if isinstance(key, Lack):
        return Opened({}, dict.fromkeys(commitments, key))
    try:
        opened = unseal_at(key, sealed, context=context_of(borrowed.tenant_id, event_id, key_id))
    except IntegrityError as error:
        tenant_id = str(borrowed.tenant_id)
        log.warning("disclosure_broken", tenant_id=tenant_id, event_id=str(event_id), reason=error.reason)
        return Opened({}, dict.fromkeys(commitments, Lack.LOST))
    written: list[Disclosure] = json.loads(opened)
    good = {one[1]: one for one in written if fits(one, commitments)}
    return Opened(good, dict.fromkeys(commitments.keys() - good.keys(), Lack.LOST))


class _Borrowed:
    """The keys of one look, each opened once, and wiped at the end; in the place of one that is not to be had, why."""

    def __init__(self, tx: Tx, key_ids: set[UUID], *, is_patient: bool) -> None:
        self.tenant_id, self._is_patient = tx.tenant_id, is_patient
        self.keys: dict[UUID, bytearray | Lack] = dict.fromkeys(key_ids, Lack.LOST)
        self._tx = tx

    def __enter__(self) -> Self:
        try:
            self._borrow()
        except BaseException:
            self._give_back()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._give_back()

    def _borrow(self) -> None:
        if not self.keys:
            return
        ours = SubjectKeyRow.tenant_id == self.tenant_id, among(SubjectKeyRow.key_id, self.keys)
        query = select(SubjectKeyRow.key_id, SubjectKeyRow.subject_id, SubjectKeyRow.sealed).where(*ours)
        rows = self._tx.execute(query).all()
        self.keys |= dict.fromkeys((key_id for key_id, _, sealed in rows if sealed is None), Lack.ERASED)
        there = [(key_id, subject_id, sealed) for key_id, subject_id, sealed in rows if sealed is not None]
        try:
            self.keys |= keys_of(self._tx).opened(self._tx, there) if there else {}
        except KeyUnavailable:
            if self._is_patient:
                raise
            self.keys |= dict.fromkeys((key_id for key_id, _, _ in there), Lack.AWAY)

    def _give_back(self) -> None:
        for one in self.keys.values():
            if isinstance(one, bytearray):
                wipe(one)
