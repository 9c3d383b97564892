"""An organisation's policy on data, over what programs ask of models and what these answer.

A request is looked through before a transaction begins, as deep as the policy asked for that was last seen; the policy in force
is read with all else that an admission reads, decides for the provider of each attempt, and if it asks for more than was looked
for, the looking is done again before anything is sent. So no call makes a trip more, and none goes by an old policy.

Trusted: nothing of the texts. Not kept: values, anywhere; of what was found, the record has categories and their numbers.
"""

import time
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol
from urllib.parse import quote
from uuid import UUID

from appliance import dlp
from appliance.dlp import Action, Category, Circumstances, Decided, Direction, Finding, OwnRules, Policy, Surrogates
from appliance.dlp.surrogate_forms import redacted
from appliance.gateway.endpoints import Endpoint
from appliance.gateway.errors import TextRefused
from appliance.gateway.inspecting import Depth, Inspector, Need, need_of
from appliance.gateway.requests import Parsed
from appliance.gateway.said import said_in, with_others
from appliance.gateway.sent_along import Remembered, SentAlong
from appliance.identity import Caller
from appliance.kernel.db import Database
from appliance.kernel.ids import TenantId

_OWN_SECONDS: Final = 1.0
_MOST: Final = 10_000
_LONGEST: Final = 400
_SILENT: Final = Policy()
_NO_NEED: Final = Need()
_LEFT_AS_IT_IS: Final = frozenset({Action.ALLOW, Action.WARN})
_FLOOR_NAME: Final = "that holds for everybody"
WARNED: Final = "Cloister-Data-Warning"
REPLACED: Final = "Cloister-Data-Replaced"


class LookedTooLittle(Exception):
    """The policy in force asks for more than was looked for."""

    def __init__(self, policy: Policy, groups: Collection[UUID]) -> None:
        super().__init__("the policy asks for more")
        self.policy, self.groups = policy, groups


@dataclass(frozen=True)
class Standing:
    """What holds for a call as it is admitted."""

    policy: Policy = _SILENT
    labels: frozenset[str] = frozenset()
    groups: frozenset[UUID] = frozenset()
    is_local: bool = False
    terms: frozenset[str] = frozenset()
    region: str | None = None

    def on(self, direction: Direction) -> Circumstances:
        """Return the circumstances of a text on this way."""
        return Circumstances(direction, self.labels, self.groups, self.is_local, self.terms, self.region)


_NOWHERE: Final = Standing()
_NOTHING_ASKED: Final = Parsed("", {}, {}, {})


@dataclass(frozen=True)
class Treated:
    """A request as it may go out, and what is to be known for its answer."""

    parsed: Parsed
    standing: Standing = _NOWHERE
    verdict: str = ""
    decided: tuple[Decided, ...] = ()
    surrogates: Surrogates | None = field(default=None, repr=False)
    answers: Need = _NO_NEED
    own: OwnRules = field(default=dlp.NOTHING, repr=False)

    @property
    def for_answer(self) -> "Treated":
        """Return what is to be known for the answer, without the request: a long answer does not hold the question."""
        return replace(self, parsed=_NOTHING_ASKED)

    @property
    def headers(self) -> dict[str, str]:
        """What the program is told of it."""
        warned = listed(self.decided, {Action.WARN})
        replaced = listed(self.decided, {Action.REDACT, Action.TOKENISE})
        return ({WARNED: warned} if warned else {}) | ({REPLACED: replaced} if replaced else {})

    @property
    def facts(self) -> dict[str, str | int] | None:
        """What the log says of it, None where nothing was done."""
        return facts_of(self.decided, self.standing, Direction.PROMPT)


class Looked(Protocol):
    """A request whose texts were looked through before it is admitted."""

    def deepen(self, policy: Policy, groups: Collection[UUID], /) -> None:
        """Look as deep as this policy asks for."""
        ...

    def treated(self, standing: Standing) -> Treated:
        """Return the request as it may go where this holds. Raises a Refusal, LookedTooLittle."""
        ...


