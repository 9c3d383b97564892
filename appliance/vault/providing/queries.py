"""What is shown of providers and keys: everything but the keys."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text

from appliance import identity
from appliance.audit import PLATFORM
from appliance.identity import Caller, Permission
from appliance.kernel.db import Tx
from appliance.vault.providing.errors import ProviderKeyNotFound, ProviderNotFound
from appliance.vault.providing.lending import own_keys, shared_providers
from appliance.vault.providing.tables import ProviderKeyRow, ProviderRow
from appliance.vault.providing.values import (
    ModelProvider,
    OwnKeys,
    ProviderId,
    ProviderKey,
    ProviderKeyId,
    ProviderKind,
)

_SHARED_USES = text("SELECT * FROM shared_key_uses(:keys)")
_OWN_USES = text(
    "SELECT key_id, sum(uses) AS uses, max(last_used_at) AS last_used_at, max(last_error_at) AS last_error_at,"
    " (array_agg(last_error ORDER BY last_error_at DESC NULLS LAST))[1] AS last_error"
    " FROM provider_key_uses WHERE tenant_id = :tenant AND key_id = ANY(:keys) GROUP BY key_id"
)


def list_providers(tx: Tx, caller: Caller) -> list[ModelProvider]:
    """Return the organisation's providers by name, those in force first in each; then the shared ones open to it.

    Of a shared provider an organisation sees no key. The platform's operators see the shared ones alone, with theirs.
    """
    identity.require_granted(caller, Permission.PROVIDER_READ)
    return all_providers(tx)


def all_providers(tx: Tx) -> list[ModelProvider]:
    """Return them in that order. Asking for permission is the caller's part."""
    rows = tx.scalars(
        select(ProviderRow)
        .where(ProviderRow.tenant_id == tx.tenant_id, ProviderRow.removed_at.is_(None))
        .order_by(ProviderRow.name)
    ).all()
    found = _with_keys(tx, rows)
    if tx.tenant_id != PLATFORM and own_keys(tx) is not OwnKeys.REQUIRED:
        found += shared_providers(tx)
    return found


def get_provider(tx: Tx, caller: Caller, provider_id: UUID) -> ModelProvider:
    """Return one of the organisation's own providers. Raises ProviderNotFound."""
    identity.require_granted(caller, Permission.PROVIDER_READ)
    row = tx.scalars(
        select(ProviderRow).where(
            ProviderRow.tenant_id == tx.tenant_id,
            ProviderRow.provider_id == provider_id,
            ProviderRow.removed_at.is_(None),
        )
    ).one_or_none()
    if row is None:
        raise ProviderNotFound
    return _with_keys(tx, [row])[0]


def find_provider(tx: Tx, provider_id: UUID) -> ModelProvider | None:
    """Return a provider that the organisation may call, its own or a shared one, without keys; None if there is none.

    Asking for permission is the caller's part.
    """
    row = tx.get(ProviderRow, (tx.tenant_id, provider_id))
    if row is not None and row.removed_at is None:
        return ModelProvider(
            ProviderId(row.provider_id), row.name, ProviderKind(row.kind), row.base_url, row.region, False
        )
    if tx.tenant_id == PLATFORM or own_keys(tx) is OwnKeys.REQUIRED:
        return None
    return next((one for one in shared_providers(tx) if one.provider_id == provider_id), None)


def get_key(provider: ModelProvider, key_id: UUID) -> ProviderKey:
    """Return one of a provider's keys. Raises ProviderKeyNotFound."""
    for one in provider.keys:
        if one.key_id == key_id:
            return one
    raise ProviderKeyNotFound


def _with_keys(tx: Tx, rows: Sequence[ProviderRow]) -> list[ModelProvider]:
    wanted = [row.provider_id for row in rows]
    keys = tx.scalars(
        select(ProviderKeyRow)
        .where(ProviderKeyRow.tenant_id == tx.tenant_id, ProviderKeyRow.provider_id.in_(wanted))
        .order_by(ProviderKeyRow.revoked_at.is_not(None), ProviderKeyRow.key_id)
    ).all()
    uses = _uses(tx, [key.key_id for key in keys])
    by_provider: dict[UUID, list[ProviderKey]] = {}
    for key in keys:
        by_provider.setdefault(key.provider_id, []).append(_with_use(_key(key), uses))
    is_shared = tx.tenant_id == PLATFORM
    return [
        ModelProvider(ProviderId(row.provider_id), row.name, ProviderKind(row.kind), row.base_url, row.region, is_shared,
                      tuple(by_provider.get(row.provider_id, ())))
        for row in rows
    ]  # fmt: skip


def _uses(tx: Tx, keys: Iterable[UUID]) -> dict[UUID, Row[Any]]:
    """Return the uses of each key that was used: by the organisation, or of a shared one by all of them."""
    wanted = {"keys": list(keys)}
    if not wanted["keys"]:
        return {}
    if tx.tenant_id == PLATFORM:
        rows = tx.execute(_SHARED_USES, wanted).all()
    else:
        rows = tx.execute(_OWN_USES, wanted | {"tenant": tx.tenant_id}).all()
    return {row.key_id: row for row in rows}


def _with_use(key: ProviderKey, uses: dict[UUID, Row[Any]]) -> ProviderKey:
    use = uses.get(key.key_id)
    if use is None:
        return key
    return replace(
        key,
        uses=int(use.uses),
        last_used_at=use.last_used_at,
        last_error=use.last_error,
        last_error_at=use.last_error_at,
    )


def _key(row: ProviderKeyRow) -> ProviderKey:
    return ProviderKey(
        ProviderKeyId(row.key_id), row.label, row.weight, row.last_four, row.fingerprint, row.created_by, row.created_at,
        row.expires_at, None, 0, None, row.revoked_at, row.checked_at, row.check_code,
    )  # fmt: skip
