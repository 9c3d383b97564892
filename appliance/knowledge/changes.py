"""Which model an organisation is searched by, chosen by its administrators; the worker does what follows (`reembedding`).

Until every passage has a vector of the new model nothing changes for those who ask. To cancel is to let what was made
go; the old vectors are untouched.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select

from appliance import audit, identity
from appliance.audit import Event
from appliance.gateway import EmbeddingModel
from appliance.identity import Caller, Permission
from appliance.identity.permissions import require_granted
from appliance.kernel import jobs
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx, in_turn
from appliance.knowledge.errors import ChangeUnderWay, ModelNotInstalled, ModelUnknown, NoChangeUnderWay
from appliance.knowledge.indexes import active_model
from appliance.knowledge.tables import DocumentRow, VectorIndexRow
from appliance.knowledge.values import ChangeState, IndexChange, SearchIndex, Status

REEMBED = "knowledge.reembed"
TURN = "index-change"
REASONS: dict[str, str] = {
    "interrupted": "It was interrupted several times. Choose the model again, and it goes on where it stopped; if it stays, ask the operator to look at the worker's log.",
    "model_missing": "The model's files are missing or altered on this host. Ask the operator to run `appliance doctor`, which says how to build it, then choose the model again.",
}
_ALMOST = 99


def get_index(tx: Tx, caller: Caller, *, clock: Clock) -> SearchIndex:
    """Return by which model the organisation is searched, and how far a change of it is."""
    require_granted(caller, Permission.SETTINGS_CHANGE)
    passages = int(
        tx.scalar(
            select(func.sum(DocumentRow.chunk_count)).where(
                DocumentRow.tenant_id == tx.tenant_id, DocumentRow.status == Status.READY
            )
        )
        or 0
    )
    model, row = active_model(tx), changing(tx)
    return SearchIndex(
        model.name, model.dimension, passages, _change(row, passages, clock.now()) if row is not None else None
    )


def choose_model(tx: Tx, caller: Caller, name: str, *, offered: Sequence[EmbeddingModel], clock: Clock) -> None:
    """Begin to change the index to another model; one that failed at it goes on where it stopped.

    Where the model in force is chosen, nothing is begun, and a change that failed is over. Raises ModelUnknown,
    ModelNotInstalled, ChangeUnderWay.
    """
    identity.require(caller, Permission.SETTINGS_CHANGE)
    chosen = next((one for one in offered if one.name == name), None)
    if chosen is None:
        raise ModelUnknown(models=", ".join(one.name for one in offered))
    in_turn(tx, TURN)
    before, under_way = active_model(tx), changing(tx)
    if under_way is not None and under_way.state == "filling":
        raise ChangeUnderWay(model=under_way.model)
    if name == before.name:
        if under_way is not None:
            cancel_change(tx, caller, clock=clock)
        return
    if not chosen.is_installed:
        raise ModelNotInstalled(model=name)
    if under_way is not None and under_way.model != name:
        retire(under_way, clock)
        tx.flush()  # there is one change at a time
    _put(tx, before.name, before.dimension, "active", clock)
    row = _put(tx, chosen.name, chosen.dimension, "filling", clock)
    row.began_at = row.filled_at = row.reason_code = None
    tx.flush()
    enqueue(tx)
    audit.record(tx, caller.actor, Event.INDEX_CHANGE_BEGUN, model_before=before.name, model=name)


def cancel_change(tx: Tx, caller: Caller, *, clock: Clock) -> None:
    """Stop a change, and let the vectors go that it made. Raises NoChangeUnderWay."""
    identity.require(caller, Permission.SETTINGS_CHANGE)
    in_turn(tx, TURN)
    row = changing(tx)
    if row is None:
        raise NoChangeUnderWay
    retire(row, clock)
    audit.record(tx, caller.actor, Event.INDEX_CHANGE_CANCELLED, model=row.model)


def changing(tx: Tx) -> VectorIndexRow | None:
    """Return the row of the model that the index is changed to, also where that failed; None where nothing changes."""
    return tx.scalar(
        select(VectorIndexRow)
        .where(VectorIndexRow.tenant_id == tx.tenant_id, VectorIndexRow.state.in_(["filling", "failed"]))
        .execution_options(populate_existing=True)
    )


def retire(row: VectorIndexRow, clock: Clock) -> None:
    """Let a model's vectors go: a while from now, when no search is left that began with them."""
    row.state, row.changed_at = "retiring", clock.now()


def enqueue(tx: Tx) -> None:
    """Queue the next piece of the work."""
    jobs.enqueue(tx, jobs.Job(REEMBED, tx.tenant_id, lock=f"{tx.tenant_id}/{REEMBED}"))


def _put(tx: Tx, model: str, dimension: int, state: str, clock: Clock) -> VectorIndexRow:
    row = tx.get(VectorIndexRow, (tx.tenant_id, model), populate_existing=True, with_for_update=True)
    if row is None:
        row = VectorIndexRow(tenant_id=tx.tenant_id, model=model, dimension=dimension)
        tx.add(row)
    if row.state != state:
        row.state, row.changed_at = state, clock.now()
    return row


def _change(row: VectorIndexRow, passages: int, now: datetime) -> IndexChange:
    state = (
        ChangeState.FAILED if row.state == "failed" else ChangeState.WAITING if row.filled_at else ChangeState.FILLING
    )
    left, made = max(passages - row.embedded, 0), row.embedded - row.began_with
    seconds = None
    if state is ChangeState.FILLING and row.began_at is not None and made > 0:
        seconds = round(left * (now - row.began_at).total_seconds() / made)
    return IndexChange(
        row.model,
        state,
        min(100 * row.embedded // passages, _ALMOST) if passages else 0,
        seconds,
        REASONS.get(row.reason_code or "") if state is ChangeState.FAILED else None,
    )
