"""Second factors: time-based codes (RFC 6238) and single-use recovery codes. Passkeys are in `passkeys`.

A code's seed is sealed under the platform's key, bound to its person and factor; a dump of the database makes no codes.
A code that was used once is refused for ever: its time step must be later than the last one used (RFC 6238 5.2).
Recovery codes have 80 random bits, so that their SHA-256 may be stored.
"""

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import pyotp
from sqlalchemy import Row, text

from appliance import audit
from appliance.audit import Event
from appliance.identity.belonging import has_been_elsewhere
from appliance.identity.errors import CodeWrong, FactorMalformed, FactorNotFound, Forbidden, PersonNotFound
from appliance.identity.granting import require_above
from appliance.identity.permissions import Permission, require, require_own_session, require_recent
from appliance.identity.standing import note_hand
from appliance.identity.tables import MembershipRow
from appliance.identity.values import SUPPORT_ROLES, Caller, UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.ids import new_id
from appliance.kernel.sealing import Place, Sealer, digest, same

_STEP_SECONDS, _STEPS_AROUND = 30, (0, -1, 1)
_RECOVERY_CODES, _RECOVERY_BYTES, _RECOVERY_GROUP = 10, 10, 4
_LABEL_LIMIT = 120
_ISSUER = "Cloister"


class FactorKind(StrEnum):
    TOTP = "totp"
    PASSKEY = "passkey"


@dataclass(frozen=True)
class Factor:
    """Something besides the password that proves who somebody is."""

    factor_id: UUID
    kind: FactorKind
    label: str
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True)
class Shown:
    """A proof that was right. `factor_id` is whose it was: None for a recovery code, which whoever added any factor may hold."""

    method: str
    factor_id: UUID | None = None


@dataclass(frozen=True)
class NewTotp:
    """A factor that waits for its first code. `secret` is base32; `uri` is what the QR code holds (otpauth)."""

    factor_id: UUID
    secret: str
    uri: str


def list_factors(tx: Tx, user_id: UserId) -> list[Factor]:
    """Return a person's factors that are in force, the oldest first."""
    return [
        Factor(row.factor_id, FactorKind(row.kind), row.label, row.created_at, row.last_used_at)
        for row in rows_of(tx, user_id)
        if row.confirmed_at is not None
    ]


def has_factor_of_here(tx: Tx, user_id: UserId, *, counts_unknown: bool = False) -> bool:
    """Say whether a factor of a person is in force that was added in this organisation.

    One that was added in another one may have been added by the password alone, as that one's rules are not this one's: it
    proves no more than the password. `counts_unknown` counts those as well that are older than this is known.
    """
    found = tx.execute(text("SELECT * FROM factors_by_place(:user)"), {"user": user_id}).one()
    return bool(found.here or (counts_unknown and found.unknown))


def is_factor_of_here(tx: Tx, user_id: UserId, factor_id: UUID | None, *, counts_unknown: bool = False) -> bool:
    """Say whether the factor that somebody showed is one of those that `has_factor_of_here` looks for; None is none."""
    values = {"user": user_id, "factor": factor_id}
    found = tx.execute(text("SELECT * FROM place_of_factor(:user, :factor)"), values).first()
    return found is not None and bool(found.is_here or (counts_unknown and found.is_unknown))


def begin_totp(tx: Tx, caller: Caller, *, label: str, sealer: Sealer, clock: Clock) -> NewTotp:
    """Make a seed for an authenticator app; it is in force once `confirm_totp` has seen a code of it."""
    require_own_session(caller)
    require_recent(caller)
    factor_id, secret = new_id(), pyotp.random_base32()
    add_factor(tx, caller.user_id, factor_id, FactorKind.TOTP, checked_label(label), clock,
               sealed=sealer.seal(tx, secret.encode(), _place(caller.user_id, factor_id)))  # fmt: skip
    return _new(caller, factor_id, secret)


def get_new_totp(tx: Tx, caller: Caller, factor_id: UUID, *, sealer: Sealer) -> NewTotp:
    """Return a factor that waits for its first code, to show it again. Raises FactorNotFound."""
    require_own_session(caller)
    require_recent(caller)
    return _new(caller, factor_id, _secret(tx, caller.user_id, _waiting(tx, caller, factor_id), sealer))


