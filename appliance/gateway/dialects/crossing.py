"""From any dialect into any other: requests, answers and streams.

A client's dialect is the `source`, the provider's the `target`. Where both are the same, requests and answers are not
for here: they pass byte for byte, and `PassedStream` does so with streams, in the same shape as `CrossStream`.
"""

import time
from collections.abc import Mapping
from typing import Any

from appliance.gateway.dialects.bodies import read_json
from appliance.gateway.dialects.chat_to_messages.answer import cross_answer as messages_into_chat
from appliance.gateway.dialects.chat_to_messages.request import cross_request as chat_into_messages_request
from appliance.gateway.dialects.chat_to_messages.rules import REQUEST as CHAT_REQUEST
from appliance.gateway.dialects.chat_to_messages.stream import MessagesToChat
from appliance.gateway.dialects.errors import concealed, error_event, fault_in_stream, without_keys
from appliance.gateway.dialects.frames import THE_END, UNREADABLE, Broken, Frame, Translation, encoded, unreadable
from appliance.gateway.dialects.messages_to_chat.answer import cross_answer as chat_into_messages
from appliance.gateway.dialects.messages_to_chat.request import cross_request as messages_into_chat_request
from appliance.gateway.dialects.messages_to_chat.rules import REQUEST as MESSAGES_REQUEST
from appliance.gateway.dialects.messages_to_chat.stream import ChatToMessages
from appliance.gateway.dialects.refusals import AnswerUnreadable, EventTooLarge, Untranslatable
from appliance.gateway.dialects.responses_to_chat.answer import cross_answer as chat_into_responses
from appliance.gateway.dialects.responses_to_chat.request import cross_request as responses_into_chat_request
from appliance.gateway.dialects.responses_to_chat.rules import REQUEST as RESPONSES_REQUEST
from appliance.gateway.dialects.responses_to_chat.stream import ChatToResponses
from appliance.gateway.dialects.rules import an_object, names_left_out
from appliance.gateway.dialects.sse import COMMENT, Event, Splitter
from appliance.gateway.dialects.usage import StreamReader, fault_of_event
from appliance.gateway.dialects.values import Dialect, Fault, TokenCount

# What is made here for Anthropic is of this version, the last one with `temperature` and `top_p`, which OpenAI's clients
# send: https://platform.claude.com/docs/en/api/migration-2026-10-21.
ANTHROPIC_VERSION = "2023-06-01"
_CUT_SHORT = "The provider's stream ended before the answer did. The answer is not whole."


def cross_request(
    source: Dialect, target: Dialect, body: object, *, max_tokens_name: str = "max_completion_tokens"
) -> dict[str, Any]:
    """Return the request for the provider. Raises Untranslatable, naming the field.

    `max_tokens_name` is `max_tokens` for servers that speak OpenAI's older chat.
    """
    try:
        if (source, target) == (Dialect.CHAT, Dialect.MESSAGES):
            return chat_into_messages_request(body)
        if (source, target) == (Dialect.MESSAGES, Dialect.CHAT):
            return messages_into_chat_request(body, max_tokens_name=max_tokens_name)
        if (source, target) == (Dialect.RESPONSES, Dialect.CHAT):
            return responses_into_chat_request(body, is_for_claude=False, max_tokens_name=max_tokens_name)
        if (source, target) == (Dialect.RESPONSES, Dialect.MESSAGES):
            return _by_way_of_chat(responses_into_chat_request(body, is_for_claude=True))
    except (ValueError, RecursionError) as error:
        raise Untranslatable("the body", "a number in it is beyond all measure, or it is nested too deeply") from error
    raise _no_way(target)


