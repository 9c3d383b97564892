"""Server-side sessions: a random token in the browser, its SHA-256 in the tenant's rows."""

import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, select, text, update
from sqlalchemy.orm import make_transient

from appliance import audit, tenancy
from appliance.audit import Event, Outcome
from appliance.identity.belonging import is_operator
from appliance.identity.breakglass import enter_by_password
from appliance.identity.entry_errors import SessionMisplaced
from appliance.identity.errors import NotSignedIn, OrganisationSuspended, SessionNotFound
from appliance.identity.granting import own_roles, require_above_member
from appliance.identity.groups import groups_of
from appliance.identity.history import note_sign_in
from appliance.identity.limits import is_from
from appliance.identity.permissions import Permission, require
from appliance.identity.policies import PROOF_LASTS, keep_within, policy_of
from appliance.identity.revocation import end_sessions, end_ways
from appliance.identity.sso.queries import enforced_connection
from appliance.identity.tables import MembershipRow, SessionRow
from appliance.identity.values import SUPPORT_ROLES, Caller, GroupId, Role, Session, UserId
from appliance.identity.whereabouts import Whereabouts
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx, in_turn
from appliance.kernel.sealing import content_digest, digest

_TOUCH_EVERY = timedelta(minutes=1)
_PLACES = Whereabouts()
# In one look, as each page begins with it.
_STANDING = text(
    """SELECT s.user_id, s.created_at, s.expires_at, s.last_seen_at, s.authenticated_at, s.methods, s.connection_id, s.factor_id,
              m.role, m.display_name, m.email, m.language, m.zone,
              m.suspended_at, m.access_until, o.name AS organisation, o.suspended_at AS organisation_suspended_at,
              r.name AS role_title, r.permissions AS granted,
              p.idle_minutes, p.lifetime_minutes, p.proof_minutes, p.networks, p.needs_second_factor,
              (SELECT max(h.access_until) FROM memberships h WHERE h.tenant_id = s.tenant_id
                 AND h.role IN ('support', 'support_admin') AND h.suspended_at IS NULL AND h.access_until > :now) AS support_until,
              ARRAY(SELECT g.group_id FROM group_members g
                    WHERE g.tenant_id = s.tenant_id AND g.user_id = s.user_id) AS groups
       FROM sessions s
       JOIN organisations o ON o.tenant_id = s.tenant_id
       JOIN memberships m ON m.tenant_id = s.tenant_id AND m.user_id = s.user_id
       LEFT JOIN custom_roles r ON r.tenant_id = m.tenant_id AND r.role_id = m.custom_role_id
       LEFT JOIN session_policies p ON p.tenant_id = s.tenant_id
       WHERE s.tenant_id = :tenant AND s.digest = :digest"""
)
_MISPLACED = text(
    "UPDATE sessions SET misplaced_at = :now WHERE tenant_id = :tenant AND digest = :digest"
    " AND (misplaced_at IS NULL OR misplaced_at <= :before) RETURNING digest"
)
SECOND_FACTORS = frozenset({"totp", "passkey", "recovery_code"})


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
    factor_id: UUID | None = None,
    connection_id: UUID | None = None,
    idp_session: str | None = None,
    authenticated_at: datetime | None = None,
) -> str:
    """Open a session in this transaction's organisation; return the token, which is stored nowhere.

    Of one more than the organisation allows, the oldest ends. `factor_id` is the app or passkey that they showed, `connection_id` the
    identity provider that brought them.
    Raises SessionMisplaced from outside of the organisation's networks; SignOnEnforced for a session without a provider,
    where the organisation lets people in by its provider only: whichever way leads to a session, it leads through here.
    """
    token, now, methods, policy = secrets.token_urlsafe(32), clock.now(), tuple(methods), policy_of(tx)
    actor = audit.Actor(audit.ActorKind.USER, user_id, address, request_id, session_name(digest(token)))
    if policy.networks and not is_from(policy.networks, address):
        raise SessionMisplaced
    if connection_id is None:
        enter_by_password(tx, user_id, actor, methods=methods, factor_id=factor_id, clock=clock)
    if policy.most_sessions is not None:
        in_turn(tx, f"sessions/{user_id}")
    tx.add(
        SessionRow(
            tenant_id=tx.tenant_id,
            digest=digest(token),
            user_id=user_id,
            created_at=now,
            last_seen_at=now,
            expires_at=now + lifetime,
            address=address, agent=agent[:200], authenticated_at=authenticated_at or now, methods=list(methods), connection_id=connection_id,
            idp_session=idp_session, factor_id=factor_id,
        )
    )
    tx.flush()
    if policy.most_sessions is not None:
        keep_within(tx, policy.most_sessions)
    note_sign_in(tx, user_id, methods=methods, address=address, agent=agent, at=now, connection_id=connection_id)
    by = {"connection": str(connection_id)} if connection_id else {}
    audit.record_all(tx, [audit.NewEntry(actor, Event.SESSION_OPENED, user_id, facts=by)])
    return token


