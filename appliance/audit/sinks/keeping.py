"""What a peer did not take: set aside, sent again on demand, and kept until it is taken or dropped."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from appliance.audit.events import Event
from appliance.audit.inbox import record
from appliance.audit.sinks.errors import PeerFailed
from appliance.audit.sinks.tables import LetterRow
from appliance.audit.sinks.values import Refused, Stream
from appliance.audit.values import Actor, ActorKind
from appliance.kernel.db import Tx
from appliance.kernel.ids import new_id

MOST: Final = 10_000
"""So many entries a stream leaves out before it waits for somebody to decide on them: their rows take room."""
_MOST_AGAIN: Final = 200
_LONGEST_REASON: Final = 200


def keep_letters(tx: Tx, stream: Stream, refused: Sequence[Refused], *, now: datetime) -> None:
    """Set aside what was not taken. That it was is an event; where it was such an event itself, none follows it.

    Otherwise a peer that refuses the event would be told of that by the next one, without end. Raises PeerFailed where too
    much was set aside already.
    """
    if not refused:
        return
    ours = select(func.count()).where(LetterRow.tenant_id == stream.tenant_id, LetterRow.sink_id == stream.sink_id)
    if int(tx.scalar(ours) or 0) + len(refused) > MOST:
        raise PeerFailed(reason=f"more than {MOST} entries were left out; send them again, or drop them")
    rows = [
        {
            "tenant_id": tx.tenant_id, "letter_id": new_id(), "sink_id": stream.sink_id, "log_id": stream.log_id,
            "position": one.entry.position, "event_id": one.entry.event_id, "event": one.entry.event,
            "reason": one.reason[:_LONGEST_REASON], "kept_at": now, "is_again": False,
        }
        for one in refused
    ]  # fmt: skip
    tx.execute(insert(LetterRow).values(rows).on_conflict_do_nothing())
    if any(one.entry.event != Event.SINK_LETTER_KEPT for one in refused):
        record(
            tx, Actor(ActorKind.SYSTEM), Event.SINK_LETTER_KEPT, subject=stream.sink_id, letters=len(refused),
            log=str(stream.log_id), reason=refused[0].reason[:_LONGEST_REASON],
        )  # fmt: skip


def again(tx: Tx, stream: Stream) -> list[int]:
    """Return the positions of what somebody asked to send again, the first ones."""
    wanted = select(LetterRow.position).where(*_of(stream), LetterRow.is_again).order_by(LetterRow.position)
    return list(tx.scalars(wanted.limit(_MOST_AGAIN)))


def settle_letter(tx: Tx, stream: Stream, position: int, reason: str | None) -> None:
    """Forget a letter that was taken now, or put it back with the reason why not."""
    ours = (*_of(stream), LetterRow.position == position)
    if reason is None:
        tx.execute(delete(LetterRow).where(*ours))
    else:
        tx.execute(update(LetterRow).where(*ours).values(is_again=False, reason=reason[:_LONGEST_REASON]))


def _of(stream: Stream) -> tuple[ColumnElement[bool], ...]:
    return (
        LetterRow.tenant_id == stream.tenant_id, LetterRow.sink_id == stream.sink_id, LetterRow.log_id == stream.log_id,
    )  # fmt: skip
