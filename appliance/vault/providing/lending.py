"""Lending a key for one call, inside the transaction that admits it.

The database is asked each time, so that a key which was revoked is refused from the next call on, in every process.
An organisation's transaction reaches the platform's keys by a door that takes a provider's name and returns one key,
sealed; it cannot list them.
"""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace, TracebackType
from typing import Any, Self
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert

from appliance.audit import PLATFORM
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.errors import Refusal
from appliance.kernel.questions import Question, ask
from appliance.kernel.rows import from_hex
from appliance.kernel.secret import Secret
from appliance.vault.providing.envelope import open_key
from appliance.vault.providing.errors import NoProviderKey, OwnKeysForbidden, OwnKeysRequired, ProviderNotFound
from appliance.vault.providing.tables import KeyUseRow, ProviderRow, RuleRow
from appliance.vault.providing.values import Lent, ModelProvider, OwnKeys, ProviderId, ProviderKeyId, ProviderKind
from appliance.vault.service import Vault

_SHARED = text("SELECT * FROM lend_shared_key(:name, :now)")
_SHARED_NAMES = text("SELECT * FROM shared_providers()")
_SLOTS = 8
_LONGEST_CODE = 64


def lend(tx: Tx, vault: Vault, name: str, *, clock: Clock) -> Lent:
    """Return one of the provider's keys in force, as a `Lender` does. Raises what it raises."""
    with Lender(tx, vault, clock=clock) as lender:
        return lender.lend(name)


class Lender:
    """Lends keys to the calls of one transaction: a provider is read once, a key opened once, and uses are counted at the end.

    Each call has a copy of its own to wipe; those here are wiped when the lender is left.
    """

    def __init__(self, tx: Tx, vault: Vault, *, clock: Clock) -> None:
        self._tx, self._vault, self._now = tx, vault, clock.now()
        self._rows: dict[str, Sequence[Any]] = {}
        self._drawers: dict[str, _Drawer | Refusal] = {}
        self._secrets: dict[UUID, Secret] = {}
        self._uses: Counter[UUID] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for secret in self._secrets.values():
            secret.wipe()
        if error is None:
            ask(self._tx, *self.counted())

    def asked(self, names: Iterable[str]) -> list[Question[None]]:
        """Return the questions after these providers' keys; once they are answered, their keys can be lent."""
        return [self._vault.asking(self._tx), *(self._asked(name) for name in sorted(set(names) - set(self._drawers)))]

    def counted(self) -> list[Question[None]]:
        """Return what counts the uses, once."""
        uses = {key_id: count for key_id, count in sorted(self._uses.items()) if count}
        self._uses.clear()
        values = (list(uses), list(uses.values()), _SLOTS, self._now)
        return [Question("count_key_uses(uuid[], bigint[], integer, timestamptz)", values, lambda _: None)] if uses else []

    def lend(self, name: str) -> Lent:
        """Return one of the provider's keys in force, by weight, and count the use.

        The organisation's own provider of this name, or the platform's shared one, as the operators' rule says. Raises
        ProviderNotFound, NoProviderKey, OwnKeysForbidden, OwnKeysRequired, and what opening raises.
        """
        drawer = self._drawer(name)
        key = _drawn(drawer.keys)
        if key.key_id not in self._secrets:
            self._secrets[key.key_id] = open_key(self._tx, drawer.vault, key.key_id, key.sealed, drawer.provider)
        self._uses[key.key_id] += 1
        copy = Secret(bytearray(self._secrets[key.key_id].content))
        return Lent(drawer.provider, ProviderKeyId(key.key_id), key.fingerprint, copy)

    def find(self, name: str) -> ModelProvider:
        """Return the provider whose keys are lent; none is opened, and no use counted. Raises as `lend` does."""
        return self._drawer(name).provider

    def give_back(self, lent: Lent) -> None:
        """Take a key back that was not used after all: the call was refused."""
        lent.secret.wipe()
        self._uses[lent.key_id] -= 1

    def _drawer(self, name: str) -> "_Drawer":
        if name not in self._rows:
            ask(self._tx, self._asked(name))
        drawer = self._drawers.get(name)
        if drawer is None:
            drawer = self._drawers[name] = self._read(name)
        if isinstance(drawer, Refusal):
            raise drawer.with_traceback(None)
        return drawer

    def _asked(self, name: str) -> Question[None]:
        def read(rows: Sequence[dict[str, Any]]) -> None:
            self._rows[name] = [_own_row(row) for row in rows]

        return Question("own_provider(text, timestamptz)", (name, self._now), read)

    def _read(self, name: str) -> "_Drawer | Refusal":
        rows = self._rows[name]
        rule = _rule_of(self._tx, rows[0].own_keys)
        has_own = rows[0].provider_id is not None
        try:
            if has_own and rule is not OwnKeys.FORBIDDEN:
                return _own_drawer(self._tx, self._vault, rows)
            return _shared_drawer(self._tx, self._vault, name, self._now, rule, has_own=has_own)
        except (NoProviderKey, OwnKeysForbidden, OwnKeysRequired, ProviderNotFound) as refusal:
            return refusal