def session_name(stored: bytes) -> str:
    """Return what the log calls a session: of the digest that is stored of its token, another one, cut short. It opens nothing."""
    return content_digest(b"cloister-session/1\0" + stored).hex()[:16]


def resolve_session(
    db: Database, token: str, *, address: str, request_id: str, idle: timedelta, clock: Clock
) -> Caller:
    """Return who a browser is. Raises NotSignedIn for an unknown, idle, expired or suspended session.

    Raises SessionMisplaced from outside of the organisation's networks, which is on record once a minute.
    """
    place = _PLACES.find(db, digest(token))
    if place is None:
        raise NotSignedIn
    with db.tenant(place) as tx:
        now = clock.now()
        row = tx.execute(_STANDING, {"tenant": tx.tenant_id, "digest": digest(token), "now": now}).one_or_none()
        if row is None or _is_over(row, idle, now):
            _PLACES.forget(digest(token))
            raise NotSignedIn
        _touch(tx, digest(token), row.last_seen_at, now)
        if row.role in SUPPORT_ROLES and not is_operator(tx, UserId(row.user_id)):
            raise NotSignedIn  # the platform took their access; what an owner let them in for was for its operator
        if row.suspended_at is not None or (row.access_until is not None and row.access_until <= now):
            raise NotSignedIn
        if row.organisation_suspended_at is not None:
            raise OrganisationSuspended
        found = replace(_caller(tx, row, address, request_id, now), session=session_name(digest(token)))
    if row.networks and not is_from(row.networks, address):
        _note_misplaced(db, found, digest(token), now)
        raise SessionMisplaced
    return found


def _is_over(row: Row[Any], idle: timedelta, now: datetime) -> bool:
    """Whether a session has ended by the host's settings, or by the organisation's, which only ever end it earlier."""
    if row.idle_minutes is not None:
        idle = min(idle, timedelta(minutes=row.idle_minutes))
    ends = row.expires_at
    if row.lifetime_minutes is not None:
        ends = min(ends, row.created_at + timedelta(minutes=row.lifetime_minutes))
    return bool(now >= ends or now - row.last_seen_at >= idle)


def _caller(tx: Tx, row: Row[Any], address: str, request_id: str, now: datetime) -> Caller:
    role = Role(row.role)
    proof = PROOF_LASTS if row.proof_minutes is None else timedelta(minutes=row.proof_minutes)
    is_by_password = row.connection_id is None
    return Caller(
        tenant_id=tx.tenant_id, user_id=UserId(row.user_id), role=role, display_name=row.display_name,
        email=row.email, organisation=row.organisation, groups=frozenset(map(GroupId, row.groups)),
        language=row.language, zone=row.zone, address=address, request_id=request_id,
        kind=audit.ActorKind.OPERATOR if role in SUPPORT_ROLES else audit.ActorKind.USER,
        is_recent=now - row.authenticated_at < proof, granted=frozenset(row.granted or ()), role_title=row.role_title or "",
        lacks_factor=bool(row.needs_second_factor and is_by_password and not SECOND_FACTORS & set(row.methods)),
        support_until=row.support_until, connection_id=row.connection_id, factor_id=row.factor_id,
    )  # fmt: skip


