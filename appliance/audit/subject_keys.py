"""Keys of those whom the log's entries are about: what opens the personal values of their entries is sealed under them.

A key is random, and sealed under the organisation's data key, bound to its subject. To destroy it is to erase, wherever the
log and what is sealed beside it were copied to. (A backup of before has the key, too: until it expires.)

An entry is written at every call, so keys are kept: unwrapped for five minutes, and which one is a subject's for one. An entry
that is recorded within that minute after an erasure may be sealed under the destroyed key; its values are erased from the beginning.

Where there is no key to be had an entry is recorded all the same, with a commitment that nothing opens, and a warning in the log of
this process: people sign in, and see what is wrong with the keys, while a root key is away.

Trusted: the vault, this process. Not trusted: the database; who writes it can lose a key, and can put none in another's place.
"""

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

from sqlalchemy import func, insert, select

from appliance.audit.tables import SubjectKeyRow
from appliance.audit.values import Lack
from appliance.kernel.db import Tx
from appliance.kernel.ids import new_id
from appliance.kernel.key_cache import KeyCache, name_of
from appliance.kernel.log import logger
from appliance.kernel.sealing import KEY_BYTES, IntegrityError, KeyDestroyed, KeyUnavailable, SealedColumn, Sealer

SEALED: Final = SealedColumn("audit_subject_keys", "sealed", ("key_id",), ("uuid",), bound=("subject_id",))
PERSONAL: Final = "personal values"
"""What a transaction has the keys at hand as."""
KNOWN_SECONDS: Final = 60.0
_MOST: Final = 10_000
_Known = tuple[UUID, bytes, bytes]
"""A key's id, what is sealed of it, and what the cache calls it."""
log = logger("audit")


@dataclass(frozen=True)
class SubjectKey:
    """A key in memory that whoever asked for it wipes."""

    key_id: UUID
    key: bytearray


class SubjectKeys(Protocol):
    """Lends the keys of subjects, for one transaction."""

    def in_force(self, tx: Tx, subject_id: UUID) -> SubjectKey | None:
        """Return the key that a subject's new values are sealed under, None where there is none to be had."""

    def opened(self, tx: Tx, rows: Sequence[tuple[UUID, UUID, bytes]]) -> dict[UUID, bytearray | Lack]:
        """Return keys by their ids, which the caller wipes, or why one is not to be had. A row is key, subject and sealed key.

        Raises KeyUnavailable.
        """

    def forget(self, tenant_id: UUID, subject_id: UUID) -> None:
        """Look the subject's key up anew when it is asked for next."""


def keys_of(tx: Tx) -> SubjectKeys:
    """Return the keys that this transaction has at hand. Raises LookupError where whoever assembled this gave it none."""
    found: SubjectKeys | None = tx.info.get(PERSONAL)
    if found is None:
        raise LookupError("this database was given no keys for personal values")
    return found