def confirm_totp(
    tx: Tx, caller: Caller, factor_id: UUID, code: str, *, sealer: Sealer, clock: Clock
) -> tuple[str, ...]:
    """Put a new factor in force by a code of it. Returns recovery codes if it is the first factor. Raises CodeWrong."""
    require_own_session(caller)
    is_first = not list_factors(tx, caller.user_id)
    row = _waiting(tx, caller, factor_id)
    if not _matches(tx, caller.user_id, row, code, sealer, clock):
        raise CodeWrong
    tx.execute(
        text("SELECT confirm_factor(:user, :factor, :at)"),
        {"user": caller.user_id, "factor": factor_id, "at": clock.now()},
    )
    audit.record(tx, caller.actor, Event.FACTOR_ADDED, subject=caller.user_id, kind=FactorKind.TOTP.value)
    return _new_recovery_codes(tx, caller) if is_first else ()


def remove_factor(tx: Tx, caller: Caller, factor_id: UUID) -> None:
    """Remove one of the caller's own factors; the recovery codes end with the last one. Raises FactorNotFound."""
    require_own_session(caller)
    require_recent(caller)
    _remove(tx, caller.user_id, factor_id)
    if not list_factors(tx, caller.user_id):
        tx.execute(text("SELECT replace_recovery_codes(:user, :none)"), {"user": caller.user_id, "none": []})
    audit.record(tx, caller.actor, Event.FACTOR_REMOVED, subject=caller.user_id)


def remove_factors_of(tx: Tx, caller: Caller, user_id: UserId) -> None:
    """Take a member's factors away, who lost them; only for somebody who never belonged to another organisation."""
    require(caller, Permission.PASSWORD_RESET)
    member = tx.get(MembershipRow, (tx.tenant_id, user_id))
    if member is None or member.suspended_at is not None:
        raise PersonNotFound
    require_above(tx, caller, member)
    if user_id == caller.user_id:
        require_own_session(caller)
    if member.role in SUPPORT_ROLES or has_been_elsewhere(tx, user_id):
        raise Forbidden
    for row in rows_of(tx, user_id):
        _remove(tx, user_id, row.factor_id)
    tx.execute(text("SELECT replace_recovery_codes(:user, :none)"), {"user": user_id, "none": []})
    note_hand(tx, user_id)
    audit.record(tx, caller.actor, Event.FACTOR_REMOVED, subject=user_id)


def replace_recovery_codes(tx: Tx, caller: Caller) -> tuple[str, ...]:
    """Make new recovery codes, shown once; the old ones end. Raises FactorNotFound for somebody without factors."""
    require_own_session(caller)
    require_recent(caller)
    if not list_factors(tx, caller.user_id):
        raise FactorNotFound
    return _new_recovery_codes(tx, caller)


def count_recovery_codes(tx: Tx, user_id: UserId) -> int:
    """Return how many recovery codes are left."""
    return int(tx.scalar(text("SELECT count_recovery_codes(:user)"), {"user": user_id}) or 0)


def use_code(tx: Tx, user_id: UserId, code: str, *, sealer: Sealer, clock: Clock) -> Shown | None:
    """Use up a time-based or a recovery code; return which it was, or None for a wrong one."""
    for row in rows_of(tx, user_id):
        is_ready = row.kind == FactorKind.TOTP and row.confirmed_at is not None
        if is_ready and _matches(tx, user_id, row, code, sealer, clock):
            return Shown("totp", row.factor_id)
    used = tx.scalar(
        text("SELECT use_recovery_code(:user, :digest, :at)"),
        {"user": user_id, "digest": digest(_plain(code)), "at": clock.now()},
    )
    return Shown("recovery_code") if used else None


def rows_of(tx: Tx, user_id: UserId) -> list[Row[tuple[object, ...]]]:
    """Return a person's factors as they are stored, in force or not."""
    return list(tx.execute(text("SELECT * FROM list_factors(:user)"), {"user": user_id}))