def note_method(tx: Tx, caller: Caller, *, session: bytes, method: str) -> None:
    """Note that the caller proved a second factor in a session that is open."""
    row = tx.get(SessionRow, (tx.tenant_id, session))
    if row is not None and row.user_id == caller.user_id and method not in row.methods:
        row.methods = [*row.methods, method]
        tx.flush()


def _note_misplaced(db: Database, caller: Caller, session: bytes, now: datetime) -> None:
    wanted = {"tenant": caller.tenant_id, "digest": session, "now": now, "before": now - _TOUCH_EVERY}
    with db.tenant(caller.tenant_id) as tx:
        if tx.execute(_MISPLACED, wanted).first() is not None:
            audit.record(tx, caller.actor, Event.SESSION_MISPLACED, subject=caller.user_id, outcome=Outcome.REFUSED)


def caller_of(
    tx: Tx,
    user_id: UserId,
    *,
    address: str | None = None,
    request_id: str | None = None,
    kind: audit.ActorKind = audit.ActorKind.USER,
    now: datetime | None = None,
) -> Caller:
    """Return a member as a caller. Raises NotSignedIn if they are not, or at this moment no longer, a member."""
    member = tx.get(MembershipRow, (tx.tenant_id, user_id))
    if member is None or member.suspended_at is not None:
        raise NotSignedIn
    if member.access_until is not None and member.access_until <= (now or datetime.now(UTC)):
        raise NotSignedIn
    own = own_roles(tx, [member.custom_role_id]).get(member.custom_role_id) if member.custom_role_id else None
    return Caller(
        tenant_id=tx.tenant_id,
        user_id=user_id,
        role=Role(member.role),
        granted=own.permissions if own else frozenset(),
        role_title=own.name if own else "",
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
    """End one of the caller's own sessions, named by its digest. Raises SessionNotFound.

    What they are about to link ends with it: whoever sat down at that browser next would come back as themselves, and be
    linked with this account.
    """
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
    end_ways(tx, caller.user_id)
    audit.record(tx, caller.actor, Event.SESSION_CLOSED, subject=caller.user_id)


def close_sessions_of(tx: Tx, caller: Caller, user_id: UserId) -> None:
    """Sign somebody out of this organisation everywhere; their tokens stay. Raises PersonNotFound, Forbidden."""
    require(caller, Permission.PEOPLE_CHANGE)
    require_above_member(tx, caller, user_id)
    end_sessions(tx, user_id)
    audit.record(tx, caller.actor, Event.SESSIONS_CLOSED, subject=user_id)


def close_other_sessions(tx: Tx, caller: Caller, *, keep: bytes) -> None:
    """End all of the caller's sessions but one, in every organisation of theirs."""
    enforced_connection(tx, is_held=True)  # or what is kept could outlive that passwords were let in
    kept = tx.get(SessionRow, (tx.tenant_id, keep), populate_existing=True)
    tx.execute(text("SELECT end_all_sessions(:id)"), {"id": caller.user_id})
    if kept is not None:
        make_transient(kept)
        tx.add(kept)
        tx.flush()


def _touch(tx: Tx, session: bytes, last_seen_at: datetime, now: datetime) -> None:
    # At most one write a minute: reading a page must not cost a write each time.
    if now - last_seen_at >= _TOUCH_EVERY:
        tx.execute(
            update(SessionRow)
            .where(SessionRow.tenant_id == tx.tenant_id, SessionRow.digest == session)
            .values(last_seen_at=now)
        )


def _session(row: SessionRow) -> Session:
    return Session(row.digest, row.created_at, row.last_seen_at, row.expires_at, row.address, row.agent)
