"""Where sealed values stand: a rotation walks each shelf in the order of its keys, and seals anew what it finds.

Rooms name their columns; a law compares them with the schema. A shelf that was walked to its end returns None.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import text

from appliance.audit import PLATFORM
from appliance.kernel.blobs import Blobs
from appliance.kernel.db import Database, Tx
from appliance.kernel.errors import StorageBroken
from appliance.kernel.ids import TenantId
from appliance.kernel.log import logger
from appliance.kernel.sealing import (
    IntegrityError,
    KeyDestroyed,
    Place,
    SealedColumn,
    head_under,
    is_first_format,
    is_under,
)
from appliance.vault.service import Vault

_FIELDS = {"totp": "seed", "passkey": "public_key"}
"""How a second factor's place calls what is sealed of it, by the factor's kind."""
log = logger("vault")


@dataclass(frozen=True)
class Walked:
    """How far a piece of work came: the last key it looked at, None at the end of the shelf; how many it looked at, and
    how many of them do not open.
    """

    reached: str | None
    looked_at: int
    damaged: int = 0


class Shelf(Protocol):
    """Something that sealed values stand in."""

    name: str

    def count(self, tenant_id: TenantId) -> int:
        """Return how many values there are, for the progress."""
        ...

    def has_first_format(self, tenant_id: TenantId) -> bool:
        """Return whether a value from before there were data keys is left."""
        ...

    def has_plain(self, tenant_id: TenantId) -> bool:
        """Return whether something is left that is to stand here and was not sealed yet."""
        ...

    def reseal(self, tenant_id: TenantId, after: str, *, most: int) -> Walked:
        """Seal the next values after a key anew, as far as they are not under the data key in force."""
        ...


class ColumnShelf:
    """A column of a tenant's table."""

    def __init__(self, db: Database, vault: Vault, column: SealedColumn) -> None:
        self.name = f"{column.table}.{column.field}"
        self._db, self._vault, self._column = db, vault, column
        table, field, keys = column.table, column.field, ", ".join(column.key)
        names = ", ".join((*column.key, *column.bound))
        ours = f"FROM {table} WHERE tenant_id = :tenant AND {field} IS NOT NULL"
        behind = f"AND ({keys}) > ({', '.join(map(_bound, range(len(column.key)), column.types))})"
        page = f"ORDER BY {keys} LIMIT :most FOR UPDATE"
        wanted = " AND ".join(f"{name} = :k{at}" for at, name in enumerate(column.key))
        # The names are ours, from the rooms' code; values are bound.
        self._count = text(f"SELECT count(*) {ours}")
        self._old = text(f"SELECT 1 {ours} AND substring({field} for 1) = '\\x01'::bytea LIMIT 1")
        # Only what is to be sealed anew is read and locked: a walk through what is done costs a look at each value's head.
        old = f"AND substring({field} for :head) <> :under"
        self._first = text(f"SELECT {field}, {names} {ours} {old} {page}")
        self._next = text(f"SELECT {field}, {names} {ours} {old} {behind} {page}")
        self._put = text(f"UPDATE {table} SET {field} = :sealed WHERE tenant_id = :tenant AND {wanted}")  # noqa: S608 - names of our own columns
        self._plain = text(f"SELECT 1 FROM {table} WHERE tenant_id = :tenant AND {column.plain} <> '' LIMIT 1")  # noqa: S608 - names of our own columns

    def count(self, tenant_id: TenantId) -> int:
        with self._db.tenant(tenant_id) as tx:
            return int(tx.scalar(self._count, {"tenant": tenant_id}) or 0)

    def has_first_format(self, tenant_id: TenantId) -> bool:
        with self._db.tenant(tenant_id) as tx:
            return tx.execute(self._old, {"tenant": tenant_id}).first() is not None

    def has_plain(self, tenant_id: TenantId) -> bool:
        if self._column.plain is None:
            return False
        with self._db.tenant(tenant_id) as tx:
            return tx.execute(self._plain, {"tenant": tenant_id}).first() is not None

    def reseal(self, tenant_id: TenantId, after: str, *, most: int) -> Walked:
        with self._db.tenant(tenant_id) as tx:
            under = head_under(self._vault.version_in_force(tx))
            behind = {f"c{at}": one for at, one in enumerate(json.loads(after))} if after else {}
            statement = self._next if after else self._first
            bound = {"tenant": tenant_id, "most": most, "under": under, "head": len(under)} | behind
            rows = tx.execute(statement, bound).all()
            damaged = sum(not self._reseal(tx, sealed, row) for sealed, *row in rows)
        last = rows[-1][1 : 1 + len(self._column.key)] if len(rows) == most else None
        return Walked(None if last is None else _written(last), len(rows), damaged)

    def _reseal(self, tx: Tx, sealed: bytes, row: list[Any]) -> bool:
        anew = _anew(tx, self._vault, sealed, self._column.place(*row))
        if anew is not None:
            bound = {f"k{at}": one for at, one in enumerate(row[: len(self._column.key)])}
            tx.execute(self._put, {"sealed": anew, "tenant": tx.tenant_id} | bound)
        return anew is not None


