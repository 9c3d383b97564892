"""How an organisation's people sign in: how long sessions last, how many there may be, from where, and with what.

A policy narrows what the host's settings allow, and counts at once, for sessions that are open too. It is for people:
tokens of programs have an end and networks of their own. Whoever would lock themselves out is refused; the console, which
comes from nowhere, can always change it.
"""

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import text

from appliance import audit
from appliance.audit import Event
from appliance.identity.entry_errors import NetworksLockOut, NetworksMalformed, PolicyBeyond
from appliance.identity.errors import TokenLimitMalformed
from appliance.identity.limits import checked, is_from
from appliance.identity.permissions import Permission, require, require_granted
from appliance.identity.tables import PolicyRow
from appliance.identity.values import Caller, TokenLimits
from appliance.kernel.db import Tx, in_turn

PROOF_LASTS: Final = timedelta(minutes=10)
MOST_NETWORKS: Final = 100
_LEAST_LIFETIME, _LONGEST_PROOF, _MOST_SESSIONS = 5, 60, 100
_BEYOND = text(
    """DELETE FROM sessions s USING (
         SELECT digest, row_number() OVER (PARTITION BY user_id ORDER BY created_at DESC, digest) AS place
         FROM sessions WHERE tenant_id = :tenant
       ) AS o
       WHERE s.tenant_id = :tenant AND s.digest = o.digest AND o.place > :most RETURNING s.user_id"""
)


@dataclass(frozen=True)
class SessionPolicy:
    """What an organisation asks of its people's sessions; None and nothing leave it to the host.

    `proof_minutes`: how long a proof of who one is lasts for sensitive steps. `most_sessions`: of one more, the oldest ends.
    `needs_second_factor` is for those who sign in by password.
    """

    idle_minutes: int | None = None
    lifetime_minutes: int | None = None
    proof_minutes: int | None = None
    most_sessions: int | None = None
    networks: tuple[str, ...] = ()
    needs_second_factor: bool = False


@dataclass(frozen=True)
class Bounds:
    """What the host's settings allow at most, in minutes."""

    idle: int
    lifetime: int


def get_policy(tx: Tx, caller: Caller) -> SessionPolicy:
    """Return what is in force. Whoever may change it may see it."""
    require_granted(caller, Permission.SETTINGS_CHANGE)
    return policy_of(tx)


def policy_of(tx: Tx) -> SessionPolicy:
    """Return what is in force. Asking for permission is the caller's part."""
    row = tx.get(PolicyRow, tx.tenant_id)
    if row is None:
        return SessionPolicy()
    return SessionPolicy(
        row.idle_minutes, row.lifetime_minutes, row.proof_minutes, row.most_sessions, tuple(row.networks),
        row.needs_second_factor,
    )  # fmt: skip


def change_policy(tx: Tx, caller: Caller, policy: SessionPolicy, *, bounds: Bounds) -> SessionPolicy:
    """Change it, for sessions that are open too. Raises PolicyBeyond, NetworksMalformed, NetworksLockOut."""
    require(caller, Permission.SETTINGS_CHANGE)
    in_turn(tx, "session-policy")
    _check(policy, bounds)
    networks = _networks(policy.networks)
    if networks and caller.address is not None and not is_from(networks, caller.address):
        raise NetworksLockOut(address=caller.address)
    before, after = policy_of(tx), SessionPolicy(**(asdict(policy) | {"networks": networks}))
    tx.merge(PolicyRow(tenant_id=tx.tenant_id, **(asdict(after) | {"networks": list(networks)})))
    tx.flush()
    ended = keep_within(tx, after.most_sessions) if after.most_sessions else 0
    audit.record(tx, caller.actor, Event.SESSION_POLICY_CHANGED, subject=tx.tenant_id, ended=ended,
                 **_facts(before, "_before"), **_facts(after, ""))  # fmt: skip
    return after


def keep_within(tx: Tx, most: int) -> int:
    """End everybody's oldest sessions beyond so many; return how many ended."""
    return len(tx.execute(_BEYOND, {"tenant": tx.tenant_id, "most": most}).all())


def _check(policy: SessionPolicy, bounds: Bounds) -> None:
    allowed = (
        (policy.idle_minutes, 1, bounds.idle),
        (policy.lifetime_minutes, _LEAST_LIFETIME, bounds.lifetime),
        (policy.proof_minutes, 1, _LONGEST_PROOF),
        (policy.most_sessions, 1, _MOST_SESSIONS),
    )
    if any(given is not None and not least <= given <= most for given, least, most in allowed):
        raise PolicyBeyond(idle=bounds.idle, lifetime=bounds.lifetime)


def _networks(entries: tuple[str, ...]) -> tuple[str, ...]:
    if len(entries) > MOST_NETWORKS:
        raise NetworksMalformed(entry=entries[MOST_NETWORKS][:60])
    try:
        return checked(TokenLimits(networks=entries)).networks
    except TokenLimitMalformed as error:
        raise NetworksMalformed(**error.facts) from None


def _facts(policy: SessionPolicy, ending: str) -> dict[str, Any]:
    return {
        f"{name}{ending}": " ".join(value) if isinstance(value, tuple) else "" if value is None else int(value)
        for name, value in asdict(policy).items()
    }
