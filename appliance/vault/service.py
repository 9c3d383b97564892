"""The vault: seals what stands in rows and files under the data key of its organisation.

Every look asks Postgres, under row-level security, which data keys there are, and the key file which key wraps them:
a key that was destroyed opens nothing from the next look on. Who seals holds a shared lock until the transaction
ends, so that a rotation, which takes the exclusive one, never misses a value that was sealed under the old key.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from appliance import audit
from appliance.audit import PLATFORM, Actor, ActorKind, Event
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx, in_turn, together
from appliance.kernel.ids import TenantId, new_id
from appliance.kernel.questions import Question, ask
from appliance.kernel.rows import from_hex
from appliance.kernel.sealing import (
    IntegrityError,
    KeyDestroyed,
    KeyUnavailable,
    Place,
    is_first_format,
    seal_at,
    unseal_at,
    unseal_secret_at,
    version_of,
    wipe,
)
from appliance.vault.first_format import FirstFormat
from appliance.vault.keyfiles import KekId, KeyFiles
from appliance.vault.keys import Wrapped, make_data_key, open_data_key
from appliance.vault.tables import DataKeyRow, KekRow
from appliance.vault.values import KeyState

SEALING = "data keys"
_HIGHEST = 2**31 - 1
_IN_FORCE = "data key in force"
_Row = tuple[int, UUID, bytes | None]
_PLATFORM_KEY = text("SELECT * FROM platform_data_key(:version)")


class Vault:
    """A Sealer of rows and a FileSealer. `platform` seals what belongs to no organisation."""

    def __init__(
        self,
        db: Database,
        files: KeyFiles,
        *,
        clock: Clock,
        first: FirstFormat | None = None,
        is_platform: bool = False,
    ) -> None:
        self.files, self.clock = files, clock
        self._db, self._first, self._is_platform = db, first, is_platform

    @property
    def platform(self) -> "Vault":
        """The same vault for values of the platform, in a transaction of any organisation."""
        return Vault(self._db, self.files, clock=self.clock, first=self._first, is_platform=True)

    def seal(self, tx: Tx, plaintext: bytes | bytearray, place: Place) -> bytes:
        """Return the value for its place. The organisation's first value makes its keys."""
        return self.seal_all(tx, [(plaintext, place)])[0]

    def seal_all(self, tx: Tx, plaintexts: Iterable[tuple[bytes | bytearray, Place]]) -> list[bytes]:
        """Return the values of many for their places; the data key is unwrapped once, and wiped at the end."""
        tenant_id = self._tenant(tx)
        together(tx, SEALING, of=tenant_id)
        wrapped = self._in_force(tx)
        with self._opened(wrapped) as key:
            return [
                seal_at(key, wrapped.version, plaintext, context=place.context(tenant_id))
                for plaintext, place in plaintexts
            ]

    def unseal(self, tx: Tx, sealed: bytes, place: Place) -> bytes:
        """Return the plaintext of one value."""
        return self.unseal_all(tx, [(sealed, place)])[0]

    def unseal_all(self, tx: Tx, sealed: Iterable[tuple[bytes, Place]]) -> list[bytes]:
        """Return the plaintexts of many values; each data key is unwrapped once, and wiped at the end."""
        tenant_id, keys = self._tenant(tx), dict[int, bytearray]()
        try:
            return [self._unsealed(tx, tenant_id, keys, value, place) for value, place in sealed]
        finally:
            for key in keys.values():
                wipe(key)

    def unseal_secret(self, tx: Tx, sealed: bytes, place: Place) -> bytearray:
        """Return the plaintext of one value, which the caller wipes."""
        tenant_id = self._tenant(tx)
        with _told(place), self._opened(self._named(tx, version_of(sealed))) as key:
            return unseal_secret_at(key, sealed, context=place.context(tenant_id))

    def seal_file(self, tenant_id: UUID, content: bytes, place: Place) -> bytes:
        """Return the sealed content of a file, in a transaction of its own."""
        with self._db.tenant(TenantId(tenant_id)) as tx:
            return self.seal(tx, content, place)

    def unseal_file(self, tenant_id: UUID, sealed: bytes, place: Place) -> bytes:
        """Return the content of a file, in a transaction of its own."""
        with self._db.tenant(TenantId(tenant_id)) as tx:
            return self.unseal(tx, sealed, place)

    def version_for_files(self, tenant_id: UUID) -> int:
        """Return the version that files are sealed under now, in a transaction of its own."""
        with self._db.tenant(TenantId(tenant_id)) as tx:
            return self.version_in_force(tx)

    def version_in_force(self, tx: Tx) -> int:
        """Return the version of the data key that new values are sealed under."""
        return self._in_force(tx).version

    def youngest(self, tx: Tx) -> tuple[int, UUID] | None:
        """Return the version of the organisation's youngest data key and which key wraps it, None before its first."""
        found = select(DataKeyRow.version, DataKeyRow.kek_id).where(DataKeyRow.tenant_id == tx.tenant_id)
        row = tx.execute(found.order_by(DataKeyRow.version.desc()).limit(1)).first()
        return None if row is None else (row.version, row.kek_id)

    def is_destroyed(self, tx: Tx) -> bool:
        """Return whether the organisation's keys were destroyed on purpose."""
        try:
            self._find(tx, None)
        except KeyDestroyed:
            return True
        return False

    def prepare(self, tenant_id: TenantId) -> None:
        """Make the organisation's keys if it has none yet, and look whether those in force open. Raises as opening does."""
        with self._db.tenant(tenant_id) as tx:
            wrapped = self._in_force(tx)
            with self._opened(wrapped):
                pass

    def _unsealed(self, tx: Tx, tenant_id: TenantId, keys: dict[int, bytearray], sealed: bytes, place: Place) -> bytes:
        with _told(place):
            if is_first_format(sealed) and self._first is not None:
                _ = self.files.roots  # away for a moment is no alarm
                self._find(tx, None)  # destroyed keys end these values too
                self._require_not_ended(tenant_id)
                return self._first.unseal(tenant_id, sealed, place)
            version = version_of(sealed)
            if version not in keys:
                keys[version] = open_data_key(self.files, self._named(tx, version))
            return unseal_at(keys[version], sealed, context=place.context(tenant_id))

    def _in_force(self, tx: Tx) -> Wrapped:
        found = self._find(tx, None)
        if found is None and not self._is_platform:
            in_turn(tx, "first data key")
            found = self._find(tx, None) or self._first_keys(tx)
        if found is None:
            raise KeyDestroyed
        return found

    def _named(self, tx: Tx, version: int) -> Wrapped:
        found = self._find(tx, version) if version <= _HIGHEST else None  # nothing else is asked of Postgres
        if found is None:
            raise IntegrityError("no such version of the data key")
        return found

    def _find(self, tx: Tx, version: int | None) -> Wrapped | None:
        """Return a version's data key, or the one in force. Raises KeyDestroyed where there is nothing but ashes."""
        if self._is_platform and tx.info["tenant"] != str(PLATFORM):
            row: Sequence[Any] | None = tx.execute(_PLATFORM_KEY, {"version": version}).one_or_none()
        else:
            row = self._own(tx, version)
        if row is None:
            return None
        if row[2] is None:
            raise KeyDestroyed
        return Wrapped(KekId(self._tenant(tx), row[1]), row[0], row[2])

    def asking(self, tx: Tx) -> Question[None]:
        """Return the question after the data key in force, to be asked with others: looks in this transaction find it then."""

        def read(found: dict[str, Any] | None) -> None:
            tx.info[_IN_FORCE] = found and _row(found)

        return Question("own_data_key(integer)", (None,), read)

    def _own(self, tx: Tx, version: int | None) -> _Row | None:
        """Return a version's row, or that of the one in force; without the key if there is nothing but ashes."""
        known: _Row | None = tx.info.get(_IN_FORCE)
        if known is not None and known[0] == version:
            return known
        row: _Row | None = ask(tx, Question("own_data_key(integer)", (version,), lambda found: found and _row(found)))[0]
        return row

    def _first_keys(self, tx: Tx) -> Wrapped:
        if tx.scalar(select(KekRow.kek_id).where(KekRow.tenant_id == tx.tenant_id).limit(1)) is not None:
            raise KeyUnavailable("the organisation's data keys are missing in the database")
        self._require_not_ended(tx.tenant_id)
        now, kek = self.clock.now(), KekId(tx.tenant_id, new_id())
        self.files.create(kek)
        made = make_data_key(self.files, kek, 1)
        tx.add(KekRow(tenant_id=tx.tenant_id, kek_id=kek.number, state=KeyState.ACTIVE, created_at=now))
        tx.flush()
        tx.add(DataKeyRow(tenant_id=tx.tenant_id, version=1, kek_id=kek.number, wrapped=made.content, state=KeyState.ACTIVE,
                          created_at=now))  # fmt: skip
        tx.flush()
        audit.record(tx, Actor(ActorKind.SYSTEM), Event.KEY_CREATED, subject=kek.number, level="kek")
        audit.record(tx, Actor(ActorKind.SYSTEM), Event.KEY_CREATED, subject=tx.tenant_id, level="dek", number=1)
        return made

    def _require_not_ended(self, tenant_id: TenantId) -> None:
        """Raise KeyDestroyed where the owners ended all keys, and an earlier database, put back, does not know it."""
        if self.files.is_ended(tenant_id):
            raise KeyDestroyed

    def _tenant(self, tx: Tx) -> TenantId:
        return PLATFORM if self._is_platform else tx.tenant_id

    @contextmanager
    def _opened(self, wrapped: Wrapped) -> Iterator[bytearray]:
        key = open_data_key(self.files, wrapped)
        try:
            yield key
        finally:
            wipe(key)


def _row(found: dict[str, Any]) -> _Row:
    wrapped = found["wrapped"]
    return found["version"], UUID(found["kek_id"]), wrapped and from_hex(wrapped)


@contextmanager
def _told(place: Place) -> Iterator[None]:
    """Say in what did not open where that stands: for the log alone, as one of a page's values."""
    try:
        yield
    except IntegrityError as error:
        raise IntegrityError(f"{place.name}: {error.reason}") from error
