"""A call to a provider, from the question to the answer that the client is given."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

from appliance.gateway import hooks as looking
from appliance.gateway.answering import EVENTS, JSON, Answering, ClientGone, failed
from appliance.gateway.attempts import Ask, Attempts, Reached
from appliance.gateway.clouds import CLOUDS, token_count
from appliance.gateway.dialects import AnswerUnreadable, Dialect, TokenCount, read_error, usage_of
from appliance.gateway.dialects.crossing import cross_answer
from appliance.gateway.dialects.errors import concealed, without_keys
from appliance.gateway.dialects.eventstream import CONTENT_TYPE
from appliance.gateway.dialects.sse import read_json, write_json
from appliance.gateway.endpoints import Endpoint
from appliance.gateway.hooks import Hook
from appliance.gateway.passing import Sent, stream_for
from appliance.gateway.record import NOTHING, Record, Settlement
from appliance.gateway.streaming import Relay
from appliance.gateway.values import State
from appliance.kernel.egress import CallCancelled, Cancel, EgressFailed
from appliance.vault.providing import ProviderKind

_PLAIN: Final = {None, "", "identity"}


class Calls:
    """Makes them."""

    def __init__(self, record: Record, attempts: Attempts, hooks: Sequence[Hook]) -> None:
        self._record, self._attempts, self._hooks = record, attempts, hooks

    def make(self, ask: Ask, cancel: Cancel) -> Answering:
        """Return the answer; a stream is settled as it ends. Raises a Refusal, before anything of it went out; ClientGone."""
        reached = self._attempts.reach(ask, cancel)
        if reached.error is not None:
            answer = _passed_error(ask, reached)
        elif (reached.incoming.header("content-encoding") or "").lower() not in _PLAIN:
            reached.incoming.close()
            self._settle(reached, Settlement("unknown", None, code=AnswerUnreadable.code))
            raise AnswerUnreadable("it is compressed, which was not asked for")
        elif _is_streamed(reached):
            answer = self._streamed(ask, reached)
        else:
            answer = self._whole(ask, reached)
        answer.headers |= {"Cloister-Call": str(reached.call.call_id), "Cloister-Model": str(reached.call.plan.target)}
        if reached.call.warned:
            said = (f"{quote(one.name)};percent={one.percent}" for one in reached.call.warned)
            answer.headers["Cloister-Budget-Warning"] = ", ".join(said)
        return answer

    def _streamed(self, ask: Ask, reached: Reached) -> Answering:
        stream = stream_for(ask.parsed, ask.endpoint, reached.call.way, reached.sent, is_wrapped=_is_wrapped(reached))
        reached = replace(reached, sent=Sent(b""))  # a long answer does not hold the question
        relay = Relay(
            reached.incoming, stream, looking.after(self._hooks), lambda end: self._settle(reached, end),
            dialect=ask.endpoint.dialect, began=reached.began,
        )  # fmt: skip
        return Answering(200, relay, {"Content-Type": EVENTS, "X-Accel-Buffering": "no"})

    def _whole(self, ask: Ask, reached: Reached) -> Answering:
        raw, body = self._read(reached, is_crossed=reached.call.way.dialect is not ask.endpoint.dialect)
        used = NOTHING if ask.endpoint is Endpoint.COUNT_TOKENS else usage_of(reached.call.way.dialect, body)
        try:
            told = _translated(ask, reached, raw, body)
        except AnswerUnreadable as refusal:
            self._end(reached, "unknown", used, code=refusal.code)
            raise
        for one in looking.after(self._hooks):
            told = one.feed(told) + one.close()
        self._end(reached, "completed", used, digest=hashlib.sha256(told).digest())
        return Answering(reached.incoming.status, told, {"Content-Type": JSON})

    def _read(self, reached: Reached, *, is_crossed: bool) -> tuple[bytes, dict[str, Any]]:
        try:
            raw = reached.incoming.read()
            body = read_json(raw, with_any_number=not is_crossed)
        except CallCancelled:
            self._end(reached, "cancelled", None)
            raise ClientGone from None
        except EgressFailed as refusal:
            self._end(reached, "unknown", None, code=refusal.code)
            raise
        except ValueError:
            body = None
        if not isinstance(body, dict):
            self._end(reached, "unknown", None, code=AnswerUnreadable.code)
            raise AnswerUnreadable("it is no JSON object")
        return raw, body

    def _end(
        self, reached: Reached, state: State, used: TokenCount | None, *, code: str | None = None,
        digest: bytes | None = None,
    ) -> None:  # fmt: skip
        took = int((time.monotonic() - reached.began) * 1000)
        self._settle(reached, Settlement(state, used, reached.incoming.status, code, digest, took, took))

    def _settle(self, reached: Reached, end: Settlement) -> None:
        self._record.settle(reached.call, end)


def _is_streamed(reached: Reached) -> bool:
    return _kind_of(reached).startswith("text/event-stream") or _is_wrapped(reached)


def _is_wrapped(reached: Reached) -> bool:
    return reached.sent.is_wrapped and _kind_of(reached).startswith(CONTENT_TYPE)


def _kind_of(reached: Reached) -> str:
    return (reached.incoming.header("content-type") or "").lower()


def _translated(ask: Ask, reached: Reached, raw: bytes, body: dict[str, Any]) -> bytes:
    theirs = reached.call.way.dialect
    if ask.endpoint is Endpoint.COUNT_TOKENS and reached.call.way.provider.kind is ProviderKind.BEDROCK:
        return token_count(body)
    if theirs is ask.endpoint.dialect:
        return without_keys(raw) if body.get("error") else raw  # some servers tell errors as if all were well
    return write_json(cross_answer(ask.endpoint.dialect, theirs, body, asked=ask.parsed.body))


def _passed_error(ask: Ask, reached: Reached) -> Answering:
    """Return a provider's error: as it came to whoever speaks its dialect, else in the client's own form."""
    ours, theirs, raw = ask.endpoint.dialect, reached.call.way.dialect, reached.error or b""
    status = reached.incoming.status
    fault = read_error(status, raw)
    if reached.call.lent.provider.is_shared and concealed(fault) is not fault:
        answer = failed(ours, concealed(fault), request_id=ask.caller.request_id or "")
    elif ours is theirs and _is_told_in(theirs, raw, is_cloud=reached.call.way.provider.kind in CLOUDS):
        answer = Answering(status, without_keys(raw), {"Content-Type": JSON})
    else:
        answer = failed(ours, fault, request_id=ask.caller.request_id or "")
    if reached.retry_after:
        answer.headers["Retry-After"] = reached.retry_after
    return answer


def _is_told_in(dialect: Dialect, raw: bytes, *, is_cloud: bool) -> bool:
    """Say whether an error can be told as it came. A cloud has a form of its own for what the model did not say."""
    try:
        body = read_json(raw, with_any_number=True)
    except ValueError:
        return False
    if not isinstance(body, dict) or not is_cloud:
        return isinstance(body, dict)
    said = body.get("error")
    if not isinstance(said, dict) or not isinstance(said.get("message"), str):
        return False
    return body.get("type") == "error" if dialect is Dialect.MESSAGES else "status" not in said