class KeptSubjectKeys:
    """Subject keys as a process keeps them. Thread-safe."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer, self._cache = sealer, KeyCache(most=_MOST)
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[int, int], tuple[float, _Known]] = OrderedDict()

    def in_force(self, tx: Tx, subject_id: UUID) -> SubjectKey | None:
        """Return the key in force, a new one where the subject has none, None where the organisation's keys are away or destroyed."""
        try:
            return self._in_force(tx, subject_id)
        except KeyDestroyed:
            return None
        except (IntegrityError, KeyUnavailable) as error:
            log.warning("personal_values_not_kept", tenant_id=str(tx.tenant_id), code=error.code, reason=error.reason)
            return None

    def _in_force(self, tx: Tx, subject_id: UUID) -> SubjectKey:
        try:
            known = self._remembered(tx.tenant_id, subject_id) or self._found(tx, subject_id)
            if known is not None:
                return SubjectKey(known[0], self._cache.find(known[2]) or self._unwrapped(tx, subject_id, known))
        except IntegrityError as error:  # somebody was at it: no reason to keep nothing
            log.warning("subject_key_broken", tenant_id=str(tx.tenant_id), subject_id=str(subject_id), reason=error.reason)
            self.forget(tx.tenant_id, subject_id)
        return self._made(tx, subject_id)

    def opened(self, tx: Tx, rows: Sequence[tuple[UUID, UUID, bytes]]) -> dict[UUID, bytearray | Lack]:
        """Return keys by their ids, or why one is not to be had. The vault is asked, not the memory: what was destroyed opens nothing."""
        try:
            keys = self._sealer.unseal_all(tx, [(sealed, SEALED.place(key, subject)) for key, subject, sealed in rows])
        except (IntegrityError, KeyDestroyed):
            return {row[0]: self._opened(tx, *row) for row in rows}
        return {key_id: bytearray(key) for (key_id, _, _), key in zip(rows, keys, strict=True)}

    def _opened(self, tx: Tx, key_id: UUID, subject_id: UUID, sealed: bytes) -> bytearray | Lack:
        try:
            return bytearray(self._sealer.unseal(tx, sealed, SEALED.place(key_id, subject_id)))
        except KeyDestroyed:
            return Lack.ERASED
        except IntegrityError as error:
            log.warning("subject_key_broken", tenant_id=str(tx.tenant_id), key_id=str(key_id), reason=error.reason)
            return Lack.LOST

    def _unwrapped(self, tx: Tx, subject_id: UUID, known: _Known) -> bytearray:
        key_id, sealed, _ = known
        place = SEALED.place(key_id, subject_id)
        return self._cache.get(
            sealed, lambda: bytearray(self._sealer.unseal(tx, sealed, place)), context=place.context(tx.tenant_id)
        )

    def forget(self, tenant_id: UUID, subject_id: UUID) -> None:
        """Look the subject's key up anew when it is asked for next."""
        with self._lock:
            self._known.pop((tenant_id.int, subject_id.int), None)

    def _remembered(self, tenant_id: UUID, subject_id: UUID) -> _Known | None:
        with self._lock:
            until, known = self._known.get((tenant_id.int, subject_id.int), (0.0, None))
        return known if time.monotonic() < until else None

    def _found(self, tx: Tx, subject_id: UUID) -> _Known | None:
        # A key that this transaction made itself is not remembered: the transaction, or a savepoint in it, may be taken back.
        is_new = (SubjectKeyRow.created_at == func.now()).label("is_new")
        row = tx.execute(
            select(SubjectKeyRow.key_id, SubjectKeyRow.sealed, is_new)
            .where(
                SubjectKeyRow.tenant_id == tx.tenant_id,
                SubjectKeyRow.subject_id == subject_id,
                SubjectKeyRow.sealed.is_not(None),
            )
            .order_by(SubjectKeyRow.created_at.desc())
            .limit(1)
        ).first()
        if row is None or row.sealed is None:
            return None
        context = SEALED.place(row.key_id, subject_id).context(tx.tenant_id)
        known = row.key_id, row.sealed, name_of(row.sealed, context=context)
        if not row.is_new:
            self._remember(tx.tenant_id, subject_id, known)
        return known

    def _remember(self, tenant_id: UUID, subject_id: UUID, known: _Known) -> None:
        with self._lock:
            name = tenant_id.int, subject_id.int
            self._known[name] = time.monotonic() + KNOWN_SECONDS, known
            self._known.move_to_end(name)
            if len(self._known) > _MOST:
                self._known.popitem(last=False)

    def _made(self, tx: Tx, subject_id: UUID) -> SubjectKey:
        made = SubjectKey(new_id(), bytearray(os.urandom(KEY_BYTES)))
        sealed = self._sealer.seal(tx, made.key, SEALED.place(made.key_id, subject_id))
        values = {"tenant_id": tx.tenant_id, "key_id": made.key_id, "subject_id": subject_id, "sealed": sealed}
        tx.execute(insert(SubjectKeyRow).values(values))
        return made
