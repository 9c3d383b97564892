"""A provider's model as what answers for a chatbot: on the line that programs' calls take, under the same rules.

What is sent was looked through by the chatbot's room, under the policy and for the provider that were found then; if another policy
is in force, or another contract, as the call is admitted, nothing is sent. What comes back is text, and nothing is believed of it.
"""

import hashlib
import threading
from collections.abc import Collection, Generator, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from appliance import policy
from appliance.dlp import Policy
from appliance.gateway import hooks as looking
from appliance.gateway.answering import Answering, ClientGone
from appliance.gateway.attempts import Ask
from appliance.gateway.dialects.sse import Splitter, read_json
from appliance.gateway.endpoints import Endpoint
from appliance.gateway.errors import ModelBroke, ModelRefused, PolicyMoved
from appliance.gateway.estimating import answer_tokens, prompt_tokens
from appliance.gateway.guarding import Standing, Treated
from appliance.gateway.line import Line
from appliance.gateway.naming import targets_of
from appliance.gateway.pacing import Place
from appliance.gateway.prompting import MOST_TOKENS, body_of
from appliance.gateway.requests import Parsed, texts, written
from appliance.gateway.rules import asked_of, place_of
from appliance.gateway.values import Asker, LabelsOf
from appliance.identity import Caller
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.egress import Cancel
from appliance.kernel.errors import Refusal
from appliance.policy import Contract
from appliance.providers.base import ChatRequest, Delta, Finish, Item
from appliance.vault import Vault
from appliance.vault.providing.lending import find_lender

_OK, _LONGEST = 200, 300
_LONGEST_WAIT: Final = 120
"""Seconds that somebody at a page waits for an answer to begin."""
_LONGEST_ANSWER: Final = 16 * MOST_TOKENS
"""In characters: a provider that says more does not keep to what was asked for."""
_ENDPOINT = Endpoint.MESSAGES


@dataclass(frozen=True)
class Destination:
    """Where a text goes: to a provider's host, under the contracts in force with it."""

    model: str
    provider: str
    host: str
    region: str | None
    contracts: tuple[Contract, ...]
    is_shared: bool

    @property
    def terms(self) -> frozenset[str]:
        """What the contracts grant."""
        return frozenset(term.value for one in self.contracts for term in one.terms)


@dataclass(frozen=True)
class Premises:
    """For whom a text was looked through: what every provider behind a model's name has agreed to, and where all of them are.

    Less is supposed where they differ, or where one of them cannot be told.
    """

    terms: frozenset[str] = frozenset()
    region: str | None = None


NO_PREMISES: Final = Premises()


@dataclass(frozen=True)
class Screened:
    """A request that its room looked through, under a version of the policy and on premises."""

    parsed: Parsed
    version: int
    premises: Premises

    def deepen(self, _policy: Policy, _groups: Collection[UUID], /) -> None:
        """Look no deeper: what asks for more is another policy. Raises PolicyMoved."""
        raise PolicyMoved

    def treated(self, standing: Standing) -> Treated:
        """Return the request as it is. Raises PolicyMoved where less holds than was supposed."""
        is_same = standing.policy.version == self.version
        is_granted = self.premises.terms <= standing.terms and self.premises.region in {None, standing.region}
        if not (is_same and is_granted):
            raise PolicyMoved
        return Treated(self.parsed, verdict=f"dlp=clear policy={self.version}" if self.version else "")


