"""What administrators do to an organisation's own lists. A change holds for the next text; what is in a list is audited nowhere."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from appliance import audit, identity
from appliance.audit import Event
from appliance.dlp.own import contents
from appliance.dlp.own.errors import OwnListMalformed, OwnListNotFound, TermsMalformed, TooManyOwnRules
from appliance.dlp.own.exact_values import Values
from appliance.dlp.own.expressions import Expression
from appliance.dlp.own.loading import KEYS, LISTS, book_of
from appliance.dlp.own.matching import MOST_WORDS
from appliance.dlp.own.tables import ListRow, VersionRow
from appliance.dlp.own.values import Dictionary, ListKind, Pattern, is_list_name
from appliance.dlp.own.words import words_of
from appliance.dlp.shadow import Shadow
from appliance.dlp.values import Category
from appliance.identity import Caller, Permission
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx, in_turn
from appliance.kernel.ids import new_id
from appliance.kernel.sealing import KEY_BYTES

MOST_LISTS, MOST_TERMS, MOST_ENTRIES = 100, 5_000, 200_000
_SHORTEST_TERM, _LONGEST_TERM = 2, 200


@dataclass(frozen=True)
class OwnList:
    """A list, without what is in it."""

    list_id: UUID
    kind: ListKind
    name: str
    category: Category
    entries: int
    changed_by: UUID | None
    changed_at: datetime


@dataclass(frozen=True)
class Named:
    """What a list is called, and what its findings are."""

    name: str
    category: Category


def set_dictionary(tx: Tx, caller: Caller, named: Named, terms: Sequence[str], *, clock: Clock) -> OwnList:
    """Write a dictionary, in place of the one of this name. Raises OwnListMalformed, TermsMalformed, TooManyOwnRules."""
    identity.require(caller, Permission.SETTINGS_CHANGE)
    found = dict[str, None]()
    for line, term in enumerate(terms, 1):
        told = " ".join(term.split())
        if told:
            _check_term(told, line)
            found[told] = None
    if not 0 < len(found) <= MOST_TERMS:
        raise TermsMalformed(line=min(len(found), MOST_TERMS) + 1)
    return _set(tx, caller, ListKind.DICTIONARY, named, len(found), contents.dictionary(list(found)), clock)


def set_pattern(
    tx: Tx, caller: Caller, named: Named, expression: Expression, *, clock: Clock
) -> OwnList:
    """Write an expression, in place of the one of this name. Raises OwnListMalformed, TooManyOwnRules."""
    identity.require(caller, Permission.SETTINGS_CHANGE)
    return _set(tx, caller, ListKind.PATTERN, named, 1, contents.pattern(expression.text), clock)


def set_exact(tx: Tx, caller: Caller, named: Named, values: Values, *, clock: Clock) -> OwnList:
    """Keep digests, in place of the list of this name: values are digested before (`flow.write_exact`). Raises OwnListMalformed, TooManyOwnRules."""
    identity.require(caller, Permission.SETTINGS_CHANGE)
    if values.values:
        raise ValueError("these are values, not their digests")
    content = contents.exact(
        values.salt, values.digests, most_words=values.most_words, shortest=values.shortest, longest=values.longest,
        have_digits=values.have_digits,
    )  # fmt: skip
    return _set(tx, caller, ListKind.EXACT, named, values.count, content, clock)


def remove_list(tx: Tx, caller: Caller, list_id: UUID) -> OwnList:
    """Look for a list no more. Raises OwnListNotFound."""
    identity.require(caller, Permission.SETTINGS_CHANGE)
    row = tx.get(ListRow, (tx.tenant_id, list_id), with_for_update=True)
    if row is None:
        raise OwnListNotFound
    told = _list(row)
    tx.delete(row)
    tx.flush()
    note_change(tx)
    audit.record(tx, caller.actor, Event.DLP_LIST_REMOVED, subject=list_id, kind=told.kind.value, name=told.name)
    return told


def list_lists(tx: Tx, caller: Caller, kind: ListKind | None = None) -> list[OwnList]:
    """Return the lists, of one kind or of all, by kind and name."""
    identity.require_granted(caller, Permission.SETTINGS_CHANGE)
    query = select(ListRow).where(ListRow.tenant_id == tx.tenant_id).order_by(ListRow.kind, ListRow.name)
    return [_list(row) for row in tx.scalars(query if kind is None else query.where(ListRow.kind == kind.value))]


def get_list(tx: Tx, caller: Caller, list_id: UUID) -> tuple[OwnList, tuple[str, ...]]:
    """Return a list and what is in it: terms, or the expression; of exact values nothing. Raises OwnListNotFound."""
    identity.require_granted(caller, Permission.SETTINGS_CHANGE)
    row = tx.get(ListRow, (tx.tenant_id, list_id))
    if row is None:
        raise OwnListNotFound
    found = contents.opened(
        row.kind, row.name, Category(row.category), book_of(tx).sealer.unseal(tx, row.sealed, LISTS.place(row.list_id)), b""
    )
    match found:
        case Dictionary():
            return _list(row), found.terms
        case Pattern():
            return _list(row), (found.expression,)
    return _list(row), ()


def own_key(tx: Tx) -> bytes:
    """Return the key of the digests of the organisation's values, made at first use."""
    note_change(tx)
    return book_of(tx).key(tx, tx.scalars(select(VersionRow).where(VersionRow.tenant_id == tx.tenant_id)).one())


