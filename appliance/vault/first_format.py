"""Values of format 1, from before there were data keys: sealed under keys derived from the root key's file.

They open until a rotation of the organisation's data key has sealed them anew.
"""

from pathlib import Path
from uuid import UUID

from appliance.kernel.ids import TenantId
from appliance.kernel.sealing import IntegrityError, KeyUnavailable, Place, unseal
from appliance.vault.errors import RootKeyUnusable
from appliance.vault.keyring import Keyring


class FirstFormat:
    """Opens what was sealed then, at the places where things were."""

    def __init__(self, root_key: Path) -> None:
        self._path = root_key

    def unseal(self, tenant_id: TenantId, sealed: bytes, place: Place) -> bytes:
        """Return the plaintext. Raises IntegrityError, KeyUnavailable."""
        if not self._path.exists():
            raise IntegrityError("of format 1, in a house whose root key is no file")
        try:
            keyring = Keyring(self._path)
        except RootKeyUnusable as error:
            raise KeyUnavailable(str(error)) from error
        row = [one.bytes if isinstance(one, UUID) else one for one in place.row]
        match place.table:
            case "blobs":
                key, context = keyring.tenant_key(tenant_id), b"blob\0" + tenant_id.bytes + row[0]
            case "idempotency_keys":
                key, context = keyring.answer_key(), b"answer " + tenant_id.bytes + b"".join(row)
            case "second_factors":
                user, factor = (UUID(bytes=one) for one in row)
                kind = "second factor" if place.field == "seed" else "passkey"
                key, context = keyring.factor_key(), f"{kind} {user} {factor}".encode()
            case _:
                raise IntegrityError("nothing was sealed there in format 1")
        return unseal(key, sealed, context=context)
