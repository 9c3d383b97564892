"""The type of a key in the clear: it is not shown, not copied, not stored, and wiped after use."""

from types import TracebackType
from typing import Never, Self

from appliance.kernel.sealing import wipe


class Secret:
    """A key in memory that can be overwritten. `with` wipes it at the end.

    It has no text, no pickle, no copy and no JSON, so that no log, trace, queue or answer holds it by accident. What
    `reveal` returns is Python's text, which nothing can wipe: make the header of a call of it, and let go.
    """

    __slots__ = ("_content",)

    def __init__(self, content: bytearray) -> None:
        """Take the bytes over; they are not copied."""
        self._content = content

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the secret that somebody typed."""
        return cls(bytearray(text.encode()))

    def reveal(self) -> str:
        """Return the key, for the header of one call."""
        return self._content.decode()

    @property
    def content(self) -> bytearray:
        """The bytes themselves, not a copy."""
        return self._content

    @property
    def is_empty(self) -> bool:
        """Whether the provider asks for no key."""
        return not self._content

    def wipe(self) -> None:
        """Overwrite it; it is empty from now on."""
        wipe(self._content)
        self._content.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wipe()

    def __repr__(self) -> str:
        return "<secret>"

    def __str__(self) -> Never:
        raise TypeError("a secret is not text")

    def __format__(self, spec: str) -> Never:
        raise TypeError("a secret is not text")

    def __reduce_ex__(self, protocol: object) -> Never:
        raise TypeError("a secret is not copied")
