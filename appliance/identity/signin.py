"""Sign-in by e-mail and password, then by a second factor where there is one; and the proof before a sensitive step.

An unknown person costs the same time and gets the same words as a wrong password. Failures of either step count
towards the same locks (locks.py).
"""

from dataclasses import dataclass, field
from datetime import timedelta
from unicodedata import normalize

from sqlalchemy import text, update

from appliance import audit
from appliance.audit import Actor, ActorKind, Event, Outcome
from appliance.identity.entry_errors import SessionMisplaced
from appliance.identity.errors import SecondStepClosed, SecondStepFailed, SignInFailed
from appliance.identity.factors import Shown, list_factors, use_code
from appliance.identity.history import note_sign_in
from appliance.identity.locks import Attempt, note_attempt, refuse_if_locked
from appliance.identity.naming import EMAIL_MAX
from appliance.identity.own_account import own_account, password_now
from appliance.identity.passkeys import Site, assertion_options, use_passkey
from appliance.identity.permissions import require_own_session
from appliance.identity.places import list_places
from appliance.identity.sessions import SECOND_FACTORS, note_method, open_session
from appliance.identity.sso.enforcing import way_by_provider
from appliance.identity.sso.errors import BreakGlassUnshown, SignOnEnforced
from appliance.identity.steps import Purpose, Step, close_step, find_step, open_step, try_step
from appliance.identity.tables import SessionRow
from appliance.identity.values import Caller, UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import TenantId
from appliance.kernel.sealing import Sealer, digest, password_matches


@dataclass(frozen=True)
class Proof:
    """What a browser gives to prove a second factor: a code of an app, a recovery code, or a passkey's response."""

    code: str = ""
    passkey: str = ""


@dataclass(frozen=True)
class _Proved:
    """The address that somebody signs in by, and the hash of the password that they gave."""

    email: str
    password_hash: str | None = field(repr=False)


@dataclass(frozen=True)
class SignedIn:
    """A session's token."""

    token: str


@dataclass(frozen=True)
class SecondStep:
    """The password was right and a second factor is asked for; the token names this half of a sign-in."""

    token: str


def sign_in(db: Database, attempt: Attempt, *, lifetime: timedelta, clock: Clock) -> SignedIn | SecondStep:
    """Check the password; open a session, or ask for the second factor. Raises SignInFailed, SignInLocked."""
    email = _comparable(attempt.email)
    refuse_if_locked(db, email, attempt, clock)
    # No transaction is open while argon2id computes.
    with db.platform() as tx:
        found = tx.execute(text("SELECT * FROM find_credentials(:email)"), {"email": email}).first()
    is_right = password_matches(found.password_hash if found else None, attempt.password)
    if found is None or not is_right or not list_places(db, UserId(found.user_id)):
        note_attempt(db, email, attempt, failure=Event.SIGN_IN_FAILED, clock=clock)
        raise SignInFailed
    user_id = UserId(found.user_id)
    with db.platform() as tx:
        if list_factors(tx, user_id):
            # No success yet: it would wipe out the count of wrong codes, and let them be guessed without end.
            return SecondStep(open_step(tx, user_id, Purpose.SIGN_IN, clock=clock)[0])
    return SignedIn(_open_session(db, user_id, _Proved(email, found.password_hash), attempt, Shown("password"), lifetime, clock))


def second_step_options(db: Database, token: str, site: Site | None, *, clock: Clock) -> str | None:
    """Return what a browser needs to prove a passkey in this step, or None. Raises SecondStepClosed."""
    with db.platform() as tx:
        step = find_step(tx, token, Purpose.SIGN_IN, clock=clock)
        return assertion_options(tx, step.user_id, site, challenge=step.challenge) if site else None


def finish_sign_in(
    db: Database, token: str, proof: Proof, attempt: Attempt, *,
    site: Site | None, sealer: Sealer, lifetime: timedelta, clock: Clock,
) -> str:  # fmt: skip
    """Open a session by the second factor. Raises SecondStepClosed when it is used up, SecondStepFailed for a try.

    Raises BreakGlassUnshown, with a new second step, where the factor was right but does not open a break-glass account.
    """
    step = try_step(db, token, Purpose.SIGN_IN, clock=clock)
    with db.platform() as tx:
        email = str(tx.scalar(text("SELECT email_of(:id)"), {"id": step.user_id}) or "")
    refuse_if_locked(db, email, attempt, clock)
    with db.platform() as tx:
        password = password_now(tx, step.user_id)  # still the one that was proved: whoever changes it closes the step
        shown = _prove(tx, step, proof, site, sealer, clock)
        if shown is not None and not close_step(tx, token):
            raise SecondStepClosed  # of two at once, one goes on
    if shown is None:
        note_attempt(db, email, attempt, failure=Event.SECOND_FACTOR_FAILED, clock=clock)
        raise SecondStepFailed
    try:
        return _open_session(db, step.user_id, _Proved(email, password), attempt, shown, lifetime, clock)
    except BreakGlassUnshown as refusal:
        with db.platform() as tx:
            if password_now(tx, step.user_id) != password:
                raise SecondStepClosed from None
            refusal.step = open_step(tx, step.user_id, Purpose.SIGN_IN, clock=clock)[0]
        raise


def begin_confirmation(tx: Tx, caller: Caller, site: Site | None, *, clock: Clock) -> tuple[str, str | None]:
    """Return a step for `confirm`, and what a browser needs to do it with a passkey, if the caller has one."""
    require_own_session(caller)
    token, challenge = open_step(tx, caller.user_id, Purpose.CONFIRM, clock=clock)
    return token, assertion_options(tx, caller.user_id, site, challenge=challenge) if site else None