def add_factor(
    tx: Tx, user_id: UserId, factor_id: UUID, kind: FactorKind, label: str, clock: Clock, *,
    sealed: bytes, credential: bytes | None = None, counter: int = 0, is_confirmed: bool = False,
) -> None:  # fmt: skip
    """Store a factor."""
    tx.execute(
        text("SELECT add_factor(:id, :user, :kind, :label, :credential, :sealed, :counter, :at, :confirmed)"),
        {"id": factor_id, "user": user_id, "kind": kind.value, "label": label, "credential": credential,
         "sealed": sealed, "counter": counter, "at": clock.now(),
         "confirmed": clock.now() if is_confirmed else None},
    )  # fmt: skip


def checked_label(label: str) -> str:
    """Return the name of a factor. Raises FactorMalformed."""
    label = label.strip()
    if not 0 < len(label) <= _LABEL_LIMIT:
        raise FactorMalformed
    return label


def use_factor(tx: Tx, user_id: UserId, factor_id: UUID, counter: int, clock: Clock) -> bool:
    """Move a factor's counter up; False if it is there already, which means that its proof was used before."""
    values = {"user": user_id, "factor": factor_id, "counter": counter, "at": clock.now()}
    return bool(tx.scalar(text("SELECT use_factor(:user, :factor, :counter, :at)"), values))


def new_recovery_codes_for_first(tx: Tx, caller: Caller) -> tuple[str, ...]:
    """Return recovery codes if the caller has exactly one factor, just added, and no codes yet."""
    has_codes = count_recovery_codes(tx, caller.user_id) > 0
    return () if has_codes or len(list_factors(tx, caller.user_id)) > 1 else _new_recovery_codes(tx, caller)


def _new_recovery_codes(tx: Tx, caller: Caller) -> tuple[str, ...]:
    codes = tuple(_recovery_code() for _ in range(_RECOVERY_CODES))
    digests = [digest(_plain(code)) for code in codes]
    tx.execute(text("SELECT replace_recovery_codes(:user, :digests)"), {"user": caller.user_id, "digests": digests})
    audit.record(tx, caller.actor, Event.RECOVERY_CODES_REPLACED, subject=caller.user_id)
    return codes


def _recovery_code() -> str:
    signs = base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower()
    return "-".join(signs[at : at + _RECOVERY_GROUP] for at in range(0, len(signs), _RECOVERY_GROUP))


def _plain(code: str) -> str:
    return "".join(code.split()).replace("-", "").lower()


def _matches(tx: Tx, user_id: UserId, row: Row[tuple[object, ...]], code: str, sealer: Sealer, clock: Clock) -> bool:
    totp = pyotp.TOTP(_secret(tx, user_id, row, sealer))
    now = int(clock.now().timestamp()) // _STEP_SECONDS
    steps = (now + around for around in _STEPS_AROUND)
    step = next((step for step in steps if same(totp.generate_otp(step), _plain(code))), None)
    return step is not None and use_factor(tx, user_id, row.factor_id, step, clock)


def _waiting(tx: Tx, caller: Caller, factor_id: UUID) -> Row[tuple[object, ...]]:
    for row in rows_of(tx, caller.user_id):
        if row.factor_id == factor_id and row.kind == FactorKind.TOTP and row.confirmed_at is None:
            return row
    raise FactorNotFound


def _new(caller: Caller, factor_id: UUID, secret: str) -> NewTotp:
    uri = pyotp.TOTP(secret).provisioning_uri(name=caller.email, issuer_name=_ISSUER)
    return NewTotp(factor_id, secret, uri)


def _secret(tx: Tx, user_id: UserId, row: Row[tuple[object, ...]], sealer: Sealer) -> str:
    return sealer.unseal(tx, row.sealed, _place(user_id, row.factor_id)).decode()


def _place(user_id: UserId, factor_id: UUID) -> Place:
    return Place("second_factors", "seed", (user_id, factor_id))


def _remove(tx: Tx, user_id: UserId, factor_id: UUID) -> None:
    if not tx.scalar(text("SELECT remove_factor(:user, :factor)"), {"user": user_id, "factor": factor_id}):
        raise FactorNotFound
