"""Would this call pass, and why: every rule is asked as before a call, and nothing is called, reserved or borrowed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from appliance import budgets, identity, policy
from appliance.budgets import Charge, Payer
from appliance.gateway.endpoints import Endpoint, Way, way_to
from appliance.gateway.models import BOT, Target
from appliance.gateway.naming import targets_of
from appliance.gateway.prices import Priced, Prices
from appliance.gateway.prompting import MOST_TOKENS
from appliance.gateway.rules import place_of, where
from appliance.gateway.values import Bots
from appliance.identity import Caller, Permission, UserId
from appliance.identity.errors import TokenMisplaced, TokenRefused
from appliance.identity.tokens import caller_by_person, caller_by_token
from appliance.identity.values import UNLIMITED
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.egress import Egress
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import new_id
from appliance.policy import LOCAL, Asked, Call, Rules, Verdict
from appliance.vault import Vault
from appliance.vault.providing import find_lender

_UNBOUNDED_ANSWER: Final = 1_000
_OF_BOTS: Final = {Endpoint.CHAT_COMPLETIONS, Endpoint.MESSAGES}


class Step(StrEnum):
    """What is asked of a call, in this order."""

    KEY = "key"
    NAME = "name"
    LABELS = "labels"
    KEY_LIMITS = "key limits"
    ALLOWED = "allowed models"
    RULE = "rule"
    LABEL = "data label"
    PROVIDER = "provider"
    ENDPOINT = "endpoint"
    HOST = "host"
    BUDGET = "budget"


SAID: Final[Mapping[Step, str]] = {
    Step.KEY: "The key, or the person, may call models.",
    Step.NAME: "There is a model of this name.",
    Step.LABELS: "{label} is a data label here.",
    Step.PROVIDER: "The provider has a key in force.",
    Step.ENDPOINT: "The model can be asked there.",
    Step.HOST: "The operator allows its host.",
    Step.BUDGET: "Every budget that applies has enough left for the answer.",
}
NO_NAME: Final = "There is no model of this name for this key or person."
CLOSED: Final = "{model} cannot be asked at {endpoint}."
NOT_ADDRESSED: Final = "{label} is no data label here."
SENTENCES: Final = (*SAID.values(), NO_NAME, CLOSED, NOT_ADDRESSED)
_STEPS: Final = {
    policy.Source.KEY: Step.KEY_LIMITS, policy.Source.ALLOWED: Step.ALLOWED, policy.Source.RULE: Step.RULE,
    policy.Source.LABEL: Step.LABEL,
}  # fmt: skip


@dataclass(frozen=True)
class Trying:
    """A call that nobody makes. Whose: a token's, a person's, or else one's own. `at` None is now, `address` None anywhere."""

    endpoint: Endpoint
    model: str
    token_id: UUID | None = None
    user_id: UserId | None = None
    tools: tuple[str, ...] = ()
    answer_tokens: int | None = None
    labels: tuple[str, ...] = ()
    address: str | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class Check:
    """What one of the steps says. `reason` is a sentence with places for `facts`; `target` the model that it is about."""

    step: Step
    passes: bool
    reason: str
    facts: Mapping[str, str | int] = field(default_factory=dict)
    rule: str = ""
    aspect: str = ""
    target: str = ""

    def __str__(self) -> str:
        return self.reason.format(**self.facts)


@dataclass(frozen=True)
class Tried:
    """What came of it. A name with several models behind it passes by the first of them that does, which is `model`."""

    passes: bool
    checks: tuple[Check, ...]
    model: str | None = None
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Case:
    """A call that is tried, as far as it is known who asks for what."""

    subject: Caller
    trying: Trying
    asked: Asked
    rules: Rules
    clock: Clock
    bots: Mapping[str, str]

    def verdicts(self, model: str, provider: str, *, is_local: bool) -> list[Check]:
        return [_of_verdict(one) for one in policy.judge(
            self.call(model, provider, is_local=is_local), self.rules, groups=self.subject.groups,
            limits=self.subject.limits, now=self.clock.now(),
        )]  # fmt: skip

    def call(self, model: str, provider: str, *, is_local: bool) -> Call:
        return Call(self.trying.endpoint.kind, model, True, is_local, provider, self.asked)

    def closed(self) -> Check:
        facts = {"model": self.trying.model, "endpoint": self.trying.endpoint.value}
        return Check(Step.ENDPOINT, False, CLOSED, facts)


