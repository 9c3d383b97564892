"""The installation's signing keys: they sign the audit log's checkpoints. Sealed under the platform's data key.

The audit room stands below this one and gets a signer handed by whoever assembles the house. A key that follows another is
endorsed by it, so that who knows one key can follow to the next.
"""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from appliance import audit
from appliance.audit import PLATFORM, Actor, ActorKind, Event
from appliance.kernel.db import Database, Tx, in_turn
from appliance.kernel.ids import new_id
from appliance.kernel.sealing import KEY_BYTES, Place, SealedColumn, SigningKey
from appliance.proof.note import endorsed
from appliance.vault.service import Vault
from appliance.vault.tables import SigningKeyRow

SEALED = SealedColumn("signing_keys", "sealed", ("key_id",), ("uuid",))
_TURN = "signing key"


@dataclass(frozen=True)
class LogSigner:
    """The key in force, open, in the one process that seals."""

    number: int
    public: bytes
    endorsements: tuple[bytes | None, ...]
    known: tuple[bytes, ...]
    key: SigningKey

    @property
    def installation(self) -> str:
        """What tells this house from others: sixteen digits of its first key's digest."""
        return hashlib.sha256(self.known[0]).hexdigest()[:16]

    def sign(self, message: bytes) -> bytes:
        """Return the signature."""
        return self.key.sign(message)


class LogSigners:
    """Hands out the signer in force, opened once: a call for each round costs one look at the database."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db, self._vault = db, vault
        self._held: LogSigner | None = None

    def __call__(self) -> LogSigner:
        """Return the signer in force; the first call of a house makes its key. Raises KeyUnavailable, KeyDestroyed."""
        with self._db.tenant(PLATFORM) as tx:
            row = _in_force(tx)
            if self._held is None or row is None or row.number != self._held.number:
                self._held = self._opened(tx, row)
        return self._held

    def _opened(self, tx: Tx, row: SigningKeyRow | None) -> LogSigner:
        if row is None:
            in_turn(tx, _TURN)
            row = _in_force(tx) or _add(tx, self._vault, SigningKey.make(), known=(), endorsement=None)
        key, known = _open(tx, self._vault, row)
        rows = tx.execute(select(SigningKeyRow.number, SigningKeyRow.endorsement).where(_OURS))
        made = {one.number: one.endorsement for one in rows}
        endorsements = tuple(made.get(number) for number in range(1, row.number + 1))
        return LogSigner(row.number, row.public, endorsements, known, key)


def change_log_key(tx: Tx, actor: Actor, vault: Vault) -> int:
    """Put a new signing key in force, which the old one endorses, and destroy the old; return its number.

    The sealer takes it up with its next round, and records it in every log that it signs. `tx` is the platform's.
    """
    in_turn(tx, _TURN)
    row, new = _in_force(tx), SigningKey.make()
    if row is None:
        made = _add(tx, vault, new, known=(), endorsement=None)
    else:
        old, known = _open(tx, vault, row)
        row.retired_at, row.sealed = vault.clock.now(), None
        tx.flush()
        made = _add(tx, vault, new, known=known, endorsement=old.sign(endorsed(old.public, new.public)))
        audit.record(tx, actor, Event.KEY_DESTROYED, subject=row.key_id, level="signing", number=row.number)
    return made.number


_OURS = SigningKeyRow.tenant_id == PLATFORM


def _in_force(tx: Tx) -> SigningKeyRow | None:
    return tx.scalars(select(SigningKeyRow).where(_OURS, SigningKeyRow.retired_at.is_(None))).one_or_none()


def _open(tx: Tx, vault: Vault, row: SigningKeyRow) -> tuple[SigningKey, tuple[bytes, ...]]:
    """Return the key, and the public keys of this house in order, which are sealed with it."""
    assert row.sealed is not None  # noqa: S101 - the one in force has it
    content = vault.unseal(tx, row.sealed, _place(row.key_id))
    return SigningKey(content[:KEY_BYTES]), tuple(
        content[at : at + KEY_BYTES] for at in range(KEY_BYTES, len(content), KEY_BYTES)
    )


def _add(
    tx: Tx, vault: Vault, key: SigningKey, *, known: tuple[bytes, ...], endorsement: bytes | None
) -> SigningKeyRow:
    # The public keys of before are sealed with it: the database alone cannot make the sealer trust another one.
    key_id, number = new_id(), len(known) + 1
    row = SigningKeyRow(
        tenant_id=tx.tenant_id, key_id=key_id, number=number, public=key.public, endorsement=endorsement,
        sealed=vault.seal(tx, key.private + b"".join((*known, key.public)), _place(key_id)), created_at=vault.clock.now(),
    )  # fmt: skip
    tx.add(row)
    tx.flush()
    audit.record(tx, Actor(ActorKind.SYSTEM), Event.KEY_CREATED, subject=key_id, level="signing", number=number)
    return row


def _place(key_id: UUID) -> Place:
    return Place("signing_keys", "sealed", (key_id,))
