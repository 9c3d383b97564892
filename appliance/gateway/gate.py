"""The gate for programs: a function of a request's bytes that returns an answer, or a stream that must be closed.

Whoever listens (Flask today, a faster door tomorrow) hands over headers and bytes, and a `Cancel` that it pulls when the
client hangs up. Trusted: nothing of the request. Who asks is decided by the key alone; what is refused costs nothing, is
on record, and is told in the client's own dialect.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from appliance import audit, identity
from appliance.audit import Event, NewEntry
from appliance.gateway import hooks as looking
from appliance.gateway.answering import Answering, ClientGone, failed, merged, refused
from appliance.gateway.attempts import Ask
from appliance.gateway.dialects import Dialect, Fault
from appliance.gateway.embedding import embedded
from appliance.gateway.endpoints import Endpoint
from appliance.gateway.errors import (
    CallKeyMissing,
    CallKeysDiffer,
    EndpointUnsupported,
    ModelNotFound,
    RequestEncoded,
    RequestMalformed,
)
from appliance.gateway.estimating import answer_tokens, prompt_tokens
from appliance.gateway.flow import Gateway
from appliance.gateway.guarding import Guard, LookedTooLittle, Looking, Standing, Treated
from appliance.gateway.line import Line
from appliance.gateway.listing import listed
from appliance.gateway.models import BOT
from appliance.gateway.pacing import Place
from appliance.gateway.requests import Parsed, parse, texts
from appliance.gateway.rules import admit, asked_of
from appliance.gateway.talking import talked
from appliance.gateway.trying import Rehearsal, Tried, Trying
from appliance.gateway.values import Asker, Bots
from appliance.identity import Caller, Permission
from appliance.kernel.clock import Clock
from appliance.kernel.computing import Aside, here
from appliance.kernel.db import Database, DatabaseBusy
from appliance.kernel.egress import Cancel, Egress
from appliance.kernel.errors import Refusal
from appliance.kernel.log import logger
from appliance.policy import Asked, Call
from appliance.vault import Vault

log = logger("gateway")
Throttle = Callable[[Caller], Mapping[str, str]]
_VERSIONS: Final = ("anthropic-version", "anthropic-beta")
_LOOKS: Final = 4
_LONG: Final = 65_536
"""Octets of a request. Shorter ones are looked through in less time than another thread takes to begin."""
_NAME: Final = re.compile(r"[\x21-\x7e]{1,264}")
_FAULT: Final = Fault(
    500, "internal_error", "Something went wrong on our side. It has been noted under this request's id."
)


@dataclass(frozen=True)
class Asking:
    """A request as it came. Names of headers are in small letters.

    The body is read once it is known who asks: nobody else's is waited for.
    """

    headers: Mapping[str, str]
    address: str
    request_id: str
    read: Callable[[], bytes] = bytes

    @property
    def dialect(self) -> Dialect:
        """The dialect of somebody who asks at an address of both: Anthropic's clients always say their version."""
        return Dialect.MESSAGES if "anthropic-version" in self.headers else Dialect.CHAT


