"""Bearer tokens for the API, and the accounts of programs.

A token is 32 random bytes, shown once; its SHA-256 is stored. It may do what its scopes and its owner's role both
allow, until it expires or is revoked, and ends with its owner's membership.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select, text

from appliance import audit
from appliance.audit import Event
from appliance.identity.errors import (
    NotSignedIn,
    PersonNotFound,
    ScopesBeyond,
    TokenMalformed,
    TokenMisplaced,
    TokenNotFound,
    TokenRefused,
)
from appliance.identity.granting import held_by, require_above_member
from appliance.identity.groups import check_groups_to_give
from appliance.identity.limits import check_within, checked, is_from
from appliance.identity.naming import checked_name
from appliance.identity.people import check_role, create_account, join
from appliance.identity.permissions import SCOPES, Permission, held, may, require, require_granted
from appliance.identity.sessions import caller_of
from appliance.identity.tables import MembershipRow, TokenRow
from appliance.identity.values import (
    UNLIMITED,
    Caller,
    GroupId,
    MemberKind,
    ModelEndpoint,
    Role,
    Scope,
    Token,
    TokenFilter,
    TokenLimits,
    TokenSort,
    UserId,
)
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.ids import new_id
from appliance.kernel.rows import among
from appliance.kernel.sealing import digest

PREFIX = "cloister_"
_NAME_LIMIT, _MOST_DAYS, _HINT = 120, 365, 4
NEWEST = TokenFilter()
_COLUMNS: Final[dict[TokenSort, ColumnElement[Any]]] = {
    TokenSort.NAME: func.lower(TokenRow.name),
    TokenSort.CREATED: TokenRow.token_id.expression,  # ids grow with time
    TokenSort.USED: func.coalesce(TokenRow.last_used_at, text("'-infinity'")),
    TokenSort.ENDS: func.least(TokenRow.expires_at, TokenRow.revoked_at),
}


@dataclass(frozen=True)
class TokenForm:
    """What a token is for. `user_id` None is the caller; another must be a service account of the organisation."""

    name: str
    scopes: frozenset[Scope]
    days: int
    user_id: UserId | None = None
    limits: TokenLimits = UNLIMITED


@dataclass(frozen=True)
class Issued:
    """A new token, and its secret, which is stored nowhere."""

    token: Token
    secret: str


def create_token(tx: Tx, caller: Caller, form: TokenForm, *, clock: Clock) -> Issued:
    """Issue a token for oneself or a service account; an owner's takes an owner. Raises a Refusal."""
    require(caller, Permission.TOKEN_CREATE)
    owner = _owner(tx, caller, form.user_id or caller.user_id)
    _check(form, held(caller) if owner.user_id == caller.user_id else held_by(tx, owner), caller)
    limits = checked(form.limits)
    check_within(limits, caller.limits)
    secret, now = PREFIX + secrets.token_urlsafe(32), clock.now()
    row = TokenRow(
        tenant_id=tx.tenant_id, token_id=new_id(), digest=digest(secret), user_id=owner.user_id,
        name=form.name.strip(), hint=secret[-_HINT:], scopes=sorted(form.scopes), created_by=caller.user_id,
        created_at=now, expires_at=now + timedelta(days=form.days),
        models=list(limits.models), endpoints=[one.value for one in limits.endpoints], networks=list(limits.networks),
    )  # fmt: skip
    tx.add(row)
    tx.flush()
    audit.record(tx, caller.actor, Event.TOKEN_CREATED, subject=row.token_id, scopes=" ".join(row.scopes),
                 days=form.days, owner=str(owner.user_id), models=" ".join(row.models), endpoints=" ".join(row.endpoints),
                 networks=" ".join(row.networks))  # fmt: skip
    return Issued(_token(row, owner.display_name), secret)


def create_service_account(
    tx: Tx, caller: Caller, *, name: str, role: Role, custom_role_id: UUID | None = None,
    group_ids: Iterable[GroupId] = (), clock: Clock,
) -> UserId:  # fmt: skip
    """Create an account for a program. It has no password and no address, and acts by its tokens alone."""
    require(caller, Permission.SERVICE_ACCOUNT_CHANGE)
    check_role(tx, caller, role, custom_role_id)
    custom_role_id = custom_role_id if role is Role.CUSTOM else None
    groups = tuple(group_ids)
    check_groups_to_give(tx, caller, groups)
    email = f"{new_id().hex}@service.invalid"  # RFC 2606: nobody receives mail there, and nobody can sign in
    user_id = create_account(tx, email=email, password_hash=None, clock=clock)
    join(tx, caller.actor, user_id, email=email, display_name=checked_name(name), role=role, clock=clock,
         kind=MemberKind.SERVICE, group_ids=groups, custom_role_id=custom_role_id)  # fmt: skip
    audit.record(
        tx, caller.actor, Event.SERVICE_ACCOUNT_CREATED, subject=user_id, role=role.value, own=str(custom_role_id or "")
    )
    return user_id


def list_tokens(
    tx: Tx, caller: Caller, wanted: TokenFilter = NEWEST, *, limit: int | None = None, offset: int = 0
) -> list[Token]:
    """Return one's own tokens, newest first; and everyone's for those who look after service accounts."""
    column = _COLUMNS[wanted.sort]
    query = _tokens(tx, caller, wanted.text).order_by(
        column.desc() if wanted.is_descending else column.asc(), TokenRow.token_id.desc()
    )
    return [_token(row, name) for row, name in tx.execute(query.limit(limit).offset(offset))]


