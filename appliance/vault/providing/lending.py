"""Lending a key for one call, inside the transaction that admits it.

The database is asked each time, so that a key which was revoked is refused from the next call on, in every process.
An organisation's transaction reaches the platform's keys by a door that takes a provider's name and returns one key,
sealed; it cannot list them.
"""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Row, func, select, text
from sqlalchemy.dialects.postgresql import insert

from appliance.audit import PLATFORM
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.vault.providing.envelope import open_key
from appliance.vault.providing.errors import NoProviderKey, OwnKeysForbidden, OwnKeysRequired, ProviderNotFound
from appliance.vault.providing.tables import KeyUseRow, ProviderKeyRow, ProviderRow, RuleRow
from appliance.vault.providing.values import Lent, ModelProvider, OwnKeys, ProviderId, ProviderKeyId, ProviderKind
from appliance.vault.service import Vault

_SHARED = text("SELECT * FROM lend_shared_key(:name, :now)")
_SHARED_NAMES = text("SELECT * FROM shared_providers()")
_SLOTS = 8
_LONGEST_CODE = 64


def lend(tx: Tx, vault: Vault, name: str, *, clock: Clock) -> Lent:
    """Return one of the provider's keys in force, by weight, and count the use.

    The organisation's own provider of this name, or the platform's shared one, as the operators' rule says. Raises
    ProviderNotFound, NoProviderKey, OwnKeysForbidden, OwnKeysRequired, and what opening raises.
    """
    rule, now = own_keys(tx), clock.now()
    own = _find_own(tx, name)
    if own is not None and rule is not OwnKeys.FORBIDDEN:
        lent = _lend_own(tx, vault, own, now)
    else:
        lent = _lend_shared(tx, vault, name, now, rule, has_own=own is not None)
    _count(tx, lent.key_id, now)
    return lent


def find_lender(tx: Tx, name: str, *, clock: Clock) -> ModelProvider:
    """Return the provider of which `lend` would lend a key now. No key is opened, and no use counted.

    Raises ProviderNotFound, NoProviderKey, OwnKeysForbidden, OwnKeysRequired.
    """
    rule, now = own_keys(tx), clock.now()
    own = _find_own(tx, name)
    if own is not None and rule is not OwnKeys.FORBIDDEN:
        _drawn(tx, own, now)
        return _provider(own, is_shared=tx.tenant_id == PLATFORM)
    return _provider(_drawn_shared(tx, name, now, rule, has_own=own is not None), is_shared=True)


def note_error(tx: Tx, key_id: UUID, code: str, *, clock: Clock) -> None:
    """Keep what went wrong with a key last: a refusal's code, never a text of the provider's."""
    values = {"last_error": code[:_LONGEST_CODE], "last_error_at": clock.now()}
    row = insert(KeyUseRow).values(tenant_id=tx.tenant_id, key_id=key_id, slot=_slot(), uses=0, **values)
    tx.execute(row.on_conflict_do_update(index_elements=["tenant_id", "key_id", "slot"], set_=values))


def own_keys(tx: Tx) -> OwnKeys:
    """Return whether the organisation of this transaction may use its own keys; where nothing was said, it may."""
    if tx.tenant_id == PLATFORM:
        return OwnKeys.ALLOWED
    said = tx.scalar(select(RuleRow.own_keys).where(RuleRow.tenant_id == tx.tenant_id))
    return OwnKeys.ALLOWED if said is None else OwnKeys(said)


def shared_providers(tx: Tx) -> list[ModelProvider]:
    """Return the platform's providers as an organisation may know them, by name."""
    return [_provider(row, is_shared=True) for row in tx.execute(_SHARED_NAMES)]


def _find_own(tx: Tx, name: str) -> ProviderRow | None:
    return tx.scalars(
        select(ProviderRow).where(
            ProviderRow.tenant_id == tx.tenant_id, ProviderRow.name == name, ProviderRow.removed_at.is_(None)
        )
    ).one_or_none()


def _lend_own(tx: Tx, vault: Vault, provider: ProviderRow, now: datetime) -> Lent:
    chosen = _drawn(tx, provider, now)
    secret = open_key(tx, vault, chosen.key_id, chosen.sealed, provider)
    found = _provider(provider, is_shared=tx.tenant_id == PLATFORM)
    return Lent(found, ProviderKeyId(chosen.key_id), chosen.fingerprint, secret)


def _drawn(tx: Tx, provider: ProviderRow, now: datetime) -> Row[Any]:
    chosen = tx.execute(
        select(ProviderKeyRow.key_id, ProviderKeyRow.fingerprint, ProviderKeyRow.sealed)
        .where(
            ProviderKeyRow.tenant_id == tx.tenant_id,
            ProviderKeyRow.provider_id == provider.provider_id,
            ProviderKeyRow.revoked_at.is_(None),
            ProviderKeyRow.expires_at.is_(None) | (ProviderKeyRow.expires_at > now),
        )
        .order_by(-func.ln(1 - func.random()) / ProviderKeyRow.weight)  # the least of these is drawn by weight
        .limit(1)
    ).one_or_none()
    if chosen is None or chosen.sealed is None:
        raise NoProviderKey(name=provider.name)
    return cast("Row[Any]", chosen)


def _lend_shared(tx: Tx, vault: Vault, name: str, now: datetime, rule: OwnKeys, *, has_own: bool) -> Lent:
    row = _drawn_shared(tx, name, now, rule, has_own=has_own)
    provider = _provider(row, is_shared=True)
    secret = open_key(tx, vault.platform, row.key_id, row.sealed, provider)
    return Lent(provider, ProviderKeyId(row.key_id), row.fingerprint, secret)


def _drawn_shared(tx: Tx, name: str, now: datetime, rule: OwnKeys, *, has_own: bool) -> Row[Any]:
    if rule is OwnKeys.REQUIRED:
        if any(one.name == name for one in shared_providers(tx)):
            raise OwnKeysRequired(name=name)
        raise ProviderNotFound
    row = tx.execute(_SHARED, {"name": name, "now": now}).one_or_none()
    if row is None:
        raise OwnKeysForbidden if has_own else ProviderNotFound
    if row.key_id is None:
        raise NoProviderKey(name=name)
    return row


def _count(tx: Tx, key_id: UUID, now: datetime) -> None:
    row = insert(KeyUseRow).values(tenant_id=tx.tenant_id, key_id=key_id, slot=_slot(), uses=1, last_used_at=now)
    counted = {"uses": KeyUseRow.uses + 1, "last_used_at": now}
    tx.execute(row.on_conflict_do_update(index_elements=["tenant_id", "key_id", "slot"], set_=counted))


def _slot() -> object:
    return func.mod(func.pg_backend_pid(), _SLOTS)


def _provider(row: object, *, is_shared: bool) -> ModelProvider:
    found: ProviderRow = row  # type: ignore[assignment]  # or a door's row of the same columns
    return ModelProvider(
        ProviderId(found.provider_id), found.name, ProviderKind(found.kind), found.base_url, found.region, is_shared
    )