def note_change(tx: Tx) -> None:
    """Count a change of what `own_rules` returns."""
    in_turn(tx, "own rules on data")
    known = tx.scalars(
        select(VersionRow).where(VersionRow.tenant_id == tx.tenant_id).execution_options(populate_existing=True)
    ).one_or_none()
    if known is not None:
        known.version += 1
        tx.flush()
        return
    key_id: Final = new_id()
    sealed = book_of(tx).sealer.seal(tx, os.urandom(KEY_BYTES), KEYS.place(key_id))
    tx.execute(insert(VersionRow).values(tenant_id=tx.tenant_id, key_id=key_id, sealed=sealed, version=1))


def _check_term(term: str, line: int) -> None:
    if not _SHORTEST_TERM <= len(term) <= _LONGEST_TERM or not 0 < len(words_of(Shadow(term).raw.decode())) <= MOST_WORDS:
        raise TermsMalformed(line=line)


def _set(tx: Tx, caller: Caller, kind: ListKind, named: Named, entries: int, content: bytes, clock: Clock) -> OwnList:
    if not is_list_name(named.name) or named.category is Category.UNREADABLE:
        raise OwnListMalformed
    note_change(tx)
    row = tx.scalars(
        select(ListRow).where(ListRow.tenant_id == tx.tenant_id, ListRow.kind == kind.value, ListRow.name == named.name)
    ).one_or_none()
    others = select(func.count(), func.coalesce(func.sum(ListRow.entries), 0)).where(ListRow.tenant_id == tx.tenant_id)
    count, total = tx.execute(others.where(ListRow.list_id != row.list_id) if row else others).one()
    if count >= MOST_LISTS:
        raise TooManyOwnRules(most=MOST_LISTS)
    if total + entries > MOST_ENTRIES:
        raise TooManyOwnRules(most=MOST_ENTRIES)
    list_id = row.list_id if row else new_id()
    sealed = book_of(tx).sealer.seal(tx, content, LISTS.place(list_id))
    if row is None:
        row = ListRow(tenant_id=tx.tenant_id, list_id=list_id, kind=kind.value, name=named.name)
        tx.add(row)
    row.category, row.entries, row.sealed = named.category.value, entries, sealed
    row.changed_by, row.changed_at = caller.user_id, clock.now()
    tx.flush()
    audit.record(
        tx, caller.actor, Event.DLP_LIST_SET, subject=list_id, kind=kind.value, name=named.name, category=named.category.value,
        entries=entries,
    )  # fmt: skip
    return _list(row)


def _list(row: ListRow) -> OwnList:
    return OwnList(row.list_id, ListKind(row.kind), row.name, Category(row.category), row.entries, row.changed_by, row.changed_at)
