"""A request that a program sends twice is done once (draft-ietf-httpapi-idempotency-key-header-07).

The first request with a key leaves its digest and, once it is done, its sealed answer; the same request gets that
answer again, another request under the same key is refused. A request that died half-way lets go after five minutes.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.dialects.postgresql import insert

from appliance.identity.errors import KeyInUse, KeyReused
from appliance.identity.tables import RepeatRow
from appliance.identity.values import Caller
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.sealing import Place, SealedColumn, Sealer, content_digest, digest

SEALED = SealedColumn("idempotency_keys", "sealed", ("user_id", "key_digest"), ("uuid", "bytea"))
_KEPT = timedelta(hours=24)
_LEASE = timedelta(minutes=5)


@dataclass(frozen=True)
class Answer:
    """What a request was answered with."""

    status: int
    body: bytes


def forget_answers(tx: Tx, *, clock: Clock) -> None:
    """Delete the answers of the bound tenant that were kept for a day."""
    tx.execute(delete(RepeatRow).where(RepeatRow.tenant_id == tx.tenant_id, RepeatRow.began_at < clock.now() - _KEPT))


@dataclass(frozen=True)
class Repeats:
    """The keys of one caller."""

    db: Database
    caller: Caller
    sealer: Sealer
    clock: Clock

    def begin(self, name: str, request: bytes) -> Answer | None:
        """Take the key for this request, or return what it was answered with. Raises KeyReused, KeyInUse."""
        with self.db.tenant(self.caller.tenant_id) as tx:
            now = self.clock.now()
            forget_answers(tx, clock=self.clock)
            tx.execute(
                delete(RepeatRow)
                .where(*self._mine(tx, name))
                .where(RepeatRow.status.is_(None), RepeatRow.began_at < now - _LEASE)
            )
            values = {
                "tenant_id": tx.tenant_id, "user_id": self.caller.user_id, "key_digest": digest(name),
                "request_digest": content_digest(request), "began_at": now,
            }  # fmt: skip
            statement = insert(RepeatRow).values(values).on_conflict_do_nothing().returning(RepeatRow.user_id)
            if tx.scalar(statement) is not None:
                return None
            row = tx.scalars(select(RepeatRow).where(*self._mine(tx, name))).one()
            if row.request_digest != content_digest(request):
                raise KeyReused
            if row.status is None or row.sealed is None:
                raise KeyInUse
            return Answer(row.status, self.sealer.unseal(tx, row.sealed, self._place(name)))

    def finish(self, name: str, answer: Answer) -> None:
        """Keep the answer."""
        with self.db.tenant(self.caller.tenant_id) as tx:
            row = tx.scalars(select(RepeatRow).where(*self._mine(tx, name)).with_for_update()).one_or_none()
            if row is not None:
                row.status = answer.status
                row.sealed = self.sealer.seal(tx, answer.body, self._place(name))

    def abandon(self, name: str) -> None:
        """Let the key go: the request was refused and changed nothing."""
        with self.db.tenant(self.caller.tenant_id) as tx:
            tx.execute(delete(RepeatRow).where(*self._mine(tx, name)).where(RepeatRow.status.is_(None)))

    def _mine(self, tx: Tx, name: str) -> tuple[ColumnElement[bool], ...]:
        return (
            RepeatRow.tenant_id == tx.tenant_id,
            RepeatRow.user_id == self.caller.user_id,
            RepeatRow.key_digest == digest(name),
        )

    def _place(self, name: str) -> Place:
        return Place("idempotency_keys", "sealed", (self.caller.user_id, digest(name)))
