"""A secret that is sealed together with where it may be sent.

    0x01 ‖ SHA-256(canonical JSON of the destination) ‖ secret

So whoever can write the database cannot have it sent elsewhere: it does not open there.
"""

import hmac
from collections.abc import Mapping
from typing import Any, Final, Protocol

from appliance.kernel.canonical import canonical
from appliance.kernel.sealing import IntegrityError, Place, content_digest, wipe
from appliance.kernel.secret import Secret

_VERSION: Final = b"\x01"
_HEAD: Final = 1 + 32
Destination = Mapping[str, str | None]


class Sealer(Protocol):
    """Seals and opens what stands in the rows of a transaction's organisation. The vault is one; it lies above this room."""

    def seal(self, tx: Any, plaintext: bytes | bytearray, place: Place) -> bytes:
        """Return the value for its place."""
        ...

    def unseal_secret(self, tx: Any, sealed: bytes, place: Place) -> bytearray:
        """Return the plaintext of one value, which the caller wipes."""
        ...


def seal_for(tx: Any, sealer: Sealer, place: Place, destination: Destination, secret: Secret) -> bytes:
    """Return the sealed value of a secret, for its place."""
    plaintext = bytearray(_head(destination)) + secret.content
    try:
        return sealer.seal(tx, plaintext, place)
    finally:
        wipe(plaintext)


def open_for(tx: Any, sealer: Sealer, place: Place, destination: Destination, sealed: bytes) -> Secret:
    """Return the secret. Raises IntegrityError where it was given for another destination; and as opening does."""
    opened = sealer.unseal_secret(tx, sealed, place)
    try:
        if not hmac.compare_digest(opened[:_HEAD], _head(destination)):
            raise IntegrityError(f"{place.name}: given for another destination")
        return Secret(bytearray(memoryview(opened)[_HEAD:]))
    finally:
        wipe(opened)


def _head(destination: Destination) -> bytes:
    return _VERSION + content_digest(canonical(destination))