def _by_way_of_chat(body: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return chat_into_messages_request(body)
    except Untranslatable as refusal:
        first, dot, rest = refusal.field.partition(".")
        name, is_listed, _ = first.partition("[")
        field = _IN_RESPONSES.get(name, name)
        # The items of `input` are not one to one the messages, so the place inside would mislead.
        raise Untranslatable(field if is_listed else field + dot + rest, refusal.reason) from refusal


_IN_RESPONSES = {
    "max_completion_tokens": "max_output_tokens",
    "messages": "input",
    "reasoning_effort": "reasoning.effort",
    "response_format": "text.format",
    "verbosity": "text.verbosity",
}


def fields_left_out(source: Dialect, body: object) -> tuple[str, ...]:
    """Return the fields of a request that the provider of another dialect is not told of, without harm."""
    return names_left_out(_REQUESTS[source], an_object(body, ""))


def cross_answer(
    source: Dialect, target: Dialect, body: object, *, asked: Mapping[str, Any], created: int | None = None
) -> dict[str, Any]:
    """Return the provider's answer as the client's dialect has it; `asked` is what the client sent.

    Raises AnswerUnreadable when the answer is not what the provider's dialect says.
    """
    try:
        if (source, target) == (Dialect.CHAT, Dialect.MESSAGES):
            return messages_into_chat(body, created=_now(created))
        if (source, target) == (Dialect.MESSAGES, Dialect.CHAT):
            return chat_into_messages(body, stops=asked.get("stop_sequences"))
        if source is Dialect.RESPONSES and target is not source:
            whole = body if target is Dialect.CHAT else messages_into_chat(body, created=_now(created))
            return chat_into_responses(whole, asked=asked, created=_now(created))
    except Untranslatable as refusal:
        raise AnswerUnreadable(f"{refusal.field}: {refusal.reason}") from refusal
    except (ValueError, RecursionError) as error:
        raise AnswerUnreadable("a number in it is beyond all measure, or it is nested too deeply") from error
    raise _no_way(target)


class CrossStream:
    """Puts a provider's stream into the client's dialect as it comes; what it does not end well, it ends as an error.

    Trusted: nothing of the stream. `count`, `fault` and `is_finished` say afterwards how the call went.
    """

    def __init__(
        self, source: Dialect, target: Dialect, *, asked: Mapping[str, Any], created: int | None = None,
        conceals: bool = False,
    ) -> None:  # fmt: skip
        self._source, self._target, self._conceals = source, target, conceals
        self._translation = _translation(source, target, asked, created=_now(created))
        self._splitter = Splitter()
        self._sent = 0
        self.fault: Fault | None = None

    @property
    def is_finished(self) -> bool:
        """Whether the answer came to its end, and the client was told so."""
        return self._translation.is_finished

    @property
    def count(self) -> TokenCount | None:
        """What the stream has said so far that was used, or None if it said nothing."""
        return self._translation.count

    def feed(self, chunk: bytes) -> bytes:
        """Return what the client is to be sent for this chunk."""
        told = bytearray()
        try:
            for event in [] if self._is_over else self._splitter.feed(chunk):
                told += b"".join(self._encoded(frame) for frame in self._frames(event))
        except Broken as broken:
            told += self.fail(concealed(broken.fault) if self._conceals else broken.fault)
        except EventTooLarge as refusal:
            told += self.fail(Fault(502, refusal.code, str(refusal)))
        except Untranslatable as refusal:
            told += self.fail(unreadable(f"{refusal.field}: {refusal.reason}").fault)
        return bytes(told)

    def close(self) -> bytes:
        """Return what the client is to be sent when the provider sends no more."""
        return b"" if self._is_over else self.fail(Fault(502, UNREADABLE, _CUT_SHORT))

    def fail(self, fault: Fault) -> bytes:
        """Return the error that ends the stream, for whoever breaks it off; nothing once it is over."""
        if self._is_over:
            return b""
        self.fault = fault
        return error_event(self._source, fault, sequence_number=self._sent)

    @property
    def _is_over(self) -> bool:
        return self.is_finished or self.fault is not None

    def _frames(self, event: Event) -> list[Frame]:
        if self.is_finished:
            return []
        if event.data is None or (event.data == "[DONE]" and self._target is not Dialect.CHAT):
            return [_LIFE]
        if event.data.strip() == "[DONE]":
            return self._translation.take(THE_END)
        try:
            body = read_json(event.data)
        except ValueError as error:
            raise unreadable("an event is not JSON") from error
        if not isinstance(body, dict):
            raise unreadable("an event is not an object")
        if fault := fault_in_stream(event.name, body):
            raise Broken(fault)
        return self._translation.take(Frame(body, event.name))

    def _encoded(self, frame: Frame) -> bytes:
        if frame is _LIFE:
            return COMMENT
        if self._source is Dialect.RESPONSES and frame.body:
            frame = Frame(frame.body | {"sequence_number": self._sent})
            self._sent += 1
        return encoded(self._source, frame)


class PassedStream:
    """Passes a stream on as it is, whole events at a time, and ends as an error what the provider does not end well.

    An error of the provider's own is passed on as it is but for what looks like a key; or, if it `conceals`, not at all
    where it tells of everybody who shares a key.
    """

    def __init__(self, dialect: Dialect, *, conceals: bool = False) -> None:
        self._dialect, self._conceals = dialect, conceals
        self._splitter = Splitter()
        self._reader = StreamReader(dialect)
        self._broken: Fault | None = None

    @property
    def is_finished(self) -> bool:
        """Whether the answer came to its end."""
        return self._reader.is_finished and self.fault is None

    @property
    def fault(self) -> Fault | None:
        """Why the stream broke off, if it did."""
        return self._broken or self._reader.fault

    @property
    def count(self) -> TokenCount | None:
        """What the stream has said so far that was used, or None if it said nothing."""
        return self._reader.count

    def feed(self, chunk: bytes) -> bytes:
        """Return what the client is to be sent for this chunk: the events that it completes, as they came."""
        if self.fault:
            return b""
        try:
            events = self._splitter.whole(chunk)
        except EventTooLarge as refusal:
            return self.fail(Fault(502, refusal.code, str(refusal)))
        self._reader.read(events)
        return events if self._reader.fault is None else self._broken_off(events, self._reader.fault)

    def _broken_off(self, events: bytes, fault: Fault) -> bytes:
        """Return the events before the error, and the error; nothing follows it."""
        told = bytearray()
        for event in Splitter().feed(events):
            if fault_of_event(event) is None:
                told += event.raw
            elif self._conceals and (ours := concealed(fault)) is not fault:
                return bytes(told + error_event(self._dialect, ours))
            else:
                return bytes(told + without_keys(event.raw))
        return bytes(told)

    def close(self) -> bytes:
        """Return what the client is to be sent when the provider sends no more."""
        if self._reader.is_finished or self.fault:
            return b"" if self._broken else self._splitter.rest
        return self.fail(Fault(502, UNREADABLE, _CUT_SHORT))

    def fail(self, fault: Fault) -> bytes:
        """Return the error that ends the stream, for whoever breaks it off; nothing once it is over."""
        if self.is_finished or self.fault:
            return b""
        self._broken = fault
        return error_event(self._dialect, fault)


def stream_between(
    source: Dialect, target: Dialect, *, asked: Mapping[str, Any], conceals: bool = False
) -> CrossStream | PassedStream:
    """Return what stands between provider and client. Raises Untranslatable."""
    if source is target:
        return PassedStream(source, conceals=conceals)
    return CrossStream(source, target, asked=asked, conceals=conceals)


class _Both:
    """One translation after the other."""

    def __init__(self, first: Translation, second: Translation) -> None:
        self._first, self._second = first, second

    @property
    def is_finished(self) -> bool:
        return self._second.is_finished

    @property
    def count(self) -> TokenCount | None:
        return self._first.count

    def take(self, frame: Frame) -> list[Frame]:
        return [last for between in self._first.take(frame) for last in self._second.take(between)]


_LIFE = Frame(name="a comment")
_REQUESTS = {
    Dialect.CHAT: CHAT_REQUEST,
    Dialect.MESSAGES: MESSAGES_REQUEST,
    Dialect.RESPONSES: RESPONSES_REQUEST,
}


def _translation(source: Dialect, target: Dialect, asked: Mapping[str, Any], *, created: int) -> Translation:
    if (source, target) == (Dialect.CHAT, Dialect.MESSAGES):
        return MessagesToChat(created=created, with_usage=wants_usage(asked))
    if (source, target) == (Dialect.MESSAGES, Dialect.CHAT):
        return ChatToMessages(stops=asked.get("stop_sequences"))
    if (source, target) == (Dialect.RESPONSES, Dialect.CHAT):
        return ChatToResponses(asked=asked, created=created)
    if (source, target) == (Dialect.RESPONSES, Dialect.MESSAGES):
        first = MessagesToChat(created=created, with_usage=True)
        return _Both(first, ChatToResponses(asked=asked, created=created))
    raise _no_way(target)


def wants_usage(asked: Mapping[str, Any]) -> bool:
    """Say whether a chat's client asked for the chunk that tells what was used."""
    options = asked.get("stream_options")
    return isinstance(options, Mapping) and bool(options.get("include_usage"))


def _no_way(target: Dialect) -> Untranslatable:
    return Untranslatable("the dialect", f"this provider is asked as {target.value}, into which nothing is translated")


def _now(created: int | None) -> int:
    return int(time.time()) if created is None else created
