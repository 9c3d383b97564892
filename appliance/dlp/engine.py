"""All rules over one text. Linear in the text, whatever it says: every pattern is RE2's, every judge looks at what is near.

Immutable once it is made; threads share it. Most rules, and what they count by, are loaded when the first engine is made
ready: the gateway's process asks for the floor alone, and stays small.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from appliance.dlp import hidden, tables
from appliance.dlp.decisions import FLOOR
from appliance.dlp.look import Detectors, Found, Rule
from appliance.dlp.once import Once
from appliance.dlp.overlaps import settle
from appliance.dlp.own.allowing import without_allowed
from appliance.dlp.own.matching import Matcher
from appliance.dlp.own.values import NOTHING, OWN, OwnRules
from appliance.dlp.shadow import Shadow
from appliance.dlp.values import LIKELY, Category, Finding
from appliance.kernel.computing import native_lock

if TYPE_CHECKING:
    from appliance.dlp.tags import Tagger

_SURE: Final = 0.6
# A code is its name and three digits, a number or a key is longer, and so is each written in another form: of a call's
# texts most are the names of its fields.
_TOO_SHORT: Final = re.compile(r"[ -~]{0,5}|[ -/:-~]{0,15}")
_DEPTH: Final = 3
_READING: Final = 2
"""Part of the engine's version. Raise it when texts are handed to the model of names in other windows, or its tags are read in another
way: then documents that were looked at before are looked at anew."""

_WHOLE: Final = 1
"""How far addresses are told: another number when `addresses` changes."""


class Engine:
    """Rules, and a model for prose if there is one. Made ready at the first text, which takes a moment."""

    def __init__(self, rules: Iterable[Rule] | None = None, *, tagger: "Tagger | None" = None) -> None:
        """Take all rules but for others that are given."""
        self._detectors, self._tagger = _Late(None if rules is None else tuple(rules)), tagger

    def inspect(self, text: str, *, least: float = LIKELY, own: OwnRules = NOTHING, whose: bytes = b"") -> list[Finding]:
        """Return what is found with at least this confidence, in order and without overlaps, by an organisation's own rules, too.

        `whose` stands for whoever sends it: the model does not read again what it read for them within the hour.
        """
        shadow, made = Shadow(text), self._detectors()
        columns = (one for one in tables.find(shadow) if one.category in made.categories)
        told = [*self._look(shadow, _DEPTH, made.everything, own.lists.matcher), *columns]
        kept = [one for one in without_allowed(shadow, told, own) if one.confidence >= least]
        names = [one for one in self._tagged(shadow, kept, whose) if one.confidence >= least]
        found = self._settled(shadow, [*kept, *without_allowed(shadow, names, own)], own)
        places = shadow.places(offset for one in found for offset in (one.start, one.end))
        return [
            Finding(one.category, one.rule, places[one.start], places[one.end], round(one.confidence, 2), one.through)
            for one in found
        ]

    @property
    def version(self) -> str:
        """Return by which rules and which model texts are looked at. When it changes, documents under a policy are looked at anew."""
        rules = self._detectors().version
        return rules if self._tagger is None else f"{rules}+{self._tagger.name}.{_READING}"

    def without_names(self) -> "Engine":
        """Return one of the same rules that asks no model."""
        return self._twin(None)

    def for_one_document(self) -> "Engine":
        """Return one of the same rules whose model is asked about each line once."""
        return self._twin(Once(self._tagger) if self._tagger is not None else None)

    def _twin(self, tagger: "Tagger | None") -> "Engine":
        """Return one whose rules are made ready once for both."""
        twin = Engine(tagger=tagger)
        twin._detectors = self._detectors
        return twin

    @staticmethod
    def _settled(shadow: Shadow, told: list[Found], own: OwnRules) -> list[Found]:
        """Return what stands, addresses whole. Allowed may be a part of one, as it was found, or all of it, as it is told."""
        standing = settle(told)
        found = [one for one in told if one.category is Category.ADDRESS and not one.rule.startswith(OWN)]
        if not found:
            return standing
        from appliance.dlp import addresses

        others = [one for one in standing if one.category is not Category.ADDRESS and not one.rule.startswith(OWN)]
        found = without_allowed(shadow, addresses.whole(shadow.raw, found, others), own)
        told = sorted([*others, *(one for one in told if one.rule.startswith(OWN)), *found], key=lambda one: one.start)
        return told if all(one.end <= other.start for one, other in pairwise(told)) else settle(told)

    def _tagged(self, shadow: Shadow, known: Iterable[Found], whose: bytes) -> Iterator[Found]:
        """Return what the model says of a text, which rules know parts of: over a name in there, theirs would stand."""
        if self._tagger is not None:
            from appliance.dlp import prose
            from appliance.dlp.condensing import Condensed

            text = shadow.raw.decode()
            opaque = ((one.start, one.end) for one in known if one.category in prose.OPAQUE)
            short = Condensed(text, prose.in_characters(shadow.raw, opaque))
            yield from prose.in_bytes(shadow.raw, prose.findings(text, short.moved(self._tagger.tags(short.text, whose=whose))))

    def _look(self, shadow: Shadow, depth: int, detectors: Detectors, own: Matcher | None) -> Iterator[Found]:
        yield from detectors.find(shadow)
        if own:
            yield from own.find(shadow)
        if depth:
            yield from self._look_inside(list(hidden.runs(shadow)), depth - 1, own)

    def _look_inside(self, runs: Sequence[hidden.Run], depth: int, own: Matcher | None) -> Iterator[Found]:
        made = self._detectors()
        for is_guess, detectors in ((False, made.inside), (True, made.joined)):
            chosen = [run for run in runs if run.is_guess is is_guess]
            if chosen:
                yield from self._look_at_pieces(hidden.Pieces(chosen), depth, detectors, None if is_guess else own)

    def _look_at_pieces(self, pieces: hidden.Pieces, depth: int, detectors: Detectors, own: Matcher | None) -> Iterator[Found]:
        told = [*detectors.find(pieces.shadow), *(own.find(pieces.shadow) if own else ())]
        if depth:
            runs = list(hidden.runs(pieces.shadow))
            inside = [run for run, outer in zip(runs, pieces.behind((run.start, run.end) for run in runs), strict=True) if outer]
            told += self._look_inside(inside, depth - 1, own)
        sure = [one for one in told if one.confidence >= _SURE]
        for one, run in zip(sure, pieces.behind((one.start, one.end) for one in sure), strict=True):
            if run:
                yield Found(one.category, one.rule, run.start, run.end, min(one.confidence, 0.9), run.through)


class _Late:
    """Rules that are made ready when they are first asked for, once."""

    def __init__(self, rules: tuple[Rule, ...] | None) -> None:
        self._rules = rules
        self._lock = native_lock()
        self._made: _Detectors | None = None

    def __call__(self) -> "_Detectors":
        if self._made is None:
            with self._lock:
                if self._made is None:
                    self._made = _made(self._rules)
        return self._made


@dataclass(frozen=True)
class _Detectors:
    """All of them; those that look into what is hidden, too; and those that a number put together by guess must pass."""

    everything: Detectors
    inside: Detectors
    joined: Detectors
    categories: frozenset[Category]
    version: str


def _made(rules: tuple[Rule, ...] | None) -> _Detectors:
    from appliance.dlp.rules import catalogue

    rules = catalogue.all_rules() if rules is None else rules
    inside = [rule for rule in rules if rule.category not in catalogue.NOT_HIDDEN]
    return _Detectors(
        Detectors(rules),
        Detectors(inside),
        Detectors(rule for rule in inside if rule.category not in catalogue.NOT_JOINED),
        frozenset(rule.category for rule in rules),
        # A rule that changes takes another number, which is in its name.
        hashlib.sha256("\n".join([*sorted({rule.name for rule in rules}), str(_WHOLE)]).encode()).hexdigest()[:12],
    )


def stopped(text: str) -> list[Finding]:
    """Return what may be sent nowhere, whatever an organisation says: card data and private keys."""
    return [] if _TOO_SHORT.fullmatch(text) else _exact().inspect(text)


@cache
def _exact() -> Engine:
    from appliance.dlp.rules import credentials, payment

    return Engine(rule for rule in (*payment.RULES, *credentials.RULES) if rule.category in FLOOR)
