"""Reaching a provider: one attempt after another, each on record by itself, until one answers or none is left.

Tried again is only what did no work: nothing was sent, or the provider said 429 or 5xx before the first byte. Whatever
may have arrived is not sent twice to the same provider; an alias's next model is another question.
"""

import random
import time
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from appliance.dlp import DlpBlocked
from appliance.gateway.answering import ClientGone
from appliance.gateway.breaker import Breaker
from appliance.gateway.dialects import AnswerUnreadable
from appliance.gateway.dialects.errors import without_key
from appliance.gateway.endpoints import Endpoint, Way
from appliance.gateway.errors import ProviderKeyRefused, ProviderResting, ProviderSignInFailed, TextRefused
from appliance.gateway.guarding import Looked, LookedTooLittle, Standing, Treated
from appliance.gateway.models import Target
from appliance.gateway.passing import Sent, request_for
from appliance.gateway.record import NOTHING, Admitted, Plan, Record, Settlement
from appliance.gateway.requests import Parsed
from appliance.gateway.signing import Signer, sign_in_url
from appliance.gateway.values import Asker
from appliance.identity import Caller
from appliance.kernel.db import DatabaseBusy
from appliance.kernel.egress import (
    CallCancelled,
    Cancel,
    Egress,
    EgressDenied,
    EgressFailed,
    Incoming,
    OutgoingMalformed,
)
from appliance.kernel.egress.errors import HostNotFound, HostUnreachable, ProxyFailed, TlsFailed, TooManyConnections
from appliance.kernel.errors import Refusal
from appliance.policy import Asked, CallRuleRefused, ContractMissing, KeyLimited, ModelNotAllowed
from appliance.vault.providing import Lent
from appliance.vault.providing.errors import NoProviderKey, ProviderNotFound

TURNS: Final = 3
_LONGEST_WAIT: Final = 8.0
_FIRST_WAIT: Final = 0.25
_LOOKS: Final = 4
_LOOK_EVERY: Final = 0.05
_MOST_OF_AN_ERROR: Final = 256 * 1024
_OK, _REDIRECTS, _REFUSALS = 200, 300, 400
_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY, _FAULTS = 401, 403, 429, 500
_UNSENT: Final = (HostNotFound, HostUnreachable, ProxyFailed, TlsFailed, TooManyConnections)
_UNSIGNED: Final = (ProviderKeyRefused, ProviderSignInFailed)
_ELSEWHERE: Final = (
    CallRuleRefused, ContractMissing, DlpBlocked, EgressDenied, KeyLimited, ModelNotAllowed, NoProviderKey, ProviderNotFound, ProviderResting,
    TextRefused,
)  # fmt: skip


@dataclass(frozen=True)
class Ask:
    """What somebody asks of a model, read and judged."""

    caller: Caller
    endpoint: Endpoint
    parsed: Parsed
    targets: tuple[Target, ...]
    asked: Asked
    prompt_tokens: int
    answer_tokens: int
    prompt_digest: bytes
    verdicts: str
    looking: Looked
    version: str | None = None
    beta: str | None = None
    chatbot_id: UUID | None = field(default=None, kw_only=True)
    """The chatbot that is answered for, if it is one that asks."""

    @property
    def alias(self) -> str | None:
        """The organisation's own name of the model, if it was asked for by one."""
        name = str(self.parsed.body.get("model"))
        return None if "/" in name else name


@dataclass(frozen=True)
class Reached:
    """A provider answers: this is its head, and what it was sent. `error` is the body of an answer that is an error."""

    call: Admitted
    sent: Sent
    incoming: Incoming
    began: float
    error: bytes | None = None
    retry_after: str | None = None


@dataclass
class _Tries:
    """What has come of the attempts so far."""

    count: int = 0
    last: Refusal | Reached | None = None


