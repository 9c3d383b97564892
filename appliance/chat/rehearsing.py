"""Recent conversations and calls for whoever tries something over all of them, in the worker; and which they were, for whoever may open them.

The worker reads and keeps numbers alone. Which conversations and calls would be treated otherwise says something of what they say: it
is told to whoever may look into what others said, and to nobody where the organisation lets nobody look (`chat.reviews`).
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from appliance import audit
from appliance.audit import Event
from appliance.chat.reviews import mode_of
from appliance.chat.sealed import open_words
from appliance.chat.tables import CitationRow, ConversationRow, MessageRow
from appliance.dlp import Direction, dryrun, own_rules
from appliance.dlp.dryrun_values import DryRunPlace, Heard, PlaceKind
from appliance.gateway.heard import find_heard
from appliance.gateway.parts import Part
from appliance.gateway.reading import ReadFile, read_all, unread
from appliance.identity import Caller
from appliance.identity.groups import groups_of
from appliance.kernel.db import Tx
from appliance.kernel.sealing import IntegrityError, Sealer

_MOST_MESSAGES = 2_000


class RecentTraffic:
    """The organisation's conversations, the newest first, then its kept calls. Where no parser is given, no document is read."""

    def __init__(self, sealer: Sealer, read_file: ReadFile = unread) -> None:
        self._sealer, self._read_file = sealer, read_file

    def following(self, tx: Tx, since: datetime, kind: PlaceKind | None, after: UUID | None) -> Heard | None:
        """Return what comes after this conversation or call, or None."""
        if kind is not PlaceKind.CALL:
            found = self._conversation(tx, since, after)
            if found is not None:
                return found
            after = None
        return self._call(tx, since, after)

    def read(self, sent_along: Sequence[bytes | None]) -> list[tuple[str, bool]]:
        """Return what each part says that a call sent along, the same document once, and whether that is all of it."""
        return [(one.text, one.is_whole) for one in read_all(map(Part, sent_along), self._read_file)]

    def _conversation(self, tx: Tx, since: datetime, after: UUID | None) -> Heard | None:
        query = select(ConversationRow).where(ConversationRow.tenant_id == tx.tenant_id, ConversationRow.updated_at >= since)
        if after is not None:
            query = query.where(ConversationRow.conversation_id < after)
        row = tx.scalar(query.order_by(ConversationRow.conversation_id.desc()).limit(1))
        if row is None:
            return None
        return Heard(
            row.conversation_id, PlaceKind.CONVERSATION, self._said(tx, row.conversation_id, since),
            frozenset(groups_of(tx, row.owner_id)), own=own_rules(tx),
        )  # fmt: skip

    def _said(self, tx: Tx, conversation_id: UUID, since: datetime) -> tuple[tuple[Direction, str], ...] | None:
        rows = tx.scalars(
            select(MessageRow)
            .where(MessageRow.tenant_id == tx.tenant_id, MessageRow.conversation_id == conversation_id, MessageRow.created_at >= since)
            .order_by(MessageRow.message_id.desc())
            .limit(_MOST_MESSAGES)
        ).all()
        try:
            words = open_words(tx, self._sealer, rows, dict[UUID, list[CitationRow]]())
        except IntegrityError:
            return None
        return tuple(
            (Direction.PROMPT if row.role == "user" else Direction.ANSWER, one.body) for row, one in zip(rows, words, strict=True)
        )

    def _call(self, tx: Tx, since: datetime, after: UUID | None) -> Heard | None:
        call = find_heard(tx, since, after, sealer=self._sealer)
        if call is None:
            return None
        said = None
        if call.asked is not None and call.answered is not None:
            said = (Direction.PROMPT, call.asked), (Direction.ANSWER, call.answered)
        return Heard(
            call.call_id, PlaceKind.CALL, said, frozenset(groups_of(tx, call.owner_id)), call.labels, call.terms, call.region, own_rules(tx),
            tuple(one.document for one in call.parts),
        )  # fmt: skip


def list_dry_run_places(tx: Tx, caller: Caller, run_id: UUID, *, after: UUID | None = None, limit: int) -> list[DryRunPlace]:
    """Return the conversations and calls that a policy would treat otherwise, by id, and what would become of how much in them.

    Looking is recorded. Opening one is another matter (`open_for_review`, `open_call`). Raises Forbidden, ReviewOff, DryRunMissing.
    """
    mode_of(tx, caller)
    found = dryrun.list_dry_run_places(tx, run_id, after=after, limit=limit)
    audit.record(tx, caller.actor, Event.DLP_DRY_RUN_PLACES_LISTED, subject=run_id, shown=len(found))
    return found
