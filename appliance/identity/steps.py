"""Half-finished proofs: a right password that waits for its second factor, a passkey that is being made or shown.

Each is named by a token whose digest alone is stored, carries a random challenge, lasts five minutes and five tries.
The token begins with what the step is for: one that was begun by an open browser is no right password.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import text

from appliance.identity.errors import SecondStepClosed
from appliance.identity.values import UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.sealing import digest

_LASTS = timedelta(minutes=5)
_TRIES = 5


class Purpose(StrEnum):
    """What is being proved."""

    SIGN_IN = "sign-in"
    CONFIRM = "confirm"
    PASSKEY = "passkey"


@dataclass(frozen=True)
class Step:
    """Whose step it is, and the challenge that a passkey must sign."""

    user_id: UserId
    challenge: bytes


def open_step(tx: Tx, user_id: UserId, purpose: Purpose, *, clock: Clock) -> tuple[str, bytes]:
    """Begin a step; return its token, which is stored nowhere, and its challenge."""
    token, challenge, now = f"{purpose}.{secrets.token_urlsafe(32)}", secrets.token_bytes(32), clock.now()
    tx.execute(
        text("SELECT open_challenge(:digest, :user, :nonce, :now, :expires)"),
        {"digest": digest(token), "user": user_id, "nonce": challenge, "now": now, "expires": now + _LASTS},
    )
    return token, challenge


def find_step(tx: Tx, token: str, purpose: Purpose, *, clock: Clock) -> Step:
    """Return an open step without counting a try. Raises SecondStepClosed."""
    _check(token, purpose)
    found = tx.execute(
        text("SELECT * FROM find_challenge(:digest, :now)"), {"digest": digest(token), "now": clock.now()}
    ).first()
    if found is None:
        raise SecondStepClosed
    return Step(UserId(found.user_id), bytes(found.nonce))


def try_step(db: Database, token: str, purpose: Purpose, *, clock: Clock) -> Step:
    """Count a try before it is judged, in a transaction of its own. Raises SecondStepClosed when none is left."""
    _check(token, purpose)
    with db.platform() as tx:
        tried = tx.execute(
            text("SELECT * FROM try_challenge(:digest, :now, :most)"),
            {"digest": digest(token), "now": clock.now(), "most": _TRIES},
        ).first()
    if tried is None:
        raise SecondStepClosed
    return Step(UserId(tried.user_id), bytes(tried.nonce))


def close_step(tx: Tx, token: str) -> bool:
    """End a step; False if it had ended already."""
    return bool(tx.scalar(text("SELECT close_challenge(:digest)"), {"digest": digest(token)}))


def _check(token: str, purpose: Purpose) -> None:
    if not token.startswith(f"{purpose}."):
        raise SecondStepClosed
