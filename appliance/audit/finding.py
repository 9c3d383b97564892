"""A page of the sealed log by who, what and about what: never more is read than the page is long, times the kinds of entries.

Entries of one kind, by one person, about one thing stand in an index in the order of their ids: a run. A filter chooses
runs; which of them there are is read from the same index, a step for each. A page of so many entries can only come from as
many runs, those whose first entry comes first; so many of each are read, and the first of all are the page. What is not
there has no run: it is answered at once, however long the log. What the filter asks is read from the index alone.

Row-level security keeps to these indexes: to compare ids, texts and moments is leakproof.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, Select, Text, Uuid, cast, column, func, null, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from appliance.audit.tables import LogRow
from appliance.audit.values import EntryFilter
from appliance.kernel.db import Tx


class Runs:
    """The runs of the log that a filter chooses. `period` is what it asks of an entry's id and moment."""

    def __init__(self, tx: Tx, wanted: EntryFilter, period: list[ColumnElement[bool]], *, oldest_first: bool) -> None:
        self._wanted, self._period, self._oldest_first = wanted, period, oldest_first
        self._ours = [LogRow.tenant_id == tx.tenant_id]
        if wanted.subject is not None:
            self._ours.append(LogRow.subject == wanted.subject)

    def ids(self, limit: int) -> Select[UUID]:
        """Return what selects the ids of the page."""
        heads = self._heads(limit).subquery()
        some = self._ids_of(heads, limit).lateral()
        query = select(some.c.event_id).select_from(heads.join(some, true()))
        return query.order_by(self._first(some.c.event_id)).limit(limit)

    def _heads(self, limit: int) -> Select[Any]:
        """Return what selects the runs whose first entries come first."""
        kinds = self._kinds()
        runs = self._found() if kinds is None else self._told(kinds)
        if kinds is None and not self._period:
            return select(runs).order_by(self._first(runs.c.event_id)).limit(limit)
        first = self._ids_of(runs, 1).lateral()
        query = select(runs.c.actor, runs.c.event).join(first, true())
        return query.order_by(self._first(first.c.event_id)).limit(limit)

    def _ids_of(self, runs: FromClause, limit: int) -> Select[UUID]:
        query = select(LogRow.event_id).where(*self._of(runs), LogRow.event == runs.c.event, *self._period)
        return query.order_by(self._first(LogRow.event_id)).limit(limit).correlate(runs)

    def _told(self, kinds: list[str]) -> FromClause:
        people, events = self._people(), _table(cast(kinds, ARRAY(Text)), "event", Text())
        return select(people.c.actor, events.c.event).join(events, true()).subquery()

    def _found(self) -> FromClause:
        """Return the runs that there are, with the first entry of each: one behind the other, as they stand in the index."""
        people = self._people()
        first = self._next(people).lateral()
        found = select(people.c.actor, first.c.event, first.c.event_id).join(first, true()).cte("runs", recursive=True)
        following = self._next(found, LogRow.event > found.c.event if self._oldest_first else LogRow.event < found.c.event).lateral()
        return found.union_all(select(found.c.actor, following.c.event, following.c.event_id).join(following, true()))

    def _next(self, runs: FromClause, *behind: ColumnElement[bool]) -> Select[str, UUID]:
        query = select(LogRow.event, LogRow.event_id).where(*self._of(runs), *behind)
        return query.order_by(self._first(LogRow.event), self._first(LogRow.event_id)).limit(1).correlate(runs)

    def _kinds(self) -> list[str] | None:
        """Return the kinds that are asked for; None where any is."""
        wanted = self._wanted
        if wanted.event is None:
            return None if wanted.kinds is None else sorted(one.value for one in wanted.kinds)
        return [wanted.event.value] if wanted.kinds is None or wanted.event in wanted.kinds else []

    def _people(self) -> FromClause:
        if self._wanted.actors is None:
            return select(cast(null(), Uuid).label("actor")).subquery()
        return _table(cast(sorted(self._wanted.actors), ARRAY(Uuid())), "actor", Uuid())

    def _of(self, runs: FromClause) -> list[ColumnElement[bool]]:
        return self._ours if self._wanted.actors is None else [*self._ours, LogRow.actor_id == runs.c.actor]

    def _first(self, ordered: Any) -> ColumnElement[Any]:
        found: ColumnElement[Any] = ordered.asc() if self._oldest_first else ordered.desc()
        return found


def _table(values: ColumnElement[Any], name: str, kind: TypeEngine[Any]) -> FromClause:
    return func.unnest(values).table_valued(column(name, kind)).render_derived()
