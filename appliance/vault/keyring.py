"""Root key to organisation key: HKDF-SHA256 with the organisation in the purpose.

Two organisations' keys are independent, so a blob of one never opens as the other's, even where the file is
copied. An unknown key is no start: the keyring reads the file when it is made, and refuses there.
"""

import stat
from pathlib import Path

from appliance.kernel.ids import TenantId
from appliance.kernel.sealing import KEY_BYTES, derive_key
from appliance.vault.errors import RootKeyUnusable

_OPEN_TO_OTHERS = 0o077


class Keyring:
    """Holds the root key; its bytes have no way into a repr, a log or a pickle."""

    __slots__ = ("__root", "path")

    def __init__(self, path: Path) -> None:
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
            root = path.read_bytes()
        except OSError as error:
            raise RootKeyUnusable(path=str(path)) from error
        if mode & _OPEN_TO_OTHERS or len(root) != KEY_BYTES or len(set(root)) == 1:
            raise RootKeyUnusable(path=str(path))
        self.__root, self.path = root, path

    def tenant_key(self, tenant_id: TenantId) -> bytes:
        """Return the 32-byte key that seals this organisation's blobs."""
        return derive_key(self.__root, purpose=f"tenant blobs {tenant_id}")

    def web_key(self) -> bytes:
        """Return the key that signs what the web door hands to a browser before sign-in."""
        return derive_key(self.__root, purpose="web forms")

    def factor_key(self) -> bytes:
        """Return the key that seals what proves a person's second factors."""
        return derive_key(self.__root, purpose="second factors")

    def answer_key(self) -> bytes:
        """Return the key that seals what a program's repeated request is answered with."""
        return derive_key(self.__root, purpose="repeated answers")

    def fingerprint(self) -> bytes:
        """Return 32 bytes that tell this key from another and lead nowhere near it."""
        return derive_key(self.__root, purpose="fingerprint")

    def __repr__(self) -> str:
        return "Keyring(…)"

    def __reduce__(self) -> str:
        raise TypeError("a keyring is not copied")