class Writer:
    """Has providers' models answer."""

    def __init__(self, db: Database, vault: Vault, line: Line, *, clock: Clock) -> None:
        self._db, self._vault, self._line, self._clock = db, vault, line, clock

    def destinations(self, tx: Tx, model: str) -> list[Destination]:
        """Return where a text goes that is for this model, in the order in which they are tried.

        Raises ModelNotFound, and what speaks against lending a key. Asking for permission is the caller's part.
        """
        rules, now = policy.load(tx), self._clock.now()
        found = list[Destination]()
        for target in targets_of(tx, model):
            provider = find_lender(tx, self._vault, target.provider, clock=self._clock)
            place = place_of(provider)
            contracts = rules.in_force(place, now)
            region = place.region or next((one.region for one in contracts if one.region), None)
            host = urlsplit(provider.base_url).netloc
            found.append(Destination(str(target), target.provider, host, region, contracts, is_shared=provider.is_shared))
        return found

    def premises(self, tx: Tx, model: str) -> Premises:
        """Return for whom a text that goes to this model is to be looked through."""
        try:
            found = self.destinations(tx, model)
        except Refusal:  # the call itself will say it, or go on to the next
            return NO_PREMISES
        regions = {one.region for one in found}
        return Premises(frozenset.intersection(*(one.terms for one in found)), regions.pop() if len(regions) == 1 else None)

    def stream(
        self, caller: Caller, chatbot_id: UUID, model: str, request: ChatRequest, *, version: int, premises: Premises,
        labels: LabelsOf, counted_tokens: int | None = None,
    ) -> Generator[Item, None, None]:  # fmt: skip
        """Yield the answer as it comes. Raises a Refusal, of which all before the first item mean that nothing was paid.

        `counted_tokens`: the chatbot's call that this is part of was counted already, with so many tokens; what this takes beyond
        them is added to the minute's. None: it is a call of its own. Closing the stream ends the call.
        """
        cancel = Cancel()
        with self._line.pacing.place() as place:
            ask = self._ask(caller, chatbot_id, model, Screened(written(body_of(model, request)), version, premises), labels)
            self._count(place, ask, counted_tokens)
            answering = place.until_end_of(self._made(ask, cancel))
        try:
            yield from _bounded(_items(answering, model), model)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:  # whatever came was not what was agreed on
            raise ModelBroke(model=model, reason="what came cannot be read") from error
        finally:
            if not isinstance(answering.body, bytes):
                answering.body.close()

    def _made(self, ask: Ask, cancel: Cancel) -> Answering:
        late = threading.Timer(_LONGEST_WAIT, cancel.now)
        late.daemon = True
        late.start()
        try:
            return self._line.calls.make(ask, cancel)
        except ClientGone as gone:  # nobody else pulls it
            raise ModelBroke(model=ask.asked.name, reason=f"nothing came within {_LONGEST_WAIT} seconds") from gone
        finally:
            late.cancel()

    def _count(self, place: Place, ask: Ask, counted_tokens: int | None) -> None:
        tokens = ask.prompt_tokens + ask.answer_tokens
        try:
            if counted_tokens is None:
                place.take(ask.caller, tokens)
            else:
                self._line.pacing.add(ask.caller, tokens, counted_tokens=counted_tokens)
        except Refusal as refusal:
            self._refuse(ask.caller, ask.chatbot_id, ask.asked.name, refusal)
            raise

    def _refuse(self, caller: Caller, chatbot_id: UUID | None, model: str, refusal: Refusal) -> None:
        self._line.record.refuse(Asker.of(caller, chatbot_id=chatbot_id), refusal, model=model)

    def _ask(self, caller: Caller, chatbot_id: UUID, model: str, looked: Screened, labels: LabelsOf) -> Ask:
        parsed = looked.parsed
        said = list(texts(parsed.body))
        try:
            with self._db.tenant(caller.tenant_id) as tx:
                rules = policy.load(tx)
                borne = tuple(dict.fromkeys(rules.named(labels(tx, list(rules.labels))))) if rules.labels else ()
            verdicts = looking.before(self._line.hooks, said, body=parsed.body)
            targets = self._line.naming.targets(caller.tenant_id, model)
            asked = asked_of(_ENDPOINT, model, parsed, {})
        except Refusal as refusal:
            self._refuse(caller, chatbot_id, model, refusal)
            raise
        return Ask(
            caller, _ENDPOINT, parsed, targets, policy.Asked(asked.name, asked.endpoint, asked.tools, asked.answer_tokens, borne),
            prompt_tokens(_ENDPOINT, parsed, said), answer_tokens(_ENDPOINT, parsed), hashlib.sha256(parsed.content).digest(),
            verdicts, looked, chatbot_id=chatbot_id,
        )  # fmt: skip


def _bounded(items: Iterator[Item], model: str) -> Iterator[Item]:
    left = _LONGEST_ANSWER
    for item in items:
        left -= len(item.text) if isinstance(item, Delta) else 0
        if left < 0:
            raise ModelBroke(model=model, reason="it is longer than was asked for")
        yield item


def _items(answering: Answering, model: str) -> Iterator[Item]:
    body = answering.body
    if isinstance(body, bytes):
        said = read_json(body)
        if answering.status != _OK:
            raise ModelRefused(model=model, reason=_reason(said))
        yield Delta("".join(one["text"] for one in said["content"] if one.get("type") == "text"))
        used = said.get("usage") or {}
    else:
        used, splitter = {}, Splitter()
        for chunk in body:
            for event in splitter.feed(chunk):
                yield from _told(read_json(event.data or "{}"), used, model)
        if "stop_reason" not in used:
            raise ModelBroke(model=model, reason="it broke off")
    yield Finish("answered", int(used.get("input_tokens") or 0), int(used.get("output_tokens") or 0))


def _told(event: dict[str, Any], used: dict[str, Any], model: str) -> Iterator[Item]:
    """Yield what an event of Anthropic's stream says of the answer, and note what was used."""
    match event.get("type"):
        case "content_block_delta" if event["delta"].get("type") == "text_delta":
            yield Delta(event["delta"]["text"])
        case "message_start":
            used |= event["message"].get("usage") or {}
        case "message_delta":
            used |= event.get("usage") or {}
            used["stop_reason"] = event["delta"].get("stop_reason")
        case "error":
            raise ModelBroke(model=model, reason=_reason(event))


def _reason(said: dict[str, Any]) -> str:
    error = said.get("error")
    return str(error.get("message") if isinstance(error, dict) else error)[:_LONGEST].rstrip(" .")
