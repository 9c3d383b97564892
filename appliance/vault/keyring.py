"""The keys of before there were data keys: root key to organisation key by HKDF-SHA256, the organisation in the purpose.

For opening what was sealed then (`first_format`), and nothing else.
"""

from pathlib import Path

from appliance.kernel.ids import TenantId
from appliance.kernel.sealing import KEY_BYTES, derive_key
from appliance.vault.errors import RootKeyUnusable
from appliance.vault.roots.discretion import is_closed


class Keyring:
    """Holds the root key; its bytes have no way into a repr, a log or a pickle."""

    __slots__ = ("__root", "path")

    def __init__(self, path: Path) -> None:
        try:
            status = path.stat()
            root = path.read_bytes()
        except OSError as error:
            raise RootKeyUnusable(reason=f"{path} cannot be read: {error.strerror}") from error
        if not is_closed(status) or len(root) != KEY_BYTES or len(set(root)) == 1:
            raise RootKeyUnusable(reason=f"{path} is too open, or not {KEY_BYTES} random bytes")
        self.__root, self.path = root, path

    def tenant_key(self, tenant_id: TenantId) -> bytes:
        """Return the 32-byte key that seals this organisation's blobs."""
        return derive_key(self.__root, purpose=f"tenant blobs {tenant_id}")

    def factor_key(self) -> bytes:
        """Return the key that seals what proves a person's second factors."""
        return derive_key(self.__root, purpose="second factors")

    def answer_key(self) -> bytes:
        """Return the key that seals what a program's repeated request is answered with."""
        return derive_key(self.__root, purpose="repeated answers")

    def __repr__(self) -> str:
        return "Keyring(…)"

    def __reduce__(self) -> str:
        raise TypeError("a keyring is not copied")