class PlatformShelf(ColumnShelf):
    """A column of the platform's alone: no organisation has a row in it, nor need the app's role read it for one."""

    def count(self, tenant_id: TenantId) -> int:
        return super().count(tenant_id) if tenant_id == PLATFORM else 0

    def has_first_format(self, tenant_id: TenantId) -> bool:
        return tenant_id == PLATFORM and super().has_first_format(tenant_id)

    def has_plain(self, tenant_id: TenantId) -> bool:
        return tenant_id == PLATFORM and super().has_plain(tenant_id)

    def reseal(self, tenant_id: TenantId, after: str, *, most: int) -> Walked:
        return super().reseal(tenant_id, after, most=most) if tenant_id == PLATFORM else Walked(None, 0, 0)


class FactorShelf:
    """What proves people's second factors. It belongs to the platform, and is reached by its doors alone."""

    name = "second_factors.sealed"

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db, self._vault = db, vault

    def count(self, tenant_id: TenantId) -> int:
        if tenant_id != PLATFORM:
            return 0
        with self._db.tenant(tenant_id) as tx:
            return int(tx.scalar(text("SELECT count_sealed_factors()")) or 0)

    def has_first_format(self, tenant_id: TenantId) -> bool:
        if tenant_id != PLATFORM:
            return False
        with self._db.tenant(tenant_id) as tx:
            rows = tx.execute(text("SELECT sealed FROM list_sealed_factors(:after, NULL)"), {"after": UUID(int=0)})
            return any(is_first_format(sealed) for (sealed,) in rows)

    def has_plain(self, tenant_id: TenantId) -> bool:  # noqa: ARG002 - nothing was ever kept unsealed here
        return False

    def reseal(self, tenant_id: TenantId, after: str, *, most: int) -> Walked:
        if tenant_id != PLATFORM:
            return Walked(None, 0)
        with self._db.tenant(tenant_id) as tx:
            found = text("SELECT * FROM list_sealed_factors(:after, :most)")
            rows = tx.execute(found, {"after": UUID(after) if after else UUID(int=0), "most": most}).all()
            version, damaged = self._vault.version_in_force(tx), 0
            for factor_id, user_id, kind, sealed in rows:
                if is_under(sealed, version):
                    continue
                anew = _anew(tx, self._vault, sealed, Place("second_factors", _FIELDS[kind], (user_id, factor_id)))
                if anew is None:
                    damaged += 1
                    continue
                tx.execute(text("SELECT reseal_factor(:id, :old, :new)"), {"id": factor_id, "old": sealed, "new": anew})
        return Walked(str(rows[-1][0]) if len(rows) == most else None, len(rows), damaged)


class FileShelf:
    """The organisation's stored files."""

    name = "files"

    def __init__(self, db: Database, vault: Vault, blobs: Blobs, *, named: Callable[[Tx], set[UUID]]) -> None:
        """`named` returns the files that rows name: one that is away counts as one that does not open."""
        self._db, self._vault, self._blobs, self._named = db, vault, blobs, named

    def count(self, tenant_id: TenantId) -> int:
        return sum(1 for _ in self._blobs.every(tenant_id))

    def has_first_format(self, tenant_id: TenantId) -> bool:
        return any(is_first_format(self._blobs.head(tenant_id, _id(one))) for one in self._blobs.every(tenant_id))

    def has_plain(self, tenant_id: TenantId) -> bool:  # noqa: ARG002 - nothing was ever kept unsealed here
        return False

    def reseal(self, tenant_id: TenantId, after: str, *, most: int) -> Walked:
        version = self._vault.version_for_files(tenant_id)
        names = list(islice(self._blobs.every(tenant_id, after=after), most))
        damaged = 0
        for one in names:
            try:
                self._blobs.reseal(tenant_id, _id(one), version=version)
            except (IntegrityError, KeyDestroyed, StorageBroken) as error:
                damaged += 1
                log.warning("does_not_open", shelf=self.name, file=one, code=error.code)
        if len(names) == most:
            return Walked(names[-1], len(names), damaged)
        return Walked(None, len(names), damaged + self._away(tenant_id))

    def _away(self, tenant_id: TenantId) -> int:
        with self._db.tenant(tenant_id) as tx:
            named = self._named(tx)
        away = {one for one in named if not self._blobs.has(tenant_id, one)}
        if away:  # less what was deleted meanwhile
            with self._db.tenant(tenant_id) as tx:
                away &= self._named(tx)
        for one in away:
            log.warning("does_not_open", shelf=self.name, file=str(one), code="blob_missing")
        return len(away)


def _anew(tx: Tx, vault: Vault, sealed: bytes, place: Place) -> bytes | None:
    """Return a value sealed under the key in force, or None for one that does not open: it stays as it is."""
    try:
        plaintext = vault.unseal(tx, sealed, place)
    except (IntegrityError, KeyDestroyed) as error:
        log.warning("does_not_open", shelf=f"{place.table}.{place.field}", code=error.code)
        return None
    return vault.seal(tx, plaintext, place)


def _id(name: str) -> UUID:
    return UUID(name.rpartition("/")[2])


def _bound(at: int, kind: str) -> str:
    return f"decode(:c{at}, 'hex')" if kind == "bytea" else f"CAST(:c{at} AS {kind})"


def _written(key: Sequence[Any]) -> str:
    return json.dumps([one.hex() if isinstance(one, bytes) else str(one) for one in key])
