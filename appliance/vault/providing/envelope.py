"""What is sealed of a provider's key: the key, and where it may be sent.

    0x01 ‖ SHA-256(canonical JSON of provider, kind, base URL, region) ‖ key

So whoever can write the database can neither send a key elsewhere by another base URL, nor put it under another
provider: it does not open there. The place binds it to its organisation and its row.
"""

import hmac
import os
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from appliance.kernel.canonical import canonical
from appliance.kernel.db import Tx, in_turn
from appliance.kernel.ids import new_id
from appliance.kernel.sealing import IntegrityError, Place, SealedColumn, content_digest, fingerprint, wipe
from appliance.kernel.secret import Secret
from appliance.vault.providing.tables import FingerprintKeyRow
from appliance.vault.service import Vault

SEALED = SealedColumn("provider_keys", "sealed", ("key_id",), ("uuid",))
FINGERPRINT_KEYS = SealedColumn("fingerprint_keys", "sealed", ("key_id",), ("uuid",))
_VERSION: Final = b"\x01"
_HEAD: Final = 1 + 32


def seal_key(tx: Tx, vault: Vault, key_id: UUID, secret: Secret, provider: Any) -> bytes:
    """Return a key's sealed value, bound to where the provider (a row, or a value) sends it."""
    plaintext = bytearray(_VERSION + _destination(provider)) + secret.content
    try:
        return vault.seal(tx, plaintext, Place("provider_keys", "sealed", (key_id,)))
    finally:
        wipe(plaintext)


def open_key(tx: Tx, vault: Vault, key_id: UUID, sealed: bytes, provider: Any) -> Secret:
    """Return the key. Raises IntegrityError where the provider sends it elsewhere than it was given for."""
    place = Place("provider_keys", "sealed", (key_id,))
    opened = vault.unseal_secret(tx, sealed, place)
    if not hmac.compare_digest(opened[:_HEAD], _VERSION + _destination(provider)):
        wipe(opened)
        raise IntegrityError(f"{place.name}: given for another destination")
    secret = Secret(bytearray(memoryview(opened)[_HEAD:]))
    wipe(opened)
    return secret


def fingerprint_of(tx: Tx, vault: Vault, secret: Secret) -> str:
    """Return what tells a key from others of this organisation: an HMAC under a key of its own, made at first use."""
    in_turn(tx, "fingerprint key")
    row = tx.scalars(select(FingerprintKeyRow).where(FingerprintKeyRow.tenant_id == tx.tenant_id)).one_or_none()
    if row is None:
        made, key_id = os.urandom(32), new_id()
        sealed = vault.seal(tx, made, Place("fingerprint_keys", "sealed", (key_id,)))
        tx.add(FingerprintKeyRow(tenant_id=tx.tenant_id, key_id=key_id, sealed=sealed))
        tx.flush()
        return fingerprint(made, secret.content)
    key = vault.unseal_secret(tx, row.sealed, Place("fingerprint_keys", "sealed", (row.key_id,)))
    try:
        return fingerprint(key, secret.content)
    finally:
        wipe(key)


def _destination(provider: Any) -> bytes:
    return content_digest(
        canonical({
            "base_url": provider.base_url, "kind": str(provider.kind), "provider": str(provider.provider_id),
            "region": provider.region,
        })
    )  # fmt: skip
