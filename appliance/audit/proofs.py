"""Proofs of a stored log, from its leaves and every eighth level of its nodes: some twenty short looks, however large it is."""

from sqlalchemy import select

from appliance.audit.errors import LogIncomplete
from appliance.audit.growth import TILE
from appliance.audit.tables import LogRow, NodeRow
from appliance.kernel.db import Tx
from appliance.proof.tree import Frontier, consistency_proof, frontier_of, inclusion_proof, root_hash


class StoredTree:
    """The tree of the log that the transaction is bound to."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    def frontier(self, size: int) -> Frontier:
        """Return the frontier of the log's first entries. Raises LogIncomplete."""
        return frontier_of(size, self._subtree)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Return the proof that the log of one size is the beginning of that of another. Raises LogIncomplete."""
        return consistency_proof(old, new, self._subtree)

    def inclusion(self, position: int, size: int) -> list[bytes]:
        """Return the proof that an entry stands at its position. Raises LogIncomplete."""
        return inclusion_proof(position, size, self._subtree)

    def _subtree(self, low: int, high: int) -> bytes:
        level = (high - low).bit_length() - 1
        stored = level - level % TILE
        first, behind = low >> stored, high >> stored
        if stored:
            query = select(NodeRow.hash).where(
                NodeRow.tenant_id == self._tx.tenant_id, NodeRow.level == stored,
                NodeRow.place >= first, NodeRow.place < behind,
            ).order_by(NodeRow.place)  # fmt: skip
        else:
            query = select(LogRow.leaf).where(
                LogRow.tenant_id == self._tx.tenant_id, LogRow.position >= first, LogRow.position < behind
            ).order_by(LogRow.position)  # fmt: skip
        found = self._tx.scalars(query).all()
        if len(found) != behind - first:
            raise LogIncomplete
        return root_hash(found)