class Gate:
    """Answers programs."""

    def __init__(
        self, db: Database, vault: Vault, egress: Egress, gateway: Gateway, line: Line, *, bots: Bots, clock: Clock,
        guesses: identity.Guesses, tally: identity.Tally, aside: Aside = here,
    ) -> None:  # fmt: skip
        self._db, self._gateway, self._bots, self._hooks, self._clock = db, gateway, bots, line.hooks, clock
        self._arrivals = identity.Arrivals(db, guesses, tally, clock=clock)
        self._naming, self._pacing, self._record, self._calls = line.naming, line.pacing, line.record, line.calls
        self._aside = aside
        self._rehearsal = Rehearsal(db, vault, egress, bots, self._names_here, line.prices, clock=clock)
        self._guard = Guard(db, line.inspector)

    def answer(self, endpoint: Endpoint, asking: Asking, *, throttle: Throttle, cancel: Cancel) -> Answering:
        """Return the answer to a question. Raises ClientGone where nobody waits for it any more."""

        def made(caller: Caller) -> Answering:
            with self._pacing.place() as place:
                return place.until_end_of(self._made(endpoint, asking, caller, cancel, place))

        return self._guarded(asking, endpoint.dialect, throttle, made)

    def ask(self, endpoint: Endpoint, asking: Asking, caller: Caller, *, cancel: Cancel) -> Answering:
        """Return the answer to somebody whom another door knows already. Raises a Refusal, ClientGone."""
        identity.require(caller, Permission.MODEL_CALL)
        with self._pacing.place() as place:
            return place.until_end_of(self._made(endpoint, asking, caller, cancel, place))

    def list_models(self, asking: Asking, *, throttle: Throttle, name: str | None = None) -> Answering:
        """Return what the key can ask, or one of it, as the client's dialect lists models."""

        def made(caller: Caller) -> Answering:
            caller = self._again(caller)
            bots = self._bots.find(caller) if identity.may(caller, Permission.CHAT) else []
            with self._db.tenant(caller.tenant_id) as tx:
                return listed(tx, caller, asking.dialect, bots, self._gateway.embedding_models, name=name)

        return self._guarded(asking, asking.dialect, throttle, made)

    def try_call(self, caller: Caller, trying: Trying) -> Tried:
        """Return whether a call would pass, and why; none is made. Raises TokenNotFound, PersonNotFound."""
        return self._rehearsal.try_call(caller, trying)

    def refuse(self, asking: Asking, refusal: Refusal, *, dialect: Dialect | None = None) -> Answering:
        """Return what the door itself refuses."""
        return refused(dialect or asking.dialect, refusal, request_id=asking.request_id)

    def _guarded(
        self, asking: Asking, dialect: Dialect, throttle: Throttle, made: Callable[[Caller], Answering]
    ) -> Answering:
        headers: dict[str, str] = {}
        try:
            caller = self._arrivals.lately(
                key_of(asking.headers), address=asking.address, request_id=asking.request_id
            )
            headers |= throttle(caller)
            identity.require(caller, Permission.MODEL_CALL)
            return merged(made(caller), headers)
        except Refusal as refusal:
            return merged(refused(dialect, refusal, request_id=asking.request_id), headers)
        except ClientGone:
            raise
        except Exception:
            log.exception("call_failed", request_id=asking.request_id)
            return merged(failed(dialect, _FAULT, request_id=asking.request_id), headers)

    def _made(self, endpoint: Endpoint, asking: Asking, caller: Caller, cancel: Cancel, place: Place) -> Answering:
        name = ""
        try:
            if asking.headers.get("content-encoding", "identity").lower() != "identity":
                raise RequestEncoded
            raw = asking.read()
            aside = self._aside if len(raw) > _LONG else here
            parsed = aside(lambda: parse(raw))
            name = _name_of(parsed)
            said = aside(lambda: list(texts(parsed.body)))
            tokens = aside(lambda: (prompt_tokens(endpoint, parsed, said), answer_tokens(endpoint, parsed)))
            place.take(caller, sum(tokens))
            asked = asked_of(endpoint, name, parsed, asking.headers)
            verdicts = aside(lambda: looking.before(self._hooks, said, body=parsed.body))
            looked = self._guard.look(caller, parsed, endpoint, is_chatbots=name.startswith(BOT))
            if self._is_here(name):
                caller = self._again(caller)
                treated = self._admit_here(endpoint, caller, asked, looked)
                return merged(self._answered_here(endpoint, caller, asked, treated.parsed, sum(tokens)), treated.headers)
            targets = self._naming.targets(caller.tenant_id, name)
        except Refusal as refusal:
            self._record.refuse(Asker.of(caller), refusal, model=name)
            raise
        ask = Ask(
            caller, endpoint, parsed, targets, asked, *tokens,
            hashlib.sha256(raw).digest(), verdicts, looked,
            *(asking.headers.get(name) for name in _VERSIONS if endpoint.dialect is Dialect.MESSAGES),
        )  # fmt: skip
        return self._calls.make(ask, cancel)

    def _again(self, caller: Caller) -> Caller:
        """Return who asks, as the database says now; a provider's call looks again when it is admitted."""
        if caller.token_id is None:  # signed in at a page, which asked a moment ago
            return caller
        found = self._arrivals.again(caller)
        identity.require(found, Permission.MODEL_CALL)
        return found

    def _names_here(self) -> set[str]:
        return {*self._gateway.embedding_names, *self._gateway.models}

    def _is_here(self, name: str) -> bool:
        return name.startswith(BOT) or name in self._gateway.models or name in self._gateway.embedding_names

    def _admit_here(self, endpoint: Endpoint, caller: Caller, asked: Asked, looked: Looking) -> Treated:
        """Ask the rules and the policy on data about a model of this host. Of a chatbot's, they are asked when it asks its model."""
        call = Call(endpoint.kind, asked.name, True, True, asked=asked)
        for _ in range(_LOOKS):
            try:
                with self._db.tenant(caller.tenant_id) as tx:
                    rules, on_data = admit(tx, caller, call, self._clock.now())
                    standing = Standing(on_data, frozenset(rules.named(asked.labels)), frozenset(caller.groups), is_local=True)
                    treated = looked.treated(standing)
                    if facts := treated.facts:
                        audit.record_all(tx, [NewEntry(caller.actor, Event.CALL_TEXT_TREATED, facts=facts)])
                    return treated
            except LookedTooLittle as more:
                looked.deepen(more.policy, more.groups)
        raise DatabaseBusy

    def _answered_here(self, endpoint: Endpoint, caller: Caller, asked: Asked, parsed: Parsed, counted_tokens: int) -> Answering:
        name = asked.name
        if endpoint is Endpoint.EMBEDDINGS and not name.startswith(BOT):
            return embedded(self._gateway, caller, name, parsed.body, aside=self._aside)
        if not name.startswith(BOT):
            reason = "it answers from documents alone; ask a chatbot of yours, bot:<its name in GET /v1/models>"
            raise EndpointUnsupported(model=name, endpoint=endpoint.value, reason=reason)
        if endpoint not in {Endpoint.CHAT_COMPLETIONS, Endpoint.MESSAGES}:
            raise EndpointUnsupported(model=name, endpoint=endpoint.value, reason="it is a chatbot")
        return talked(self._bots, caller, name, parsed.body, endpoint.dialect, asked.labels, counted_tokens)


def key_of(headers: Mapping[str, str]) -> str:
    """Return the key that came. Raises CallKeyMissing, CallKeysDiffer."""
    given = headers.get("authorization", "").strip()
    scheme, _, bearer = given.partition(" ")
    plain, bearer = headers.get("x-api-key", "").strip(), bearer.strip()
    is_bearer = scheme.lower() == "bearer" and bool(bearer)
    if given and not is_bearer:
        raise CallKeysDiffer if plain else CallKeyMissing
    if plain and is_bearer and plain != bearer:
        raise CallKeysDiffer
    if not (plain or bearer):
        raise CallKeyMissing
    return bearer or plain


def _name_of(parsed: Parsed) -> str:
    name: Any = parsed.body.get("model")
    if not isinstance(name, str):
        raise RequestMalformed(reason="it names no `model`")
    if not _NAME.fullmatch(name):
        raise ModelNotFound
    return name