def listed(decided: Iterable[Decided], actions: Collection[Action]) -> str:
    """Return categories and their numbers as a header has them."""
    counts = Counter(one.finding.category.value for one in decided if one.action in actions)
    return ", ".join(f"{quote(name)};count={number}" for name, number in sorted(counts.items()))


def facts_of(decided: Iterable[Decided], standing: Standing, direction: Direction) -> dict[str, str | int] | None:
    """Return what the log says of what was done, None for nothing."""
    counts = counted(decided)
    if not counts:
        return None
    return {"way": direction.value, "policy": standing.policy.version, "done": counts}


def counted(decided: Iterable[Decided]) -> str:
    """Return what was done about how many of which category; what was let through is not told."""
    counts = Counter((one.action, one.finding.category) for one in decided if one.action is not Action.ALLOW)
    return " ".join(f"{action}:{category.name}={number}" for (action, category), number in sorted(counts.items(), key=lambda one: (one[0][0], one[0][1].name)))[:_LONGEST]


def _refuse_in_files(decided: Iterable[Decided], policy: Policy) -> None:
    """Raise TextRefused for the first finding in a file that may not go on as it is: a file is not written anew."""
    for one in decided:
        if one.action not in _LEFT_AS_IT_IS:
            named = policy.names.get(one.rule_id) or str(one.rule_id) if one.rule_id else _FLOOR_NAME
            category = one.finding.category.value
            raise TextRefused(category=category if one.finding.category is Category.UNREADABLE else f"{category} in a file", rule=named)


def refuse_blocked(decided: Iterable[Decided], policy: Policy) -> None:
    """Raise TextRefused for the first finding that may not go on, naming the rule; the floor's own refusal where no rule says so."""
    for one in decided:
        if one.action is Action.BLOCK:
            category = one.finding.category.value
            if one.rule_id is None:
                raise dlp.DlpBlocked(category=category)
            raise TextRefused(category=category, rule=policy.names.get(one.rule_id) or str(one.rule_id))


class Guard:
    """Knows of each organisation which policy was in force last. Shared by all threads."""

    def __init__(self, db: Database, inspector: Inspector) -> None:
        self._db, self.inspector, self.remembered = db, inspector, Remembered()
        self._seen: dict[TenantId, Policy] = {}
        self._own: dict[TenantId, tuple[float, OwnRules]] = {}

    def look(self, caller: Caller, parsed: Parsed, endpoint: Endpoint, *, is_chatbots: bool = False) -> "Looking":
        """Return a request looked through, as the policy asks for that was last seen. Raises ModelMissing.

        What is asked of a chatbot, its room treats when it asks a model.
        """
        looking = Looking(self, caller, parsed, is_reversible=endpoint is not Endpoint.EMBEDDINGS, is_chatbots=is_chatbots)
        if not is_chatbots:
            looking.deepen(self._seen.get(caller.tenant_id, _SILENT), caller.groups)
        return looking

    def note(self, tenant_id: TenantId, policy: Policy) -> None:
        """Take note of the policy in force."""
        if len(self._seen) >= _MOST:
            self._seen.clear()
        self._seen[tenant_id] = policy

    def own(self, tenant_id: TenantId) -> OwnRules:
        """Return the organisation's own rules, at most a second old."""
        known = self._own.get(tenant_id)
        if known is None or time.monotonic() - known[0] > _OWN_SECONDS:
            with self._db.tenant(tenant_id) as tx:
                known = time.monotonic(), dlp.own_rules(tx)
            fresh = {one: found for one, found in self._own.items() if known[0] - found[0] <= _OWN_SECONDS}
            self._own = fresh | {tenant_id: known}
        return known[1]


