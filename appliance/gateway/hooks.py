"""Where what is asked and what is answered can be looked at, before and after.

A hook's `before` sees the texts of a request and raises a Refusal if it may not go; what it returns is its verdict, for
the record. Its `after` stands in the stream of the answer, in whole events of the client's dialect.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from appliance import dlp
from appliance.gateway.errors import TokensUninspectable
from appliance.gateway.requests import has_tokens


class Filter(Protocol):
    """Stands in an answer's way; what it takes it may give later, or otherwise."""

    def feed(self, told: bytes) -> bytes:
        """Return what the client is to be sent for this."""
        ...

    def close(self) -> bytes:
        """Return what is left."""
        ...


class Hook(Protocol):
    """Looks at calls."""

    name: str

    def before(self, texts: Iterable[str]) -> str:
        """Return a verdict in a word. Raises a Refusal. Of a long request it is asked aside (kernel.computing): it computes, and no more."""
        ...

    def after(self) -> Filter | None:
        """Return what is to stand in the answer's way, or None for nothing."""
        ...


class DataLoss:
    """Lets nothing go that the exact detectors find. Answers pass."""

    name = "dlp"

    def before(self, texts: Iterable[str]) -> str:
        """Return that nothing was found. Raises DlpBlocked."""
        for text in texts:
            if findings := dlp.stopped(text):
                raise dlp.DlpBlocked(category=findings[0].category.value)
        return "clear"

    def after(self) -> Filter | None:
        """Return None: answers pass."""
        return None


def before(hooks: Sequence[Hook], texts: Sequence[str], *, body: Mapping[str, Any]) -> str:
    """Return the verdicts of all, in order. Raises the first Refusal; TokensUninspectable where there are no words to look at.

    Which words the numbers stand for hangs on the model; decoded by a wrong table, what must not be sent would pass.
    """
    if hooks and has_tokens(body.get("input")):
        raise TokensUninspectable
    return " ".join(f"{hook.name}={hook.before(texts)}" for hook in hooks)


def after(hooks: Sequence[Hook]) -> list[Filter]:
    """Return what stands in the answer's way, in order."""
    found = (hook.after() for hook in hooks)
    return [one for one in found if one is not None]
