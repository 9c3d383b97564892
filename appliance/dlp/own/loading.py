"""An organisation's own rules as a process keeps them: opened once for each version, and let go after a few minutes.

So they cost a look at a row before each text, and keys that were destroyed are soon of no use here either.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Select, func, or_, select

from appliance.dlp.own.contents import check_kind, opened
from appliance.dlp.own.tables import AllowanceRow, ListRow, VersionRow
from appliance.dlp.own.values import NOTHING, Allowance, Dictionary, ExactList, LateLists, Lists, OwnRules, Pattern
from appliance.dlp.values import Category
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.sealing import SealedColumn, Sealer

KEYS: Final = SealedColumn("dlp_own_rules", "sealed", ("key_id",), ("uuid",))
LISTS: Final = SealedColumn("dlp_own_lists", "sealed", ("list_id",), ("uuid",))
SEALED: Final = (KEYS, LISTS)
BOOK: Final = "own rules on data"
"""What a transaction has the book at hand as."""
_KEPT_SECONDS, _MOST = 300.0, 16


def own_rules(tx: Tx) -> OwnRules:
    """Return the organisation's own rules as they are now. Asking for permission is the caller's part.

    Raises IntegrityError, KeyUnavailable, KeyDestroyed: without them, no text is known to be clean.
    """
    return book_of(tx).rules(tx)


def book_of(tx: Tx) -> "OwnBook":
    """Return what this transaction has at hand. Raises LookupError where whoever assembled this gave it none."""
    found: OwnBook | None = tx.info.get(BOOK)
    if found is None:
        raise LookupError("this database was given no book of own rules")
    return found


def _changes_of_documents(tenant_id: UUID, now: datetime) -> Select[UUID | None, int]:
    """Return what asks for how many changes of own rules there were that are about one document alone, by document.

    Each such allowance is one as it is made, and one as it ends, by people or by its day.
    """
    is_over = (AllowanceRow.expires_at <= now) | AllowanceRow.ended_at.is_not(None)
    changes = func.count() + func.count().filter(is_over)
    return (
        select(AllowanceRow.document_id, changes.label("changes"))
        .where(AllowanceRow.tenant_id == tenant_id, AllowanceRow.document_id.is_not(None))
        .group_by(AllowanceRow.document_id)
    )


def _lists(told: Sequence[tuple[str, str, Category, bytes]], key: bytes) -> Lists:
    lists = [opened(kind, name, category, text, key) for kind, name, category, text in told]
    return Lists(
        tuple(one for one in lists if isinstance(one, Dictionary)),
        tuple(one for one in lists if isinstance(one, Pattern)),
        tuple(one for one in lists if isinstance(one, ExactList)),
    )


class OwnBook:
    """Own rules as they were opened. Thread-safe."""

    def __init__(self, sealer: Sealer, *, clock: Clock) -> None:
        self.sealer, self.clock = sealer, clock
        self._lock = threading.Lock()
        self._known: OrderedDict[UUID, tuple[float, OwnRules]] = OrderedDict()

    def rules(self, tx: Tx) -> OwnRules:
        """Return the rules of a transaction's organisation."""
        now = self.clock.now()
        version = self._version(tx, now)
        if version == 0:
            return NOTHING
        known = self._kept(tx.tenant_id)
        if known is None or known.version != version:
            known = self._opened(tx, version, now)
            self._keep(tx.tenant_id, known)
        return known

    def key(self, tx: Tx, row: VersionRow) -> bytes:
        """Return the key of the digests of an organisation's values."""
        return self.sealer.unseal(tx, row.sealed, KEYS.place(row.key_id))

    def _version(self, tx: Tx, now: datetime) -> int:
        """Return how often the rules changed, by people and by the end of an allowance; the rows of these stay."""
        over = (
            select(func.count())
            .where(AllowanceRow.tenant_id == tx.tenant_id, AllowanceRow.expires_at <= now)
            .where(or_(AllowanceRow.ended_at.is_(None), AllowanceRow.ended_at > AllowanceRow.expires_at))
            .scalar_subquery()
        )
        return tx.scalar(select(VersionRow.version + over).where(VersionRow.tenant_id == tx.tenant_id)) or 0

    def _opened(self, tx: Tx, version: int, now: datetime) -> OwnRules:
        row = tx.scalars(select(VersionRow).where(VersionRow.tenant_id == tx.tenant_id)).one()
        key = self.key(tx, row)
        rows = tx.scalars(select(ListRow).where(ListRow.tenant_id == tx.tenant_id).order_by(ListRow.name)).all()
        texts = self.sealer.unseal_all(tx, [(one.sealed, LISTS.place(one.list_id)) for one in rows])
        narrow = {one: changes for one, changes in tx.execute(_changes_of_documents(tx.tenant_id, now)) if one is not None}
        for one, text in zip(rows, texts, strict=True):
            check_kind(one.kind, one.name, text)
        sealed = [(one.kind, one.name, Category(one.category), text) for one, text in zip(rows, texts, strict=True)]
        return OwnRules(
            version,
            LateLists(lambda: _lists(sealed, key)) if sealed else Lists(),
            self._allowances(tx, now),
            key,
            common=version - sum(narrow.values()),
            of_documents=narrow,
        )

    def _allowances(self, tx: Tx, now: datetime) -> tuple[Allowance, ...]:
        rows = tx.scalars(
            select(AllowanceRow)
            .where(AllowanceRow.tenant_id == tx.tenant_id, AllowanceRow.ended_at.is_(None))
            .where(AllowanceRow.expires_at > now)
            .order_by(AllowanceRow.allowance_id)
        )
        return tuple(
            Allowance(one.allowance_id, one.value, one.rule, one.document_id, one.collection_id, one.expires_at) for one in rows
        )

    def _kept(self, tenant_id: UUID) -> OwnRules | None:
        with self._lock:
            found = self._known.get(tenant_id)
            return found[1] if found and time.monotonic() - found[0] < _KEPT_SECONDS else None

    def _keep(self, tenant_id: UUID, rules: OwnRules) -> None:
        with self._lock:
            self._known[tenant_id] = (time.monotonic(), rules)
            self._known.move_to_end(tenant_id)
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