class Looking:
    """One request, and what was found in it. Of one thread."""

    def __init__(self, guard: Guard, caller: Caller, parsed: Parsed, *, is_reversible: bool, is_chatbots: bool) -> None:
        self._guard, self._caller, self._parsed, self._is_reversible = guard, caller, parsed, is_reversible
        self._is_chatbots = is_chatbots
        self._need, self._answers, self._own = Need(), Need(), dlp.NOTHING
        self._texts: list[str] = []
        self._found: list[list[Finding]] = []
        self._files = SentAlong(parsed.body, guard.remembered, tenant_id=caller.tenant_id, whose=_whose(caller))
        self._in_files: list[Finding] = []

    def deepen(self, policy: Policy, groups: Collection[UUID]) -> None:
        """Look as deep as this policy asks for, and load what its answers take. Raises ModelMissing."""
        need, answers = _needs(policy, groups)
        if not self._need.covers(need):
            self._need = Need(max(need.depth, self._need.depth), min(need.least, self._need.least))
            self._own = self._guard.own(self._caller.tenant_id) if self._need.depth > Depth.FLOOR else dlp.NOTHING
            self._texts = self._texts or list(said_in(self._parsed.body))
            self._found = self._guard.inspector.find_all(self._texts, self._need, self._own, _whose(self._caller))
            self._in_files = self._files.look(self._guard.inspector, self._need, self._own)
        if not self._answers.covers(answers):
            self._guard.inspector.prepare(answers)
            self._answers = Need(max(answers.depth, self._answers.depth), min(answers.least, self._answers.least))
            if answers.depth > Depth.FLOOR and self._own is dlp.NOTHING:
                self._own = self._guard.own(self._caller.tenant_id)

    def treated(self, standing: Standing) -> Treated:
        """Return the request as it may go there. Pure but for a note. Raises TextRefused, DlpBlocked, LookedTooLittle."""
        policy = standing.policy
        if self._is_chatbots:
            return Treated(self._parsed)
        self._guard.note(self._caller.tenant_id, policy)
        if not policy.version:
            return Treated(self._parsed)
        need, answers = _needs(policy, standing.groups)
        if not (self._need.covers(need) and self._answers.covers(answers)):
            raise LookedTooLittle(policy, standing.groups)
        now = standing.on(Direction.PROMPT)
        decided = [dlp.decide(policy, found, now).decided for found in self._found]
        in_files = dlp.decide(policy, self._in_files, now).decided
        refuse_blocked((one for some in decided for one in some), policy)
        _refuse_in_files(in_files, policy)
        everything = (*(one for some in decided for one in some), *in_files)
        parsed, surrogates = self._replaced(decided)
        done = counted(everything)
        verdict = f"dlp=clear policy={policy.version}" + (f" {done}" if done else "")
        return Treated(parsed, standing, verdict, everything, surrogates, answers, self._own)

    def _replaced(self, decided: Sequence[Sequence[Decided]]) -> tuple[Parsed, Surrogates | None]:
        named = [_with(some, {Action.TOKENISE} if self._is_reversible else ()) for some in decided]
        hidden = [_with(some, {Action.REDACT} if self._is_reversible else {Action.REDACT, Action.TOKENISE}) for some in decided]
        if not any(named) and not any(hidden):
            return self._parsed, None
        surrogates = Surrogates() if any(named) else None
        if surrogates is not None:
            for text, found in zip(self._texts, named, strict=True):
                surrogates.note(text, found)
        others = (
            surrogates.written(text, found, hidden=gone).text if surrogates is not None else without(text, gone)
            for text, found, gone in zip(self._texts, named, hidden, strict=True)
        )
        return with_others(self._parsed, iter(others)), surrogates


def without(text: str, findings: Iterable[Finding]) -> str:
    """Return a text with what stands for a value that does not come back."""
    pieces, at = list[str](), 0
    for one in findings:
        pieces += [text[at : one.start], redacted(one.category)]
        at = one.end
    return "".join([*pieces, text[at:]])


def _with(decided: Sequence[Decided], actions: Collection[Action]) -> list[Finding]:
    return [one.finding for one in decided if one.action in actions]


def _needs(policy: Policy, groups: Collection[UUID]) -> tuple[Need, Need]:
    return need_of(policy, Direction.PROMPT, groups), need_of(policy, Direction.ANSWER, groups)


def _whose(caller: Caller) -> bytes:
    """Return what stands for a caller: nobody, by how long an answer takes, learns what another person or token sent."""
    return f"{caller.tenant_id}/{caller.user_id}/{caller.token_id}".encode()