def count_tokens(tx: Tx, caller: Caller, wanted: TokenFilter = NEWEST) -> int:
    """Return how many tokens the filter lets through."""
    return int(tx.scalar(_tokens(tx, caller, wanted.text).with_only_columns(func.count())) or 0)


def list_tokens_after(tx: Tx, caller: Caller, token_id: UUID | None, *, limit: int) -> list[Token]:
    """Return tokens in the order of their ids, after one of them: for programs."""
    query = _tokens(tx, caller).order_by(TokenRow.token_id).limit(limit)
    found = query if token_id is None else query.where(TokenRow.token_id > token_id)
    return [_token(row, name) for row, name in tx.execute(found)]


def token_names(tx: Tx, token_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return the names of tokens by id, of ended ones too. Asking for permission is the caller's part."""
    rows = tx.execute(
        select(TokenRow.token_id, TokenRow.name).where(
            TokenRow.tenant_id == tx.tenant_id, among(TokenRow.token_id, set(token_ids))
        )
    )
    return {row.token_id: row.name for row in rows}


def revoke_token(tx: Tx, caller: Caller, token_id: UUID, *, clock: Clock) -> None:
    """End a token of one's own; for those who look after service accounts, of whoever may do no more than they. Raises TokenNotFound, Forbidden."""
    row = tx.get(TokenRow, (tx.tenant_id, token_id), with_for_update=True, populate_existing=True)
    if row is None or row.revoked_at is not None:
        raise TokenNotFound
    if row.user_id != caller.user_id:
        if not may(caller, Permission.SERVICE_ACCOUNT_CHANGE):
            raise TokenNotFound
        require_above_member(tx, caller, UserId(row.user_id))
    row.revoked_at = clock.now()
    tx.flush()
    audit.record(tx, caller.actor, Event.TOKEN_REVOKED, subject=token_id)


def caller_by_token(tx: Tx, token_id: UUID, *, address: str | None, now: datetime) -> Caller:
    """Return whom a token would act as at a moment, from an address or from anywhere; it is not used.

    Raises TokenNotFound, TokenRefused, TokenMisplaced. Asking for permission is the caller's part.
    """
    row = tx.get(TokenRow, (tx.tenant_id, token_id))
    if row is None:
        raise TokenNotFound
    if row.revoked_at is not None or now >= row.expires_at:
        raise TokenRefused
    if row.networks and address is not None and not is_from(row.networks, address):
        raise TokenMisplaced
    try:
        person = caller_of(tx, UserId(row.user_id), address=address, now=now)
    except NotSignedIn:
        raise TokenRefused from None
    return _with_token(person, row)


def caller_by_person(tx: Tx, user_id: UserId, *, now: datetime | None = None) -> Caller:
    """Return a member as a caller. Raises PersonNotFound. Asking for permission is the caller's part."""
    try:
        return caller_of(tx, user_id, now=now)
    except NotSignedIn:
        raise PersonNotFound from None


def _with_token(person: Caller, row: TokenRow) -> Caller:
    return replace(person, scopes=frozenset(map(Scope, row.scopes)), token_id=row.token_id, limits=_limits(row))


def _tokens(tx: Tx, caller: Caller, said: str = "") -> Select[TokenRow, str]:
    require_granted(caller, Permission.TOKEN_CREATE)
    owner = (MembershipRow.tenant_id == TokenRow.tenant_id) & (MembershipRow.user_id == TokenRow.user_id)
    query = select(TokenRow, MembershipRow.display_name).join(MembershipRow, owner)
    query = query.where(TokenRow.tenant_id == tx.tenant_id)
    if said:
        names = (TokenRow.name, MembershipRow.display_name)
        query = query.where(or_(*(name.icontains(said, autoescape=True) for name in names)))
    if not may(caller, Permission.SERVICE_ACCOUNT_CHANGE):
        query = query.where(TokenRow.user_id == caller.user_id)
    return query


def _owner(tx: Tx, caller: Caller, user_id: UserId) -> MembershipRow:
    # Locked: whoever ends their access, or makes them an owner, waits, and then ends this token with the others.
    row = tx.get(MembershipRow, (tx.tenant_id, user_id), with_for_update={"read": True})
    if row is None or row.suspended_at is not None:
        raise PersonNotFound
    if user_id != caller.user_id:
        require(caller, Permission.SERVICE_ACCOUNT_CHANGE)
        if row.kind != MemberKind.SERVICE:  # nobody acts as another person
            raise PersonNotFound
        check_role(tx, caller, Role(row.role), row.custom_role_id)  # by an owner's program an admin would be an owner
    return row


def _check(form: TokenForm, granted: frozenset[Permission], caller: Caller) -> None:
    is_good = 0 < len(form.name.strip()) <= _NAME_LIMIT and 0 < form.days <= _MOST_DAYS
    if not (form.scopes and is_good):
        raise TokenMalformed
    beyond = {scope for scope in form.scopes if not SCOPES[scope] & granted}
    # A token never makes one that may do more than itself.
    beyond |= form.scopes - (form.scopes if caller.scopes is None else caller.scopes)
    if beyond:
        raise ScopesBeyond(scopes=", ".join(sorted(beyond)))


def _limits(row: TokenRow) -> TokenLimits:
    return TokenLimits(tuple(row.models), tuple(map(ModelEndpoint, row.endpoints)), tuple(row.networks))


def _token(row: TokenRow, owner_name: str) -> Token:
    return Token(
        row.token_id, UserId(row.user_id), owner_name, row.name, row.hint, frozenset(map(Scope, row.scopes)),
        row.created_at, row.expires_at, row.last_used_at, row.revoked_at, _limits(row),
    )  # fmt: skip