def confirm(
    db: Database, caller: Caller, attempt: Attempt, proof: Proof, *,
    step: str, session: str, site: Site | None, sealer: Sealer, clock: Clock,
) -> None:  # fmt: skip
    """Prove again who is at the browser, before a sensitive step.

    By password, with a code or passkey where there is a second factor; or by a passkey alone that asks for its person,
    by PIN or finger. Raises SignInFailed,
    SecondStepFailed, SecondStepClosed, SignInLocked.
    """
    require_own_session(caller)
    own = own_account(db, caller.user_id)
    refuse_if_locked(db, own.email, attempt, clock)
    begun = try_step(db, step, Purpose.CONFIRM, clock=clock)
    if begun.user_id != caller.user_id:
        raise SecondStepClosed
    with db.platform() as tx:
        has_factors = bool(list_factors(tx, caller.user_id))
    # A passkey stands for the password only where there is one to prove: whoever has none shows what they like.
    is_passkey = has_factors and bool(proof.passkey)
    is_password = password_matches(own.password_hash, attempt.password)
    if not (is_passkey or is_password):
        note_attempt(db, own.email, attempt, failure=Event.SIGN_IN_FAILED, clock=clock)
        raise SignInFailed
    with db.platform() as tx:
        shown = _prove(tx, begun, proof, site, sealer, clock, is_alone=not is_password) if has_factors else Shown("password")
    if shown is None:
        note_attempt(db, own.email, attempt, failure=Event.SECOND_FACTOR_FAILED, clock=clock)
        raise SecondStepFailed
    with db.tenant(caller.tenant_id) as tx:
        close_step(tx, step)
        tx.execute(
            update(SessionRow)
            .where(SessionRow.tenant_id == tx.tenant_id, SessionRow.digest == digest(session))
            .values(authenticated_at=clock.now(), factor_id=shown.factor_id)
        )
        if shown.method in SECOND_FACTORS:
            note_method(tx, caller, session=digest(session), method=shown.method)
        audit.record(tx, caller.actor, Event.IDENTITY_CONFIRMED, subject=caller.user_id, method=shown.method)


def _prove(
    tx: Tx, step: Step, proof: Proof, site: Site | None, sealer: Sealer, clock: Clock, *, is_alone: bool = False
) -> Shown | None:
    if proof.passkey:
        return None if site is None else use_passkey(
            tx, step.user_id, site, response=proof.passkey, challenge=step.challenge, sealer=sealer, clock=clock,
            is_alone=is_alone,
        )  # fmt: skip
    return use_code(tx, step.user_id, proof.code, sealer=sealer, clock=clock) if proof.code.strip() else None


def _open_session(
    db: Database, user_id: UserId, proved: _Proved, attempt: Attempt, shown: Shown, lifetime: timedelta, clock: Clock
) -> str:
    """Open a session in the first organisation that lets them in, unless their password was changed since it was proved.

    `shown` is the last thing that was proved: a second factor, or the password where there is none.
    """
    shut: Refusal | None = None
    methods = tuple(dict.fromkeys(("password", shown.method)))
    actor = Actor(ActorKind.USER, user_id, attempt.address, attempt.request_id)
    for place in list_places(db, user_id):
        try:
            with db.tenant(place.tenant_id) as tx:
                if password_now(tx, user_id) != proved.password_hash:
                    break
                token = open_session(
                    tx, user_id, address=attempt.address, agent=attempt.agent, request_id=attempt.request_id,
                    lifetime=lifetime, clock=clock, methods=methods, factor_id=shown.factor_id,
                )  # fmt: skip
        except (SessionMisplaced, SignOnEnforced) as refusal:
            _note_shut(db, place.tenant_id, actor, attempt, methods, refusal, clock)
            if shut is None and type(refusal) is SignOnEnforced:  # and no break-glass account, which no provider knows
                shut = way_by_provider(db, place.tenant_id, user_id, factor_id=shown.factor_id, password_hash=proved.password_hash)
            shut = shut or refusal
            continue
        note_attempt(db, proved.email, attempt, failure=None, clock=clock)
        return token
    else:
        raise shut or SignInFailed
    note_attempt(db, proved.email, attempt, failure=Event.SIGN_IN_FAILED, clock=clock)
    raise SignInFailed


def _note_shut(
    db: Database, tenant_id: TenantId, actor: Actor, attempt: Attempt, methods: tuple[str, ...], refusal: Refusal,
    clock: Clock,
) -> None:  # fmt: skip
    """Note in an organisation that somebody proved who they are and is not let in, by its own rules."""
    event = Event.SESSION_MISPLACED if isinstance(refusal, SessionMisplaced) else Event.SIGN_IN_FAILED
    with db.tenant(tenant_id) as tx:
        note_sign_in(tx, actor.id, methods=methods, address=attempt.address, agent=attempt.agent, at=clock.now(),
                     reason=refusal.code)  # fmt: skip
        audit.record(tx, actor, event, subject=actor.id, outcome=Outcome.REFUSED)


def _comparable(email: str) -> str:
    """Return an address as accounts store it; "", which matches nobody, if it is too long.

    No other rule of `normal_email` is asked: an account may be older than these.
    """
    email = email.strip()
    return normalize("NFC", normalize("NFC", email).lower()) if len(email) <= EMAIL_MAX else ""
