"""What kept calls asked, sent along and were answered, for whoever tries something over all of them, in the worker."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from appliance.gateway.answer_texts import pieces
from appliance.gateway.content import Content
from appliance.gateway.dialects import Dialect
from appliance.gateway.keeping import CONTENTS
from appliance.gateway.parts import Part, parts_in
from appliance.gateway.requests import parse
from appliance.gateway.said import said_in
from appliance.gateway.tables import CallRow, ContentRow
from appliance.kernel.db import Tx
from appliance.kernel.errors import Refusal
from appliance.kernel.sealing import IntegrityError, Sealer

_APART: Final = "\n" * 60
_EVENT: Final = b"data:"
_ODD: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What comes of reading an answer that a provider gave in no form that there is."""


@dataclass(frozen=True)
class HeardCall:
    """A call, what it asked and was answered, and what it sent along. Both are None where they are not there whole, or cannot be read."""

    call_id: UUID
    owner_id: UUID
    labels: frozenset[str]
    terms: frozenset[str]
    region: str | None
    asked: str | None = field(repr=False)
    answered: str | None = field(repr=False)
    parts: tuple[Part, ...] = field(default=(), repr=False)


def find_heard(tx: Tx, since: datetime, before: UUID | None, *, sealer: Sealer) -> HeardCall | None:
    """Return the newest kept call from `since` on that is older than this one, or None. Asking for permission is the caller's part."""
    query = (
        select(ContentRow, CallRow)
        .join(CallRow, (CallRow.tenant_id == ContentRow.tenant_id) & (CallRow.call_id == ContentRow.call_id))
        .where(ContentRow.tenant_id == tx.tenant_id, ContentRow.kept_at >= since)
    )
    if before is not None:
        query = query.where(ContentRow.call_id < before)
    found = tx.execute(query.order_by(ContentRow.call_id.desc()).limit(1)).first()
    if found is None:
        return None
    kept, call = found
    asked, answered, parts = _said(tx, kept, sealer)
    return HeardCall(
        call.call_id, kept.owner_id, frozenset(call.labels), frozenset(call.contract_terms), call.region, asked, answered, parts
    )


def _said(tx: Tx, kept: ContentRow, sealer: Sealer) -> tuple[str | None, str | None, tuple[Part, ...]]:
    try:
        content = Content.unpack(sealer.unseal(tx, kept.sealed, CONTENTS.place(kept.call_id, kept.owner_id)))
        if not (content.has_request and content.has_answer):
            return None, None, ()
        body = parse(content.request).body
        return _APART.join(said_in(body)), answer_of(content.answer), tuple(parts_in(body))
    except (IntegrityError, Refusal, *_ODD):
        return None, None, ()


def answer_of(answer: bytes) -> str:
    """Return what an answer says, whole or as a stream of events. Raises RequestMalformed, and one of `_ODD` for what is of no form."""
    if not answer.strip():
        return ""
    if answer.lstrip().startswith(b"{"):
        return _APART.join(said_in(parse(answer).body))
    texts = dict[Any, list[str]]()
    for body in _events(answer):
        for one in pieces(_dialect_of(body), body):
            texts.setdefault(one.key, []).append(one.text)
    return _APART.join("".join(said) for said in texts.values())


def _events(answer: bytes) -> Iterator[dict[str, Any]]:
    for line in answer.splitlines():
        said = line.removeprefix(_EVENT).strip() if line.startswith(_EVENT) else b""
        if said.startswith(b"{"):
            body = json.loads(said)
            yield body


def _dialect_of(body: dict[str, Any]) -> Dialect:
    if "choices" in body:
        return Dialect.CHAT
    return Dialect.RESPONSES if str(body.get("type")).startswith("response.") else Dialect.MESSAGES
