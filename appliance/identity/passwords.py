"""One's own password, and the single-use link to a new one.

An administrator can make such a link only for somebody who belongs to no other organisation: whoever holds it could
sign in there too; and not in the works-council mode, where it could read that person's conversations. For the others
the operator's console makes it, and every organisation of theirs records it.
Second factors stay in force after a reset, so that the link alone opens nothing that they guard.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text

from appliance import audit, tenancy
from appliance.audit import Actor, ActorKind, Event, Outcome
from appliance.identity.belonging import has_been_elsewhere, tenants_of
from appliance.identity.errors import (
    PasswordNone,
    PersonNotFound,
    ResetByOperator,
    ResetLinkClosed,
    ResetNotAlone,
    SignInFailed,
)
from appliance.identity.granting import require_above, require_held_still
from appliance.identity.locks import Attempt, note_attempt, refuse_if_locked
from appliance.identity.naming import normal_email
from appliance.identity.own_account import own_account
from appliance.identity.people import check_password
from appliance.identity.permissions import Permission, require, require_own_session
from appliance.identity.revocation import LINKS, end_half_ways, end_ways
from appliance.identity.sessions import close_other_sessions
from appliance.identity.standing import note_hand
from appliance.identity.tables import MembershipRow
from appliance.identity.values import SUPPORT_ROLES, Caller, MemberKind, UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx, together
from appliance.kernel.ids import TenantId
from appliance.kernel.sealing import digest, hash_password, password_matches
from appliance.tenancy import Review

LINK_LIFETIME = timedelta(hours=24)


@dataclass(frozen=True)
class ResetLink:
    """A new link's token, which is stored nowhere, and the address of the person it is for."""

    token: str
    email: str


def change_password(db: Database, caller: Caller, attempt: Attempt, *, new: str, session: bytes, clock: Clock) -> None:
    """Change the caller's own password; their other sessions, and links to another one, end everywhere.

    A wrong present password is recorded and counts towards the locks of a sign-in: an open browser is no place to
    guess it. Raises SignInFailed, SignInLocked, WeakPassword.
    """
    require_own_session(caller)
    own = own_account(db, caller.user_id)
    check_password(new, email=own.email)
    refuse_if_locked(db, own.email, attempt, clock)
    # No transaction is open while argon2id computes.
    if not password_matches(own.password_hash, attempt.password):
        note_attempt(db, own.email, attempt, failure=Event.SIGN_IN_FAILED, clock=clock)
        with db.tenant(caller.tenant_id) as tx:
            audit.record(tx, caller.actor, Event.PASSWORD_CHANGED, outcome=Outcome.FAILURE, subject=caller.user_id)
        raise SignInFailed
    hashed = hash_password(new)
    with db.tenant(caller.tenant_id) as tx:
        tx.execute(text("SELECT change_password(:id, :hash)"), {"id": caller.user_id, "hash": hashed})
        end_half_ways(tx, caller.user_id)
        close_other_sessions(tx, caller, keep=session)
        audit.record(tx, caller.actor, Event.PASSWORD_CHANGED, subject=caller.user_id)
        tenants = tenants_of(tx, caller.user_id)
    _end_ways(db, caller.user_id, tenants)


def create_password_reset(tx: Tx, caller: Caller, user_id: UserId, *, clock: Clock) -> ResetLink:
    """Make a link by which a member sets a new password. Raises PersonNotFound, PasswordNone, ResetByOperator, ResetNotAlone."""
    require(caller, Permission.PASSWORD_RESET)
    member = tx.get(MembershipRow, (tx.tenant_id, user_id))
    if member is None or member.suspended_at is not None or member.kind != MemberKind.PERSON:
        raise PersonNotFound
    require_above(tx, caller, member)  # whoever holds the link could sign in as that person
    if user_id == caller.user_id:  # a token, or a provider's word, is bound to less than what the password opens
        require_own_session(caller)
    if member.role in SUPPORT_ROLES or has_been_elsewhere(tx, user_id):
        raise ResetByOperator
    if tenancy.get_settings(tx).conversation_review is Review.TWO_PERSON:
        raise ResetNotAlone
    own = tx.scalar(text("SELECT email_of(:id)"), {"id": user_id})
    if own is None:
        raise PasswordNone
    note_hand(tx, user_id)
    together(tx, LINKS)
    require_held_still(tx, caller)
    link = _open(tx, user_id, str(own), clock)
    audit.record(tx, caller.actor, Event.PASSWORD_RESET_CREATED, subject=user_id)
    return link


