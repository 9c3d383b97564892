"""A call to a provider, from the question to the answer that the client is given."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

from appliance.gateway import hooks as looking
from appliance.gateway.answering import EVENTS, JSON, Answering, ClientGone, failed
from appliance.gateway.answers import guarding
from appliance.gateway.attempts import Ask, Attempts, Reached
from appliance.gateway.cloud_embeddings import Family, embeddings_told
from appliance.gateway.clouds import CLOUDS, token_count
from appliance.gateway.content import Gathered
from appliance.gateway.dialects import AnswerUnreadable, Dialect, TokenCount, read_error, usage_of
from appliance.gateway.dialects.crossing import cross_answer
from appliance.gateway.dialects.errors import concealed, without_keys
from appliance.gateway.dialects.eventstream import CONTENT_TYPE
from appliance.gateway.dialects.messages_to_converse.answer import cross_answer as converse_answer
from appliance.gateway.dialects.sse import read_json, write_json
from appliance.gateway.endpoints import Endpoint
from appliance.gateway.hooks import Hook
from appliance.gateway.inspecting import Inspector
from appliance.gateway.passing import Sent, stream_for
from appliance.gateway.record import NOTHING, Record, Settlement
from appliance.gateway.streaming import Relay
from appliance.gateway.values import State
from appliance.kernel.egress import CallCancelled, Cancel, EgressFailed
from appliance.kernel.errors import Refusal
from appliance.vault.providing import ProviderKind

_PLAIN: Final = {None, "", "identity"}


class Calls:
    """Makes them."""

    def __init__(self, record: Record, attempts: Attempts, hooks: Sequence[Hook], inspector: Inspector) -> None:
        self._record, self._attempts, self._hooks, self._inspector = record, attempts, hooks, inspector

    def make(self, ask: Ask, cancel: Cancel) -> Answering:
        """Return the answer; a stream is settled as it ends. Raises a Refusal, before anything of it went out; ClientGone."""
        reached = self._attempts.reach(ask, cancel)
        if reached.error is not None:
            answer = _passed_error(ask, reached)
        elif (reached.incoming.header("content-encoding") or "").lower() not in _PLAIN:
            reached.incoming.close()
            said = reached.call.said(reached.sent.body, b"")
            self._settle(reached, Settlement("unknown", None, code=AnswerUnreadable.code, content=said))
            raise AnswerUnreadable("it is compressed, which was not asked for")
        elif _is_streamed(reached):
            answer = self._streamed(ask, reached)
        else:
            answer = self._whole(ask, reached)
        answer.headers |= reached.call.treated.headers if reached.call.treated else {}
        answer.headers |= {"Cloister-Call": str(reached.call.call_id), "Cloister-Model": str(reached.call.plan.target)}
        if reached.call.warned:
            warned = (f"{quote(one.name)};percent={one.percent}" for one in reached.call.warned)
            answer.headers["Cloister-Budget-Warning"] = ", ".join(warned)
        return answer

    def _streamed(self, ask: Ask, reached: Reached) -> Answering:
        stream = stream_for(ask.parsed, ask.endpoint, reached.call.way, reached.sent, is_wrapped=_is_wrapped(reached))
        kept = Gathered(reached.sent.body) if reached.call.kept_days else None
        treated = reached.call.treated.for_answer if reached.call.treated else None
        reached = replace(reached, sent=Sent(b""), call=replace(reached.call, treated=treated))  # a long answer does not hold the question
        guarded = guarding(self._inspector, ask.endpoint, treated)
        filters = [*([guarded] if guarded else []), *looking.after(self._hooks)]
        relay = Relay(
            reached.incoming, stream, filters,
            lambda end: self._settle(reached, replace(end, found=guarded.facts if guarded else None)),
            dialect=ask.endpoint.dialect, began=reached.began, kept=kept,
        )  # fmt: skip
        return Answering(200, relay, {"Content-Type": EVENTS, "X-Accel-Buffering": "no"})

    def _whole(self, ask: Ask, reached: Reached) -> Answering:
        is_crossed = reached.call.way.dialect is not ask.endpoint.dialect or bool(reached.sent.family or reached.sent.converse)
        raw, body = self._read(reached, is_crossed=is_crossed)
        used = NOTHING if ask.endpoint is Endpoint.COUNT_TOKENS else None
        try:
            if reached.sent.family:
                told, used = _embedded(reached.sent.family, ask, reached, body)
            else:
                if reached.sent.converse:
                    body = converse_answer(body, model=reached.sent.converse)
                    raw = write_json(body)
                if ask.endpoint is not Endpoint.COUNT_TOKENS:
                    used = usage_of(reached.call.way.dialect, body)
                told = _translated(ask, reached, raw, body)
        except AnswerUnreadable as refusal:
            self._end(reached, "unknown", used, code=refusal.code)
            raise
        for one in looking.after(self._hooks):
            told = one.feed(told) + one.close()
        guarded = guarding(self._inspector, ask.endpoint, reached.call.treated)
        try:
            told = guarded.whole(told) if guarded else told
        except Refusal as refusal:
            self._end(reached, "completed", used, code=refusal.code, found=guarded.facts if guarded else None)
            raise
        self._end(
            reached, "completed", used, digest=hashlib.sha256(told).digest(), told=told, found=guarded.facts if guarded else None
        )
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
        digest: bytes | None = None, told: bytes = b"", found: Mapping[str, str | int] | None = None,
    ) -> None:  # fmt: skip
        took = int((time.monotonic() - reached.began) * 1000)
        said = reached.call.said(reached.sent.body, told)
        self._settle(reached, Settlement(state, used, reached.incoming.status, code, digest, took, took, found=found, content=said))

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


def _embedded(family: Family, ask: Ask, reached: Reached, body: dict[str, Any]) -> tuple[bytes, TokenCount | None]:
    """Return a cloud's vectors in OpenAI's form; what it does not count, counts as reserved."""
    found = embeddings_told(family, reached.call.plan.target.model, ask.parsed.body, body, reached.incoming.header)
    return write_json(found.body), None if found.tokens is None else TokenCount(input=found.tokens)


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