class Rehearsal:
    """Tries calls out."""

    def __init__(
        self, db: Database, vault: Vault, egress: Egress, bots: Bots, here: Callable[[], set[str]], prices: Prices, *,
        clock: Clock,
    ) -> None:  # fmt: skip
        self._db, self._vault, self._egress, self._bots, self._here, self._clock = db, vault, egress, bots, here, clock
        self._prices = prices

    def try_call(self, caller: Caller, trying: Trying) -> Tried:
        """Return what each step says of a call. Raises TokenNotFound, PersonNotFound."""
        identity.require_granted(caller, Permission.MODEL_CHANGE)
        clock = _At(trying.at or self._clock.now())
        with self._db.tenant(caller.tenant_id) as tx:
            subject, key = _subject(tx, caller, trying, clock)
            rules = policy.load(tx)
        if subject is None or not key.passes:
            return Tried(False, (key,))
        bots, labels = self._of_bots(subject, trying, rules)
        asked = Asked(trying.model, where(trying.endpoint), trying.tools, _bound(trying), labels)
        case = _Case(subject, trying, asked, rules, clock, bots)
        head = [key, *_of_labels(trying.labels, rules)]
        with self._db.tenant(caller.tenant_id) as tx:
            found = self._tried(tx, case, head)
        return replace(found, labels=labels)

    def _of_bots(self, subject: Caller, trying: Trying, rules: Rules) -> tuple[Mapping[str, str], tuple[str, ...]]:
        if not (trying.model.startswith(BOT) and identity.may(subject, Permission.CHAT)):
            return {}, tuple(dict.fromkeys(trying.labels))
        borne = self._bots.labels(subject, trying.model.removeprefix(BOT), list(rules.labels)) if rules.labels else []
        bots = {f"{BOT}{one.slug}": one.model for one in self._bots.find(subject)}
        return bots, tuple(dict.fromkeys((*trying.labels, *rules.named(borne))))

    def _tried(self, tx: Tx, case: _Case, head: Sequence[Check]) -> Tried:
        model = case.trying.model
        answering = case.bots.get(model, "")
        if answering and answering not in self._here():
            return self._of_name(tx, _of_writer(case, answering), (*head, *_of_this_host(case)))
        if model in self._here() or model.startswith(BOT):
            found = (*head, *_of_this_host(case), _of_budgets(tx, case, (case.bots.get(model, model),), None, is_here=True))
            return Tried(all(one.passes for one in found), found, model)
        return self._of_name(tx, case, head)

    def _of_name(self, tx: Tx, case: _Case, head: Sequence[Check]) -> Tried:
        try:
            targets = targets_of(tx, case.trying.model)
        except Refusal:
            return Tried(False, (*head, Check(Step.NAME, False, NO_NAME)))
        checks, passing = [*head, _passed(Step.NAME)], None
        for target in targets:
            of_target = [replace(one, target=str(target)) for one in self._of_target(tx, case, target)]
            checks += of_target
            if passing is None and all(one.passes for one in of_target):
                passing = str(target)
        is_good = passing is not None and all(one.passes for one in checks if not one.target)
        return Tried(is_good, tuple(checks), passing if is_good else None)

    def _of_target(self, tx: Tx, case: _Case, target: Target) -> Iterator[Check]:
        yield from case.verdicts(target.model, target.provider, is_local=False)
        try:
            provider = find_lender(tx, self._vault, target.provider, clock=case.clock)
        except Refusal as refusal:
            yield _refused(Step.PROVIDER, refusal)
            return
        yield _passed(Step.PROVIDER)
        call = case.call(target.model, target.provider, is_local=False)
        place = place_of(provider)
        for one in policy.judge_place(call, case.rules, place, groups=case.subject.groups, now=case.clock.now()):
            yield _of_verdict(one)
        try:
            way = way_to(provider, target.model, case.trying.endpoint)
        except Refusal:
            yield replace(case.closed(), facts={"model": str(target), "endpoint": case.trying.endpoint.value})
            return
        yield _passed(Step.ENDPOINT)
        yield _checked(Step.HOST, lambda: self._check_hosts(way))
        named = dict.fromkeys((str(target), f"{target.provider}/{policy.EVERY_MODEL}", case.trying.model))
        yield _of_budgets(tx, case, tuple(named), self._prices.find(target), is_here=False)

    def _check_hosts(self, way: Way) -> None:
        for url in way.urls:
            self._egress.check(url)