@dataclass(frozen=True)
class _Key:
    key_id: UUID
    fingerprint: str
    weight: int
    sealed: bytes


@dataclass(frozen=True)
class _Drawer:
    """A provider's keys in force, and the vault that opens them."""

    provider: ModelProvider
    keys: tuple[_Key, ...]
    vault: Vault


def _own_row(found: dict[str, Any]) -> SimpleNamespace:
    """Return a row that came within JSON as if it had not."""
    ids = {name: found[name] and UUID(found[name]) for name in ("provider_id", "key_id")}
    return SimpleNamespace(**found | ids | {"sealed": found["sealed"] and from_hex(found["sealed"])})


def _rule_of(tx: Tx, said: str | None) -> OwnKeys:
    return OwnKeys.ALLOWED if said is None or tx.tenant_id == PLATFORM else OwnKeys(said)


def _drawn(keys: Sequence[_Key]) -> _Key:
    """Return one by weight: the least of these is."""
    return min(keys, key=lambda key: random.expovariate(key.weight)) if len(keys) > 1 else keys[0]


def find_lender(tx: Tx, vault: Vault, name: str, *, clock: Clock) -> ModelProvider:
    """Return the provider of which `lend` would lend a key now. No key is opened, and no use counted.

    Raises ProviderNotFound, NoProviderKey, OwnKeysForbidden, OwnKeysRequired.
    """
    with Lender(tx, vault, clock=clock) as lender:
        return lender.find(name)


def note_error(tx: Tx, key_id: UUID, code: str, *, clock: Clock) -> None:
    """Keep what went wrong with a key last: a refusal's code, never a text of the provider's."""
    values = {"last_error": code[:_LONGEST_CODE], "last_error_at": clock.now()}
    row = insert(KeyUseRow).values(tenant_id=tx.tenant_id, key_id=key_id, slot=_slot(), uses=0, **values)
    tx.execute(row.on_conflict_do_update(index_elements=["tenant_id", "key_id", "slot"], set_=values))


def own_keys(tx: Tx) -> OwnKeys:
    """Return whether the organisation of this transaction may use its own keys; where nothing was said, it may."""
    return _rule_of(tx, tx.scalar(select(RuleRow.own_keys).where(RuleRow.tenant_id == tx.tenant_id)))


def shared_providers(tx: Tx) -> list[ModelProvider]:
    """Return the platform's providers as an organisation may know them, by name."""
    return [_provider(row, is_shared=True) for row in tx.execute(_SHARED_NAMES)]


def _own_drawer(tx: Tx, vault: Vault, rows: Sequence[Any]) -> _Drawer:
    keys = tuple(_Key(row.key_id, row.fingerprint, row.weight, row.sealed) for row in rows if row.sealed is not None)
    if not keys:
        raise NoProviderKey(name=rows[0].name)
    return _Drawer(_provider(rows[0], is_shared=tx.tenant_id == PLATFORM), keys, vault)


def _shared_drawer(tx: Tx, vault: Vault, name: str, now: datetime, rule: OwnKeys, *, has_own: bool) -> _Drawer:
    if rule is OwnKeys.REQUIRED:
        if any(one.name == name for one in shared_providers(tx)):
            raise OwnKeysRequired(name=name)
        raise ProviderNotFound
    row = tx.execute(_SHARED, {"name": name, "now": now}).one_or_none()
    if row is None:
        raise OwnKeysForbidden if has_own else ProviderNotFound
    if row.key_id is None:
        raise NoProviderKey(name=name)
    # The door draws by weight and hands over the one that it drew; it lists none.
    drawn = _Key(row.key_id, row.fingerprint, 1, row.sealed)
    return _Drawer(_provider(row, is_shared=True), (drawn,), vault.platform)


def _slot() -> object:
    return func.mod(func.pg_backend_pid(), _SLOTS)


def _provider(row: object, *, is_shared: bool) -> ModelProvider:
    found: ProviderRow = row  # type: ignore[assignment]  # or a door's row of the same columns
    return ModelProvider(
        ProviderId(found.provider_id), found.name, ProviderKind(found.kind), found.base_url, found.region, is_shared
    )
