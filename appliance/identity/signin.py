"""Sign-in by e-mail and password, with lockout per person and per address.

An unknown person costs the same time and gets the same words as a wrong password.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text

from appliance import audit
from appliance.audit import PLATFORM, Actor, ActorKind, Event, Outcome
from appliance.identity.errors import EmailMalformed, SignInFailed, SignInLocked
from appliance.identity.people import check_password, normal_email
from appliance.identity.sessions import close_other_sessions, open_session
from appliance.identity.values import Caller, UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import TenantId, new_id
from appliance.kernel.sealing import digest, hash_password, password_matches

LOCK_WINDOW = timedelta(minutes=15)
FAILURES_PER_PERSON = 10
FAILURES_PER_ADDRESS = 50


@dataclass(frozen=True)
class Attempt:
    """One try to sign in, as it came in."""

    email: str
    password: str
    address: str
    agent: str
    request_id: str


def sign_in(db: Database, attempt: Attempt, *, lifetime: timedelta, clock: Clock) -> str:
    """Return a session token. Raises SignInFailed or SignInLocked; both are recorded."""
    email = _comparable(attempt.email)
    _refuse_if_locked(db, email, attempt, clock)
    # No transaction is open while argon2id computes.
    with db.platform() as tx:
        found = tx.execute(text("SELECT * FROM find_credentials(:email)"), {"email": email}).first()
    is_right = password_matches(found.password_hash if found else None, attempt.password)
    memberships = _memberships(db, UserId(found.user_id)) if found and is_right else []
    _note(db, email, attempt, succeeded=bool(memberships), clock=clock)
    if not memberships or found is None:
        raise SignInFailed
    with db.tenant(memberships[0]) as tx:
        return open_session(
            tx,
            UserId(found.user_id),
            address=attempt.address,
            agent=attempt.agent,
            request_id=attempt.request_id,
            lifetime=lifetime,
            clock=clock,
        )


def change_password(tx: Tx, caller: Caller, *, current: str, new: str, session: bytes) -> None:
    """Change the caller's own password; their other sessions end. Raises SignInFailed or WeakPassword."""
    found = tx.execute(text("SELECT * FROM find_credentials(:email)"), {"email": caller.email}).first()
    if found is None or not password_matches(found.password_hash, current):
        raise SignInFailed
    check_password(new, email=caller.email)
    tx.execute(text("SELECT change_password(:id, :hash)"), {"id": caller.user_id, "hash": hash_password(new)})
    close_other_sessions(tx, caller, keep=session)
    audit.record(tx, caller.actor, Event.PASSWORD_CHANGED, subject=caller.user_id)


def _refuse_if_locked(db: Database, email: str, attempt: Attempt, clock: Clock) -> None:
    with db.tenant(PLATFORM) as tx:
        counts = tx.execute(
            text("SELECT by_person, by_address FROM count_failed_sign_ins(:email, :address, :since)"),
            {"email": digest(email), "address": attempt.address, "since": clock.now() - LOCK_WINDOW},
        ).one()
        is_locked = counts.by_person >= FAILURES_PER_PERSON or counts.by_address >= FAILURES_PER_ADDRESS
        if is_locked:
            audit.record(tx, _stranger(attempt), Event.SIGN_IN_LOCKED, outcome=Outcome.REFUSED)
    if is_locked:
        raise SignInLocked(minutes=int(LOCK_WINDOW.total_seconds() // 60))


def _note(db: Database, email: str, attempt: Attempt, *, succeeded: bool, clock: Clock) -> None:
    with db.tenant(PLATFORM) as tx:
        tx.execute(
            text("SELECT record_sign_in_attempt(:id, :email, :address, :at, :succeeded)"),
            {
                "id": new_id(),
                "email": digest(email),
                "address": attempt.address,
                "at": clock.now(),
                "succeeded": succeeded,
            },
        )
        if not succeeded:
            audit.record(tx, _stranger(attempt), Event.SIGN_IN_FAILED, outcome=Outcome.FAILURE)


def _memberships(db: Database, user_id: UserId) -> list[TenantId]:
    with db.platform() as tx:
        rows = tx.execute(text("SELECT tenant_id FROM list_memberships(:id)"), {"id": user_id})
        return [TenantId(row.tenant_id) for row in rows]


def _comparable(email: str) -> str:
    try:
        return normal_email(email)
    except EmailMalformed:
        return ""  # matches nobody, and is refused in the same words


def _stranger(attempt: Attempt) -> Actor:
    return Actor(kind=ActorKind.USER, address=attempt.address, request_id=attempt.request_id)
