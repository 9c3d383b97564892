"""How often a wrong password or code may be given.

Ten failures from one address for one person lock that address out of that account, so that a stranger elsewhere
cannot lock its owner out; fifty from one address for anybody lock the address; a hundred for one person from anywhere
lock the account for addresses that never signed in to it (OWASP, "Blocking brute force attacks": device cookies).
An IPv6 network (/64) counts as one address: whoever has one has 2^64 addresses to try from.
Each lock is put on record when it falls, not for each try against it: strangers do not get to fill the audit log.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text

from appliance import audit
from appliance.audit import PLATFORM, Actor, ActorKind, Event, Outcome
from appliance.identity.errors import SignInLocked
from appliance.identity.guesses import counted_as
from appliance.identity.history import note_failed
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import new_id
from appliance.kernel.sealing import digest

LOCK_WINDOW = timedelta(minutes=15)
FAILURES_PER_PAIR = 10
FAILURES_PER_ADDRESS = 50
FAILURES_PER_PERSON = 100
_REMEMBERED = timedelta(days=90)


@dataclass(frozen=True)
class Attempt:
    """One try to sign in, as it came in."""

    email: str
    password: str
    address: str
    agent: str
    request_id: str


@dataclass(frozen=True)
class _Failures:
    by_pair: int
    by_address: int
    by_person: int
    is_known: bool

    @property
    def locks(self) -> bool:
        return (
            self.by_pair >= FAILURES_PER_PAIR
            or self.by_address >= FAILURES_PER_ADDRESS
            or (self.by_person >= FAILURES_PER_PERSON and not self.is_known)
        )

    @property
    def falls_now(self) -> bool:
        """Say whether the last failure was the one that locked."""
        return (
            self.by_pair == FAILURES_PER_PAIR
            or self.by_address == FAILURES_PER_ADDRESS
            or (self.by_person == FAILURES_PER_PERSON and not self.is_known)
        )


def refuse_if_locked(db: Database, email: str, attempt: Attempt, clock: Clock) -> None:
    """Refuse before anything is compared. Raises SignInLocked."""
    with db.tenant(PLATFORM) as tx:
        failures = _count(tx, email, attempt, clock)
    if failures.locks:
        raise SignInLocked(minutes=int(LOCK_WINDOW.total_seconds() // 60))


def note_attempt(db: Database, email: str, attempt: Attempt, *, failure: Event | None, clock: Clock) -> None:
    """Count an attempt; record a failure, and the lock that it makes fall."""
    with db.tenant(PLATFORM) as tx:
        tx.execute(
            text("SELECT record_sign_in_attempt(:id, :email, :address, :at, :succeeded)"),
            {
                "id": new_id(),
                "email": digest(email),
                "address": counted_as(attempt.address),
                "at": clock.now(),
                "succeeded": failure is None,
            },
        )
        if failure is None:
            return
        audit.record(tx, _stranger(attempt), failure, outcome=Outcome.FAILURE)
        note_failed(tx, email, reason=failure.value.split(":", 1)[1], address=attempt.address, agent=attempt.agent, at=clock.now())
        if _count(tx, email, attempt, clock).falls_now:
            audit.record(tx, _stranger(attempt), Event.SIGN_IN_LOCKED, outcome=Outcome.REFUSED)


def forget_attempts(tx: Tx, *, clock: Clock) -> int:
    """Delete what no count looks at any more; return how many attempts."""
    return int(tx.scalar(text("SELECT forget_sign_in_attempts(:before)"), {"before": clock.now() - _REMEMBERED}) or 0)


def _count(tx: Tx, email: str, attempt: Attempt, clock: Clock) -> _Failures:
    now = clock.now()
    found = tx.execute(
        text("SELECT * FROM count_sign_in_failures(:email, :address, :since, :remembered)"),
        {
            "email": digest(email),
            "address": counted_as(attempt.address),
            "since": now - LOCK_WINDOW,
            "remembered": now - _REMEMBERED,
        },
    ).one()
    return _Failures(found.by_pair, found.by_address, found.by_person, found.is_known)


def _stranger(attempt: Attempt) -> Actor:
    return Actor(kind=ActorKind.USER, address=attempt.address, request_id=attempt.request_id)
