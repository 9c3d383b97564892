"""Server-side sessions: a random token in the browser, its SHA-256 in the tenant's rows."""

import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session as OrmSession
from sqlalchemy.orm import make_transient

from appliance import audit, tenancy
from appliance.audit import Event
from appliance.identity.errors import NotSignedIn, OrganisationSuspended, PersonNotFound, SessionNotFound
from appliance.identity.groups import groups_of
from appliance.identity.permissions import Permission, require
from appliance.identity.revocation import end_sessions
from appliance.identity.tables import MembershipRow, SessionRow
from appliance.identity.values import Caller, Role, Session, UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import TenantId
from appliance.kernel.sealing import digest

PROOF_LASTS = timedelta(minutes=10)
_TOUCH_EVERY = timedelta(minutes=1)


def open_session(
    tx: Tx,
    user_id: UserId,
    *,
    address: str,
    agent: str,
    request_id: str | None,
    lifetime: timedelta,
    clock: Clock,
    methods: Iterable[str] = ("password",),
) -> str:
    """Open a session in this transaction's organisation; return the token, which is stored nowhere."""
    token, now = secrets.token_urlsafe(32), clock.now()
    tx.add(
        SessionRow(
            tenant_id=tx.tenant_id,
            digest=digest(token),
            user_id=user_id,
            created_at=now,
            last_seen_at=now,
            expires_at=now + lifetime,
            address=address,
            agent=agent[:200],
            authenticated_at=now,
            methods=list(methods),
        )
    )
    tx.flush()
    actor = audit.Actor(audit.ActorKind.USER, user_id, address, request_id)
    audit.record(tx, actor, Event.SESSION_OPENED, subject=user_id)
    return token


def resolve_session(
    db: Database, token: str, *, address: str, request_id: str, idle: timedelta, clock: Clock
) -> Caller:
    """Return who a browser is. Raises NotSignedIn for an unknown, idle, expired or suspended session."""
    with db.platform() as tx:
        found = tx.execute(text("SELECT tenant_id FROM resolve_session(:digest)"), {"digest": digest(token)}).first()
    if found is None:
        raise NotSignedIn
    with db.tenant(TenantId(found.tenant_id)) as tx:
        row = tx.get(SessionRow, (tx.tenant_id, digest(token)))
        now = clock.now()
        if row is None or now >= row.expires_at or now - row.last_seen_at >= idle:
            raise NotSignedIn
        _touch(tx, row, now)
        person = caller_of(tx, UserId(row.user_id), address=address, request_id=request_id)
        return replace(person, is_recent=now - row.authenticated_at < PROOF_LASTS)


def caller_of(
    tx: Tx,
    user_id: UserId,
    *,
    address: str | None = None,
    request_id: str | None = None,
    kind: audit.ActorKind = audit.ActorKind.USER,
) -> Caller:
    """Return a member as a caller. Raises NotSignedIn if they are not, or no longer, a member."""
    member = tx.get(MembershipRow, (tx.tenant_id, user_id))
    if member is None or member.suspended_at is not None:
        raise NotSignedIn
    return Caller(
        tenant_id=tx.tenant_id,
        user_id=user_id,
        role=Role(member.role),
        display_name=member.display_name,
        email=member.email,
        organisation=_open_organisation(tx),
        groups=groups_of(tx, user_id),
        language=member.language,
        zone=member.zone,
        kind=kind,
        address=address,
        request_id=request_id,
    )


def _open_organisation(tx: Tx) -> str:
    organisation = tenancy.get_organisation(tx)
    if organisation.suspended_at is not None:
        raise OrganisationSuspended
    return organisation.name


def list_sessions(tx: Tx, caller: Caller, user_id: UserId | None = None) -> list[Session]:
    """Return the caller's own sessions, newest first, or those of somebody whose access they may take."""
    if user_id not in {None, caller.user_id}:
        require(caller, Permission.PEOPLE_CHANGE)
    rows = tx.scalars(
        select(SessionRow)
        .where(SessionRow.tenant_id == tx.tenant_id, SessionRow.user_id == (user_id or caller.user_id))
        .order_by(SessionRow.last_seen_at.desc())
    )
    return [_session(row) for row in rows]


def close_session(tx: Tx, caller: Caller, *, session: bytes) -> None:
    """End one of the caller's own sessions, named by its digest. Raises SessionNotFound."""
    closed = tx.execute(
        delete(SessionRow)
        .where(
            SessionRow.tenant_id == tx.tenant_id,
            SessionRow.digest == session,
            SessionRow.user_id == caller.user_id,
        )
        .returning(SessionRow.digest)
    ).first()
    if closed is None:
        raise SessionNotFound
    audit.record(tx, caller.actor, Event.SESSION_CLOSED, subject=caller.user_id)


def close_sessions_of(tx: Tx, caller: Caller, user_id: UserId) -> None:
    """Sign somebody out of this organisation everywhere; their tokens stay. Raises PersonNotFound."""
    require(caller, Permission.PEOPLE_CHANGE)
    if tx.get(MembershipRow, (tx.tenant_id, user_id)) is None:
        raise PersonNotFound
    end_sessions(tx, user_id)
    audit.record(tx, caller.actor, Event.SESSIONS_CLOSED, subject=user_id)


def close_other_sessions(tx: Tx, caller: Caller, *, keep: bytes) -> None:
    """End all of the caller's sessions but one, in every organisation of theirs."""
    kept = tx.get(SessionRow, (tx.tenant_id, keep))
    tx.execute(text("SELECT end_all_sessions(:id)"), {"id": caller.user_id})
    if kept is not None:
        make_transient(kept)
        tx.add(kept)
        tx.flush()


def _touch(tx: OrmSession, row: SessionRow, now: datetime) -> None:
    # At most one write a minute: reading a page must not cost a write each time.
    if now - row.last_seen_at >= _TOUCH_EVERY:
        tx.execute(
            update(SessionRow)
            .where(SessionRow.tenant_id == row.tenant_id, SessionRow.digest == row.digest)
            .values(last_seen_at=now)
        )


def _session(row: SessionRow) -> Session:
    return Session(row.digest, row.created_at, row.last_seen_at, row.expires_at, row.address, row.agent)
