"""What a question, what goes to the model with it, and its answer pass on their way out and back (decision 0046).

The organisation's policy on what is found in texts decides: a question may be refused; what else is not to go out goes out as
a surrogate that comes back in the answer, or not at all. An answer is looked at while its surrogates stand in it, and given its
values then. Where a policy has no rule, all is as it comes: the gate alone stops what goes nowhere.

Fails closed: what a detector raises ends the question before anything is sent.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from appliance import dlp
from appliance.chat.errors import AnswerBlocked, QuestionBlocked
from appliance.dlp import (
    Action,
    Category,
    Circumstances,
    Decided,
    Direction,
    Finding,
    OwnRules,
    Policy,
    Stretch,
    Surrogates,
)
from appliance.gateway import ChatRequest, Cited, Passage, Turn
from appliance.gateway.inspecting import Inspector, Need, need_of
from appliance.gateway.writing import Premises

_END: Final = "\0"
"""Stands where an answer is not to go on."""
_WORD: Final = re.compile(r"\w+")
_STRICTNESS: Final = tuple(Action)
_ASKED: Final = (Direction.PROMPT,)
_FOUND: Final = (Direction.PASSAGE,)
_ANSWERED: Final = (Direction.PROMPT, Direction.PASSAGE)
"""What a model said before quotes passages, and says again what it was asked; a program writes it as it likes."""
_HIDDEN: Final = frozenset({Action.REDACT, Action.QUARANTINE, Action.BLOCK})


@dataclass(frozen=True)
class Terms:
    """The policy that a question is asked under, who asks whom, and what its rules are called."""

    policy: Policy
    now: Circumstances
    own: OwnRules = field(default=dlp.NOTHING, repr=False)


@dataclass(frozen=True)
class Counts:
    """How many values were replaced, taken out, and warned about."""

    replaced: int = 0
    removed: int = 0
    warned: int = 0

    def __bool__(self) -> bool:
        return bool(self.replaced or self.removed or self.warned)


@dataclass(frozen=True)
class Quote:
    """Where a quote begins and ends in a passage as it is, and what is shown of it."""

    start: int
    end: int
    shown: str


class Screen:
    """Opens a way for each question."""

    def __init__(self, inspector: Inspector) -> None:
        self._inspector = inspector

    def open(self, terms: Terms, question: str) -> "Way":
        """Return the way of a question that may be asked. Raises QuestionBlocked, what a detector raises."""
        way = Way(self._inspector, terms)
        way.check(question)
        return way


class Way:
    """The way of one question, of what is sent with it, and of its answer."""

    def __init__(self, inspector: Inspector, terms: Terms) -> None:
        self.surrogates = Surrogates()
        self.found = Counter[Category]()
        """What was replaced or taken out, by kind."""
        self._inspector, self._terms = inspector, terms
        self._is_open = not terms.policy.version
        self._needs = {one: need_of(terms.policy, one, terms.now.groups) for one in Direction}
        self._passages = list[tuple[str, dlp.Written]]()
        self._removed, self._warned = 0, 0
        self._flowing = dlp.Flowing(self._treat)
        self._restoring: dlp.Restoring | None = None
        self._block: Decided | None = None
        self._blocked: Decided | None = None

    @property
    def is_screened(self) -> bool:
        """Say whether anything is looked at."""
        return not self._is_open

    @property
    def policy_version(self) -> int:
        """Under which version of the policy this is."""
        return self._terms.policy.version

    @property
    def premises(self) -> Premises:
        """On which provider this counts."""
        return Premises(self._terms.now.terms, self._terms.now.region)

    @property
    def counts(self) -> Counts:
        """How much was done about what was found."""
        return Counts(self.surrogates.used, self._removed, self._warned)

    def check(self, question: str) -> None:
        """Raise QuestionBlocked for a question that may not be asked."""
        if self._is_open:
            return
        decided = self._decided([question], Direction.PROMPT)[0]
        blocked = next((one for one in decided if one.action is Action.BLOCK), None)
        if blocked is not None:
            raise self._refused(blocked)
        self._warned = sum(one.action is Action.WARN for one in decided)

    def sent(self, request: ChatRequest) -> ChatRequest:
        """Return a request as it may go out."""
        if self._is_open:
            return request
        self._inspector.prepare(self._needs[Direction.ANSWER])  # nothing is sent whose answer nobody could look at
        return self._sent(request)

    def quote(self, cited: Cited, text: str) -> Quote:
        """Return what a citation of a passage that was sent quotes of the passage itself."""
        if self._is_open:
            return Quote(cited.start, cited.end, text[cited.start : cited.end])
        written = self._passages[cited.number - 1][1]
        start, end = written.place(cited.start), written.place(cited.end, is_end=True)
        return Quote(start, end, self.surrogates.restore(written.text[cited.start : cited.end]))

    def shown(self, text: str) -> str:
        """Return what may be shown of an answer that goes on. Raises AnswerBlocked."""
        if self._is_open:
            return text
        return self._passed(self._inspector.aside(lambda: self._flowing.feed(text.replace(_END, ""))))

    def rest(self) -> str:
        """Return what may be shown of the end of an answer; nothing the second time."""
        if self._is_open:
            return ""
        said = self._passed(self._inspector.aside(self._flowing.close))
        restoring, self._restoring = self._restoring, None
        self._flowing = dlp.Flowing(self._treat)
        return said + restoring.close() if restoring else said

    def check_answer(self) -> None:
        """Raise AnswerBlocked if the answer was not to go on."""
        if self._blocked is not None:
            raise AnswerBlocked(**self._facts(self._blocked))

    def _refused(self, blocked: Decided) -> dlp.DlpBlocked:
        facts = self._facts(blocked)
        return QuestionBlocked(**facts) if blocked.rule_id else dlp.DlpBlocked(category=facts["category"])

    def _facts(self, blocked: Decided) -> dict[str, str]:
        name = self._terms.policy.names.get(blocked.rule_id, "") if blocked.rule_id else ""
        return {"category": blocked.finding.category.value, "rule": name}

    def _passed(self, text: str) -> str:
        self._note(self._flowing.passed)
        self._flowing.passed.clear()
        said, mark, _ = text.partition(_END)
        if self._blocked is not None:
            return ""
        if mark:
            self._blocked = self._block
        if self._restoring is None:
            self._restoring = self.surrogates.restoring()
        return self._restoring.feed(said)

    def _treat(self, text: str) -> list[Stretch]:
        found = self._inspector.find(text, self._needs[Direction.ANSWER], self._terms.own)
        found = self.surrogates.others(text, found)
        decided = dlp.decide(self._terms.policy, found, self._on(Direction.ANSWER)).decided
        return [Stretch(one, self._put(one)) for one in decided if one.action in _HIDDEN]

    def _put(self, decided: Decided) -> str:
        if decided.action is Action.BLOCK:
            self._block = decided
            return _END
        return dlp.redacted(decided.finding.category)

    def _sent(self, request: ChatRequest) -> ChatRequest:
        said = [
            *((turn.text, _ASKED if turn.role == "user" else _ANSWERED) for turn in request.history),
            (request.question, _ASKED),
            (request.instructions, _FOUND),
            *((passage.title, _FOUND) for passage in request.passages),
            *((passage.text, _FOUND) for passage in request.passages),
        ]
        decided = {
            one: iter(self._decided([text for text, ways in said if ways is one], *one)) for one in (_ASKED, _ANSWERED, _FOUND)
        }
        out = self._written([(text, next(decided[ways])) for text, ways in said])
        turns, out = out[: len(request.history)], out[len(request.history) :]
        (question, instructions), out = (out[0].text, out[1].text), out[2:]
        titles, texts = out[: len(request.passages)], out[len(request.passages) :]
        self._passages = list(zip((one.text for one in request.passages), texts, strict=True))
        left = set(_WORD.findall(question.casefold()))
        return replace(
            request,
            question=question,
            instructions=instructions,
            history=tuple(Turn(turn.role, one.text) for turn, one in zip(request.history, turns, strict=True)),
            passages=tuple(
                Passage(passage.number, title.text, text.text)
                for passage, title, text in zip(request.passages, titles, texts, strict=True)
            ),
            # They are words of the question, too.
            term_weights={word: weight for word, weight in request.term_weights.items() if word.casefold() in left},
        )

    def _written(self, texts: Sequence[tuple[str, Sequence[Decided]]]) -> list[dlp.Written]:
        """Return texts as they go out together: a value that is replaced in one is replaced in all."""
        replaced = [[one.finding for one in decided if one.action is Action.TOKENISE] for _, decided in texts]
        hidden = [[one.finding for one in decided if one.action in _HIDDEN] for _, decided in texts]
        for (text, decided), kept in zip(texts, replaced, strict=True):
            self.surrogates.note(text, kept)
            self._note(decided)
        # Whoever has no way back is taken out.
        self._removed += sum(one.category in dlp.IRREVERSIBLE for kept in replaced for one in kept)
        return [
            self.surrogates.written(text, kept, hidden=gone)
            for (text, _), kept, gone in zip(texts, replaced, hidden, strict=True)
        ]

    def _note(self, decided: Sequence[Decided]) -> None:
        gone = [one.finding for one in decided if one.action in _HIDDEN]
        self._removed += len(gone)
        self.found.update(one.category for one in gone)
        self.found.update(one.finding.category for one in decided if one.action is Action.TOKENISE)

    def _decided(self, texts: Sequence[str], *ways: Direction) -> list[Sequence[Decided]]:
        """Return what is to become of what is found; of a text on several ways, the strictest."""
        needs = [self._needs[one] for one in ways]
        found = self._inspector.find_all(texts, Need(max(one.depth for one in needs), min(one.least for one in needs)), self._terms.own)
        return [
            [max(each, key=lambda one: _STRICTNESS.index(one.action)) for each in zip(*(self._ruled(one, way) for way in ways), strict=True)]
            for one in found
        ]

    def _ruled(self, found: Sequence[Finding], way: Direction) -> Sequence[Decided]:
        return dlp.decide(self._terms.policy, found, self._on(way)).decided

    def _on(self, direction: Direction) -> Circumstances:
        return replace(self._terms.now, direction=direction)
