"""What tokens cost: a file that an operator keeps, and may replace while the product runs. Integers only.

{"currency": "EUR", "prices": [{"provider": "openai-eu", "model": "gpt-5", "input": 1250000, "output": 10000000}]}

Prices are in millionths of the currency for a million tokens, so 1250000 is 1.25. `cached` and `cache_written` are the
prices of input that came from, or went into, a provider's cache; without them such input costs what input costs. A
model that the file does not name has no price: its calls are on record as unpriced, not as free.
"""

import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from appliance.gateway.dialects import TokenCount
from appliance.gateway.errors import PricesUnusable
from appliance.gateway.models import Target
from appliance.kernel.log import logger

log = logger("gateway")
_MILLION: Final = 1_000_000
_MOST: Final = 10**15
_MOST_BYTES: Final = 4_000_000


@dataclass(frozen=True)
class Price:
    """Millionths of the currency for a million tokens."""

    input: int
    output: int
    cached: int
    cache_written: int

    def of(self, used: TokenCount) -> int:
        """Return what it cost in millionths of the currency, a part of one counted as a whole."""
        plain = max(0, used.input - used.cached - used.cache_written)
        sum_ = (
            plain * self.input + used.cached * self.cached + used.cache_written * self.cache_written
            + used.output * self.output
        )  # fmt: skip
        return min(_MOST, -(-sum_ // _MILLION))

    def at_most(self, prompt_tokens: int, answer_tokens: int) -> int:
        """Return what so many tokens cost if each that is read is one of the dearest."""
        dearest = max(self.input, self.cached, self.cache_written)
        return min(_MOST, -(-(prompt_tokens * dearest + answer_tokens * self.output) // _MILLION))


@dataclass(frozen=True)
class Priced:
    """A model's price, in the currency of the file."""

    price: Price
    currency: str


class Prices:
    """Reads the file again whenever it was replaced. One that cannot be read is told of in the log, and prices nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path, self._lock = path, threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._currency, self._prices = "", dict[Target, Price]()

    def find(self, target: Target) -> Priced | None:
        """Return a model's price as the file has it now, or None."""
        with self._lock:
            self._refresh()
            price, currency = self._prices.get(target), self._currency
        return None if price is None else Priced(price, currency)

    def _refresh(self) -> None:
        if self._path is None:
            return
        try:
            found = self._path.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp == self._stamp:
                return
            self._stamp = stamp
            self._currency, self._prices = read(self._path)
        except PricesUnusable as error:
            log.warning("prices_unusable", reason=str(error))
            self._prices = {}
        except OSError as error:
            if self._stamp is not None or self._prices:
                log.warning("prices_unusable", reason=error.strerror)
            self._stamp, self._prices = None, {}


def read(path: Path) -> tuple[str, dict[Target, Price]]:
    """Return a file's currency and prices. Raises PricesUnusable, OSError."""
    if path.stat().st_size > _MOST_BYTES:
        raise PricesUnusable(reason="it is larger than four megabytes")
    try:
        found: Any = json.loads(path.read_bytes())
        currency, entries = found["currency"], found["prices"]
        prices = {_target(one): _price(one) for one in entries}
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        raise PricesUnusable(reason="it is not of the form that deploy/docs/gateway.md shows") from None
    if not isinstance(currency, str) or not (currency.isascii() and currency.isalpha() and len(currency) == len("EUR")):
        raise PricesUnusable(reason="the currency is not three letters")
    return currency.upper(), prices


def _target(entry: dict[str, Any]) -> Target:
    provider, model = entry["provider"], entry["model"]
    if not (isinstance(provider, str) and isinstance(model, str)):
        raise TypeError
    return Target(provider, model)


def _price(entry: dict[str, Any]) -> Price:
    read_ = entry["input"]
    found = (read_, entry["output"], entry.get("cached", read_), entry.get("cache_written", read_))
    if any(type(one) is not int or not 0 <= one <= _MOST for one in found):
        raise TypeError
    return Price(*found)
