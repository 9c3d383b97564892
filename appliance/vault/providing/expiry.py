"""Keys that end soon: people are reminded once of each, in the log, on the page and, where a mail server is set, by mail."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import update

from appliance import audit
from appliance.audit import Actor, ActorKind, Event
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.vault.providing.lending import own_keys
from appliance.vault.providing.tables import ProviderKeyRow, ProviderRow
from appliance.vault.providing.values import ModelProvider, OwnKeys, ProviderKey

AHEAD: Final = timedelta(days=14)


@dataclass(frozen=True)
class Ending:
    """A key that ends soon, or has ended."""

    provider: str
    label: str
    last_four: str
    expires_at: datetime


def remind(tx: Tx, *, clock: Clock) -> list[Ending]:
    """Record, and return, the keys of this tenant that end within two weeks and that nobody was reminded of yet.

    None while it may use no keys of its own: they could not be replaced.
    """
    if own_keys(tx) is OwnKeys.FORBIDDEN:
        return []
    now = clock.now()
    found = tx.execute(
        update(ProviderKeyRow)
        .where(
            ProviderKeyRow.tenant_id == tx.tenant_id,
            ProviderKeyRow.expires_at <= now + AHEAD,
            ProviderKeyRow.reminded_at.is_(None),
            ProviderKeyRow.revoked_at.is_(None),
            ProviderRow.tenant_id == ProviderKeyRow.tenant_id,
            ProviderRow.provider_id == ProviderKeyRow.provider_id,
        )
        .values(reminded_at=now)
        .returning(
            ProviderKeyRow.key_id, ProviderKeyRow.label, ProviderKeyRow.last_four, ProviderKeyRow.fingerprint,
            ProviderKeyRow.expires_at, ProviderRow.name,
        )
    ).all()  # fmt: skip
    for one in found:
        audit.record(tx, Actor(ActorKind.SYSTEM), Event.PROVIDER_KEY_EXPIRING, subject=one.key_id,
                     fingerprint=one.fingerprint, expires_at=one.expires_at.isoformat())  # fmt: skip
    return [Ending(one.name, one.label, one.last_four, one.expires_at) for one in found if one.expires_at is not None]


def ending(provider: ModelProvider, now: datetime) -> list[ProviderKey]:
    """Return the keys of a provider that end within two weeks, or have ended, and were not revoked."""
    return [
        one for one in provider.keys
        if one.revoked_at is None and one.expires_at is not None and one.expires_at <= now + AHEAD
    ]  # fmt: skip
