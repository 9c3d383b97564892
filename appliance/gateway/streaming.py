"""A provider's stream on its way to the client, settled before its last bytes go out."""

import hashlib
import time
from collections.abc import Callable, Generator, Iterator

from appliance.gateway.answering import fault_of
from appliance.gateway.content import Gathered
from appliance.gateway.dialects import Dialect, Fault, TokenCount, error_event
from appliance.gateway.hooks import Filter
from appliance.gateway.passing import AnyStream
from appliance.gateway.record import Settlement
from appliance.gateway.values import State
from appliance.kernel.egress import CallCancelled, EgressFailed, Incoming
from appliance.kernel.errors import Refusal
from appliance.kernel.log import logger

log = logger("gateway")
Settle = Callable[[Settlement], None]
_BYTES_PER_TOKEN = 100
_UNRECORDED = Fault(503, "not_recorded", "The answer could not be recorded, so it was cut. Try again in a moment.")


class Relay:
    """The answer's bytes as they come. `close()` ends the call at the provider, and settles it if nothing has."""

    def __init__(
        self, incoming: Incoming, stream: AnyStream, filters: list[Filter], settle: Settle, *, dialect: Dialect,
        began: float, kept: Gathered | None = None,
    ) -> None:  # fmt: skip
        self._incoming, self._stream, self._filters = incoming, stream, filters
        self._settle_with, self._dialect, self._began = settle, dialect, began
        self._digest, self._kept = hashlib.sha256(), kept
        self._first_byte_ms: int | None = None
        self._is_settled, self._told = False, 0
        self._pieces = self._relayed()

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        """Stop. A generator that never began runs no `finally`, so it is done here."""
        self._pieces.close()
        self._incoming.close()
        if not self._is_settled:
            self._try_settling("cancelled", None)

    def _relayed(self) -> Generator[bytes, None, None]:
        try:
            for chunk in self._incoming:
                self._told += len(chunk)
                told = self._filtered(self._stream.feed(chunk))
                if self._is_over and not self._is_settled:
                    told = self._settled(told + self._rest())
                if told:
                    yield self._counted(told)
                if self._is_over and self._stream.fault:
                    return
            if not self._is_settled:
                told = self._filtered(self._stream.close()) + self._rest()
                yield self._counted(self._settled(told))
        except CallCancelled:
            self._try_settling("cancelled", None)
        except EgressFailed as refusal:
            yield from self._broken(refusal)
        except Refusal as refusal:  # a filter's: the answer may not go on
            yield self._stopped(refusal)
        finally:
            self._incoming.close()

    @property
    def _is_over(self) -> bool:
        return self._stream.is_finished or self._stream.fault is not None

    def _broken(self, refusal: Refusal) -> Iterator[bytes]:
        if self._is_settled:
            return
        try:
            told = self._filtered(self._stream.fail(fault_of(refusal))) + self._rest()
        except Refusal as stopped:
            yield self._stopped(stopped)
            return
        yield self._settled(told, code=refusal.code)

    def _stopped(self, refusal: Refusal) -> bytes:
        """Return the error that ends an answer which may not go on; what was held back of it is not sent."""
        if not self._is_settled:
            self._try_settling("completed" if self._stream.is_finished else "cancelled", refusal.code)
        return error_event(self._dialect, fault_of(refusal))

    def _settled(self, told: bytes, *, code: str | None = None) -> bytes:
        """Return what may go out now that the call is on record as ended; or that it could not be recorded."""
        self._note(told)
        self._first_byte_ms = self._ms() if self._first_byte_ms is None else self._first_byte_ms
        fault = self._stream.fault
        state: State = "completed" if self._stream.is_finished and fault is None else "unknown"
        if self._try_settling(state, code or (fault.code if fault else None)):
            return told
        self._incoming.close()
        return error_event(self._dialect, _UNRECORDED)

    def _try_settling(self, state: State, code: str | None) -> bool:
        self._is_settled = True
        used: TokenCount | None = self._stream.count if state == "completed" else None
        # Whoever hangs up before the end is charged for what came: a token's event has a hundred bytes or more.
        seen = max(self._stream.count.output if self._stream.count else 0, self._told // _BYTES_PER_TOKEN)
        end = Settlement(
            state, used, self._incoming.status, code, self._digest.digest(), self._first_byte_ms, self._ms(), seen,
            content=self._kept.content() if self._kept else None,
        )  # fmt: skip
        try:
            self._settle_with(end)
        except Exception:  # whatever it is, nothing more goes out; the sweep settles the call
            log.exception("call_unsettled")
            return False
        return True

    def _filtered(self, told: bytes) -> bytes:
        for one in self._filters:
            told = one.feed(told)
        return told

    def _rest(self) -> bytes:
        rest = b""
        for one in self._filters:
            rest = (one.feed(rest) if rest else b"") + one.close()
        return rest

    def _counted(self, told: bytes) -> bytes:
        if not self._is_settled:
            self._note(told)
        if self._first_byte_ms is None:
            self._first_byte_ms = self._ms()
        return told

    def _note(self, told: bytes) -> None:
        self._digest.update(told)
        if self._kept is not None:
            self._kept.add(told)

    def _ms(self) -> int:
        return int((time.monotonic() - self._began) * 1000)