@dataclass(frozen=True)
class _At:
    """A clock that stands."""

    moment: datetime

    def now(self) -> datetime:
        return self.moment


def _subject(tx: Tx, caller: Caller, trying: Trying, clock: Clock) -> tuple[Caller | None, Check]:
    try:
        if trying.token_id is not None:
            subject = caller_by_token(tx, trying.token_id, address=trying.address, now=clock.now())
        else:
            subject = caller_by_person(tx, trying.user_id or caller.user_id)
    except (TokenRefused, TokenMisplaced) as refusal:
        return None, _refused(Step.KEY, refusal)
    return subject, _checked(Step.KEY, lambda: identity.require_granted(subject, Permission.MODEL_CALL))


def _of_this_host(case: _Case) -> Iterator[Check]:
    """What stays here: a chatbot asks its model as the person; vectors are made where they are kept."""
    model, is_bot = case.trying.model, case.trying.model.startswith(BOT)
    if is_bot:
        yield _checked(Step.KEY, lambda: identity.require_granted(case.subject, Permission.CHAT))
    yield _passed(Step.NAME) if not is_bot or model in case.bots else Check(Step.NAME, False, NO_NAME)
    yield _passed(Step.ENDPOINT) if case.trying.endpoint in (_OF_BOTS if is_bot else {Endpoint.EMBEDDINGS}) else case.closed()
    yield from case.verdicts(case.bots.get(model, model), LOCAL, is_local=True)


def _of_writer(case: _Case, model: str) -> _Case:
    """Return the call that a chatbot makes of its model elsewhere: the key says nothing of that."""
    trying = replace(case.trying, model=model, endpoint=Endpoint.MESSAGES, answer_tokens=MOST_TOKENS)
    asked = Asked(model, where(Endpoint.MESSAGES), (), MOST_TOKENS, case.asked.labels)
    return replace(case, trying=trying, asked=asked, subject=replace(case.subject, limits=UNLIMITED))


def _of_budgets(tx: Tx, case: _Case, models: tuple[str, ...], priced: Priced | None, *, is_here: bool) -> Check:
    """Ask the counters as a call does, and take it back at once. How much would be read is not known here."""
    is_written = case.trying.endpoint not in {Endpoint.EMBEDDINGS, Endpoint.COUNT_TOKENS}
    answer = (case.trying.answer_tokens or _UNBOUNDED_ANSWER) if is_written else 0
    tokens = 0 if case.trying.endpoint is Endpoint.COUNT_TOKENS else answer + 1
    micros = 0 if is_here else priced.price.at_most(1, answer) if priced else None
    charge = Charge(new_id(), Payer.of(case.subject), models, tokens, micros, priced.currency if priced else None)
    savepoint = tx.begin_nested()
    try:
        return _checked(Step.BUDGET, lambda: _reserved(tx, case, charge))
    finally:
        savepoint.rollback()


def _reserved(tx: Tx, case: _Case, charge: Charge) -> None:
    budgets.reserve(tx, case.subject.actor, charge, clock=case.clock)


def _of_labels(labels: Sequence[str], rules: Rules) -> Iterator[Check]:
    for one in labels:
        is_known = one.casefold() in rules.labels
        reason = SAID[Step.LABELS] if is_known else NOT_ADDRESSED
        yield Check(Step.LABELS, is_known, reason, {"label": one})


def _of_verdict(verdict: Verdict) -> Check:
    step = _STEPS[verdict.source]
    return Check(step, verdict.passes, verdict.reason, verdict.facts, verdict.rule, verdict.aspect.value)


def _checked(step: Step, check: Callable[[], None]) -> Check:
    try:
        check()
    except Refusal as refusal:
        return _refused(step, refusal)
    return _passed(step)


def _passed(step: Step) -> Check:
    return Check(step, True, SAID[step])


def _refused(step: Step, refusal: Refusal) -> Check:
    return Check(step, False, refusal.template, refusal.facts)


def _bound(trying: Trying) -> int | None:
    is_written = trying.endpoint not in {Endpoint.EMBEDDINGS, Endpoint.COUNT_TOKENS}
    return trying.answer_tokens if is_written else -1
