"""What a root key has to do: wrap an organisation's key, unwrap it, and say which root it is.

A root never hands itself out. Implementations stand in `appliance.vault.roots`, one a file, and know neither
organisations nor SQL.
"""

from typing import Protocol


class Root(Protocol):
    """The key that wraps key-encryption keys (KEK). Thread-safe; works again in a child after fork."""

    @property
    def spec(self) -> str:
        """How a setting names it, such as "file:/srv/secrets/root.key"; holds no secret."""
        ...

    @property
    def is_remote(self) -> bool:
        """Whether an unwrap leaves the process and may take milliseconds."""
        ...

    def fingerprint(self) -> bytes:
        """Return 32 bytes that tell this root from every other and lead nowhere near it. Raises KeyUnavailable."""
        ...

    def wrap(self, kek: bytes, *, context: bytes) -> bytes:
        """Return the 32-byte key, wrapped and bound to the context. Raises KeyUnavailable."""
        ...

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytearray:
        """Return the 32-byte key, which the caller wipes.

        Raises KeyUnavailable (the service does not answer, or refuses us), IntegrityError (altered, of another context or
        another root), KeyDestroyed (the service says that the root is gone for ever).
        """
        ...

    def ping(self) -> None:
        """Raise KeyUnavailable unless the root can wrap and unwrap now."""
        ...