class Attempts:
    """Makes them."""

    def __init__(self, record: Record, egress: Egress, breaker: Breaker, signer: Signer) -> None:
        self._record, self._egress, self._breaker, self._signer = record, egress, breaker, signer

    def reach(self, ask: Ask, cancel: Cancel) -> Reached:
        """Return the first good answer, or the last error that the client is to be told. Raises a Refusal, ClientGone."""
        tries = _Tries()
        for target in ask.targets:
            for turn in range(TURNS):
                found, is_final, wait = self._once(ask, target, tries, cancel)
                if tries.last is None or not isinstance(found, ProviderResting):  # it rests because of what came last
                    tries.last = found
                if is_final and isinstance(found, Reached):
                    return found
                if wait is None or turn == TURNS - 1:
                    break
                _pause(wait or _FIRST_WAIT * 2**turn * random.uniform(0.5, 1.5), cancel)  # noqa: S311 - no secret
        if isinstance(tries.last, Reached):
            return tries.last
        assert tries.last is not None  # noqa: S101 - an alias has at least one target
        raise tries.last

    def _once(
        self, ask: Ask, target: Target, tries: _Tries, cancel: Cancel
    ) -> tuple[Refusal | Reached, bool, float | None]:
        """Return what came of it, whether that is the answer, and how long to wait before the same is tried again.

        0 stands for a wait of our own choice, None for no other try there.
        """
        tries.count += 1
        try:
            call, sent = self._admit(ask, target, tries.count)
        except _ELSEWHERE as refusal:
            return refusal, False, None
        began = time.monotonic()
        outgoing, key = None, ""
        try:
            with call.lent.secret as secret:
                key = secret.reveal()
                outgoing = self._signer.outgoing(
                    call.way, call.lent, sent, version=ask.version, beta=ask.beta, cancel=cancel
                )
            incoming = self._egress.open(outgoing, cancel=cancel)
        except CallCancelled:
            used = NOTHING if outgoing is None else None  # nothing was asked while a token was waited for
            said = None if outgoing is None else call.said(sent.body, b"")
            self._end(call, Settlement("cancelled", used, total_ms=_ms(began), content=said))
            raise ClientGone from None
        except (EgressFailed, EgressDenied, OutgoingMalformed, *_UNSIGNED) as refusal:
            return self._unreached(call, sent, refusal, began)
        except BaseException:
            self._end(call, Settlement("unknown", None, code="internal_error", total_ms=_ms(began)))
            raise
        return self._judged(Reached(call, sent, incoming, began), key, cancel)

    def _admit(self, ask: Ask, target: Target, attempt: int) -> tuple[Admitted, Sent]:
        made: list[Sent] = []

        def check(lent: Lent, way: Way, standing: Standing) -> Treated:
            self._breaker.check((ask.caller.tenant_id, lent.key_id), target.provider)
            for url in (way.url, sign_in_url(lent)):
                if url:
                    self._egress.check(url)
            treated = ask.looking.treated(standing)
            made.append(request_for(treated.parsed, ask.endpoint, way, target.model, version=ask.version, beta=ask.beta))
            return treated

        plan = Plan(
            ask.caller, ask.endpoint, target, ask.asked, ask.prompt_tokens, ask.answer_tokens, ask.prompt_digest,
            ask.verdicts, attempt, ask.alias, ask.chatbot_id,
        )  # fmt: skip
        for _ in range(_LOOKS):
            try:
                return self._record.admit(plan, check), made[-1]  # the last, if it was judged twice
            except LookedTooLittle as more:
                self._deepen(ask, more, target)
        raise DatabaseBusy

    def _deepen(self, ask: Ask, more: LookedTooLittle, target: Target) -> None:
        try:
            ask.looking.deepen(more.policy, more.groups)
        except Refusal as refusal:
            self._record.refuse(Asker.of(ask.caller, chatbot_id=ask.chatbot_id), refusal, model=str(target))
            raise

    def _unreached(self, call: Admitted, sent: Sent, refusal: Refusal, began: float) -> tuple[Refusal, bool, float | None]:
        is_unsent = isinstance(refusal, (*_UNSENT, *_UNSIGNED, EgressDenied, OutgoingMalformed))
        state, used = ("failed", NOTHING) if is_unsent else ("unknown", None)
        said = None if is_unsent else call.said(sent.body, b"")
        self._end(call, Settlement(state, used, code=refusal.code, total_ms=_ms(began), content=said))  # type: ignore[arg-type]
        if not isinstance(refusal, (TooManyConnections, OutgoingMalformed)):
            self._breaker.note(_used(call), is_good=False)
        may_again = isinstance(refusal, (HostUnreachable, ProviderSignInFailed, ProxyFailed, TooManyConnections))
        return refusal, False, 0.0 if may_again else None

    def _judged(self, reached: Reached, key: str, cancel: Cancel) -> tuple[Refusal | Reached, bool, float | None]:
        incoming, call = reached.incoming, reached.call
        status = incoming.status
        is_good = status < _TOO_MANY and status != _UNAUTHORIZED  # forbidden is what was asked, not the key
        self._breaker.note(_used(call), is_good=is_good)
        if _OK <= status < _REDIRECTS:
            return reached, True, None
        error = b""
        try:
            error = without_key(_read(incoming, cancel), key)
        finally:
            said = call.said(reached.sent.body, b"" if call.lent.provider.is_shared else error)  # its words may be the operator's
            self._end(call, Settlement("failed", NOTHING, status, f"status_{status}", total_ms=_ms(reached.began), content=said))
        if status < _REFUSALS:
            return AnswerUnreadable(f"it answered with status {status}"), False, None
        if status in {_UNAUTHORIZED, _FORBIDDEN}:
            self._signer.forget(call.lent)
            return ProviderKeyRefused(name=call.plan.target.provider), False, None
        told = Reached(call, reached.sent, incoming, reached.began, error, incoming.header("retry-after"))
        if status != _TOO_MANY and status < _FAULTS:
            return told, True, None
        return told, False, _wait_of(told.retry_after)

    def _end(self, call: Admitted, end: Settlement) -> None:
        self._record.settle(call, end)


def _used(call: Admitted) -> tuple[UUID, UUID]:
    return call.plan.caller.tenant_id, call.lent.key_id


def _pause(seconds: float, cancel: Cancel) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if cancel.is_asked:
            raise ClientGone
        time.sleep(min(left, _LOOK_EVERY))


def _wait_of(retry_after: str | None) -> float | None:
    """Return what the provider asks for, 0 if nothing; None if that is longer than anybody here waits (RFC 9110 10.2.3)."""
    if retry_after is None:
        return 0.0
    try:
        seconds = float(retry_after)
    except ValueError:  # a date
        return None
    return seconds if 0 <= seconds <= _LONGEST_WAIT else None


def _read(incoming: Incoming, cancel: Cancel) -> bytes:
    raw = b""
    try:
        for piece in incoming:
            raw += piece
            if len(raw) > _MOST_OF_AN_ERROR:
                return b""
    except CallCancelled:
        if cancel.is_asked:
            raise ClientGone from None
    except EgressFailed:
        return b""
    finally:
        incoming.close()
    return raw


def _ms(began: float) -> int:
    return int((time.monotonic() - began) * 1000)