def create_password_reset_at_console(db: Database, email: str, *, clock: Clock) -> ResetLink:
    """Make a link for anybody on this host; recorded in each of their organisations. Raises PersonNotFound."""
    with db.platform() as tx:
        user_id = tx.scalar(text("SELECT find_user(:email)"), {"email": normal_email(email)})
        tenants = tenants_of(tx, UserId(user_id)) if user_id else []
    if not tenants:
        raise PersonNotFound
    for tenant_id in tenants:  # on record everywhere before it exists anywhere
        with db.tenant(tenant_id) as tx:
            note_hand(tx, user_id)
            audit.record(tx, Actor(ActorKind.OPERATOR), Event.PASSWORD_RESET_CREATED, subject=user_id)
    with db.platform() as tx:
        return _open(tx, UserId(user_id), normal_email(email), clock)


def find_password_reset(db: Database, token: str, *, clock: Clock) -> str:
    """Return the address that an open link is for. Raises ResetLinkClosed."""
    return _find(db, token, clock)[1]


def reset_password(db: Database, token: str, *, new: str, address: str, request_id: str, clock: Clock) -> None:
    """Set a new password by an open link; every session of the person ends. Raises ResetLinkClosed, WeakPassword."""
    user_id, email = _find(db, token, clock)
    check_password(new, email=email)
    hashed = hash_password(new)  # no transaction is open while argon2id computes
    with db.platform() as tx:
        tenants = tenants_of(tx, user_id)
    if not tenants:
        raise ResetLinkClosed
    with db.tenant(tenants[0]) as tx:
        used = tx.execute(
            text("SELECT user_id FROM consume_password_reset(:digest, :now)"),
            {"digest": digest(token), "now": clock.now()},
        ).first()
        if used is None:
            raise ResetLinkClosed
        tx.execute(text("SELECT change_password(:id, :hash)"), {"id": user_id, "hash": hashed})
        end_half_ways(tx, user_id)
        tx.execute(text("SELECT end_all_sessions(:id)"), {"id": user_id})
        actor = Actor(ActorKind.USER, user_id, address, request_id)
        audit.record(tx, actor, Event.PASSWORD_RESET, subject=user_id)
    _end_ways(db, user_id, tenants)


def _end_ways(db: Database, user_id: UserId, tenants: list[TenantId]) -> None:
    """End what the old password had begun at providers: it would link their account with somebody else's there, for good."""
    for tenant_id in tenants:
        with db.tenant(tenant_id) as tx:
            end_ways(tx, user_id)


def _find(db: Database, token: str, clock: Clock) -> tuple[UserId, str]:
    with db.platform() as tx:
        found = tx.execute(
            text("SELECT * FROM find_password_reset(:digest, :now)"), {"digest": digest(token), "now": clock.now()}
        ).first()
    if found is None:
        raise ResetLinkClosed
    return UserId(found.user_id), found.email


def _open(tx: Tx, user_id: UserId, email: str, clock: Clock) -> ResetLink:
    token, now = secrets.token_urlsafe(32), clock.now()
    tx.execute(
        text("SELECT create_password_reset(:digest, :id, :now, :expires)"),
        {"digest": digest(token), "id": user_id, "now": now, "expires": now + LINK_LIFETIME},
    )
    return ResetLink(token, email)
