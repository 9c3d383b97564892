"""What a document's texts hold, what a policy makes of it, and the document without what the policy takes out. Nothing is stored here.

Names, title, metadata, notes and hidden text are texts like any other. What a reader sees is looked at as one, block after
block, so that what crosses them is seen; so is what no reader sees.
"""

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import Final

from appliance import dlp
from appliance.dlp import Action, Category, Direction
from appliance.kernel.log import logger
from appliance.knowledge.parsed import Block, Page, Parsed
from appliance.knowledge.screening.values import Past, Place, Resolution, Sighting, Spot, Terms

log = logger("screening")
_MOST, _WINDOW, _LONGEST_NAME, _LONGEST_SUFFIX = 500, 400_000, 255, 5
_STRICTNESS: Final = tuple(Action)
_HOLDS: Final = frozenset({Action.QUARANTINE, Action.BLOCK})
_TAKES: Final = frozenset({Action.REDACT, Action.TOKENISE})
FLOOR_VERSION: Final = "floor"
Cut = tuple[int, int, Category]


@dataclass(frozen=True)
class Sifted:
    """A document as it may be searched, what was found in it, and what the strictest of that demands.

    `held` is what keeps it back; `is_checked` is False where a detector failed: that is never clean.
    """

    parsed: Parsed
    file_name: str
    sightings: tuple[Sighting, ...]
    action: Action
    held: tuple[Category, ...]
    removed: int
    is_checked: bool
    engine_version: str
    policy_version: int
    cuts: str = ""
    """A digest of the places at which something was taken out, "" where nothing was."""

    @property
    def warnings(self) -> list[str]:
        """What people are told of a document that may be searched: keys of WARNINGS."""
        warned = any(one.action is Action.WARN for one in self.sightings)
        return [*(["removed"] if self.removed else []), *(["warned"] if warned else [])]

    @property
    def found(self) -> int:
        """How many there are."""
        return sum(one.times for one in self.sightings)


@dataclass(frozen=True)
class _Text:
    """One of a document's texts in its pieces, with the page of each."""

    spot: Spot
    pieces: tuple[str, ...]
    pages: tuple[int | None, ...]

    @cached_property
    def starts(self) -> list[int]:
        starts, at = [], 0
        for piece in self.pieces:
            starts.append(at)
            at += len(piece) + 1
        return starts

    def page_at(self, offset: int) -> int | None:
        return self.pages[max(0, bisect_right(self.starts, offset) - 1)]

    def windows(self) -> Iterator[tuple[int, str]]:
        """Return it in parts that are not too large, cut between pieces, each with where it begins."""
        first = size = 0
        for number, piece in enumerate(self.pieces):
            if size and size + len(piece) > _WINDOW:
                yield self.starts[first], "\n".join(self.pieces[first:number])
                first, size = number, 0
            size += len(piece) + 1
        if self.pieces:
            yield self.starts[first], "\n".join(self.pieces[first:])

    def without(self, cuts: Sequence[Cut]) -> list[str]:
        """Return its pieces without what is cut out; a marker stands in each place."""
        merged = _merged(cuts)
        ends = [end for _, end, _ in merged]
        kept = []
        for start, piece in zip(self.starts, self.pieces, strict=True):
            parts, at = [], 0
            for first, last, category in merged[bisect_right(ends, start) :]:
                if first >= start + len(piece):
                    break
                parts += [piece[at : max(0, first - start)], dlp.redacted(category)]
                at = min(len(piece), last - start)
            kept.append("".join([*parts, piece[at:]]))
        return kept


def sift(parsed: Parsed, file_name: str, terms: Terms, engine: dlp.Engine) -> Sifted:
    """Look at all of a document, and take out what the policy takes out. A policy without rules asks for the floor alone."""
    texts = _texts(parsed, file_name)
    looking, version, is_checked = chosen(terms.policy, engine), version_of(terms.policy, engine), True
    least = least_of(terms.policy)
    try:
        around = looking or engine.without_names()
        told = [(text, *one) for text in texts for one in _looked_at(text, looking, terms.own, least, around)]
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in a detector, the document is not clean
        log.warning("screening_failed", error=type(error).__name__, code=getattr(error, "code", ""))
        told = [(text, *one) for text in texts for one in _looked_at(text, None, terms.own, least, None)]
        is_checked = False
    decided = dlp.decide(terms.policy, [finding for _, finding, _ in told], terms.now).decided
    past = _Past(terms.past)
    sightings, cuts, held, removed, strictest = [], dict[Spot, list[Cut]](), set[Category](), 0, Action.ALLOW
    for (text, finding, excerpt), ruling in zip(told, decided, strict=True):
        if finding.confidence < dlp.LIKELY and ruling.rule_id is None:
            continue  # too unsure for all but a rule that asks for little
        place = Place(text.spot, finding.start, finding.end, text.page_at(finding.start))
        action = past.over(place, finding, ruling.action)
        if terms.is_waived and not terms.policy.rules:
            action = Action.ALLOW
        strictest = max(strictest, action, key=_STRICTNESS.index)
        if action in _TAKES or action in _HOLDS:
            cuts.setdefault(text.spot, []).append((finding.start, finding.end, finding.category))
        removed += action in _TAKES
        if action in _HOLDS:
            held.add(finding.category)
        sightings.append(
            Sighting(
                place,
                finding.category,
                finding.rule,
                finding.confidence,
                finding.through,
                excerpt,
                ruling.action,
                ruling.rule_id,
            )
        )
    clean, name = _without(parsed, texts, cuts)
    return Sifted(
        clean, name[:_LONGEST_NAME], tuple(sightings), strictest, tuple(sorted(held)), removed, is_checked, version,
        terms.policy.version, _digest(cuts) if removed else "",
    )  # fmt: skip


def found_in(parsed: Parsed, file_name: str, engine: dlp.Engine, own: dlp.OwnRules, least: float) -> list[dlp.Finding]:
    """Return what a document holds, as `sift` finds it, for whoever only counts. Raises what a detector raises."""
    return [finding for text in _texts(parsed, file_name) for finding, _ in _looked_at(text, engine, own, least, engine)]


def least_of(*policies: dlp.Policy) -> float:
    """Return the least confidence that any of their rules asks about; what is likely is looked for in any case."""
    return min([dlp.LIKELY, *(rule.least for policy in policies for rule in policy.rules)])


def _digest(cuts: dict[Spot, list[Cut]]) -> str:
    written = "\n".join(
        f"{spot} {start} {end} {category.name}" for spot in sorted(cuts) for start, end, category in _merged(cuts[spot])
    )
    return hashlib.sha256(written.encode()).hexdigest()


def listed(sightings: Sequence[Sighting]) -> list[Sighting]:
    """Return the strictest as they are, and what is more than can be listed as one of each rule."""
    ordered = sorted(sightings, key=lambda one: _STRICTNESS.index(one.action), reverse=True)
    counted = Counter((one.category, one.rule, one.action, one.policy_rule) for one in ordered[_MOST:])
    rest = [
        Sighting(Place(Spot.REST, 0, 0), category, rule, 1.0, "", "", action, policy_rule, times)
        for (category, rule, action, policy_rule), times in counted.items()
    ]
    return [*ordered[:_MOST], *rest]


def chosen(policy: dlp.Policy, engine: dlp.Engine) -> dlp.Engine | None:
    """Return what a policy's documents are looked at by: the model only where a rule can be about names; None for the floor."""
    if not policy.rules:
        return None
    return engine.for_one_document() if _is_about_names(policy) else engine.without_names()


def version_of(policy: dlp.Policy, engine: dlp.Engine) -> str:
    """Return by which rules and which model a policy's documents are looked at."""
    looking = chosen(policy, engine)
    return FLOOR_VERSION if looking is None else looking.version


def _is_about_names(policy: dlp.Policy) -> bool:
    return any(
        rule.action is not Action.ALLOW
        and (not rule.directions or Direction.UPLOAD in rule.directions)
        and rule.meant & dlp.BY_MODEL
        for rule in policy.rules
    )


class _Past:
    """What was decided before, by place; of what was too much to be listed, by rule."""

    def __init__(self, past: Iterable[Past]) -> None:
        self._exact: dict[tuple[Spot, Category, int, int], Resolution] = {}
        self._rest: dict[tuple[Category, str], Resolution] = {}
        for one in past:
            if one.place.spot is Spot.REST:
                self._rest[one.category, one.rule] = one.resolution
            else:
                self._exact[one.place.spot, one.category, one.place.start, one.place.end] = one.resolution

    def over(self, place: Place, finding: dlp.Finding, action: Action) -> Action:
        """Return what is to become of a finding: what a reviewer said, or else the policy."""
        said = self._exact.get((place.spot, finding.category, finding.start, finding.end))
        said = said or self._rest.get((finding.category, finding.rule))
        # Rejecting is about the file, which is gone by then; where it is not, it stays held.
        return {
            None: action,
            Resolution.RELEASE: Action.ALLOW,
            Resolution.REDACT: Action.REDACT,
            Resolution.REJECT: Action.QUARANTINE,
        }[said]


def _texts(parsed: Parsed, file_name: str) -> list[_Text]:
    seen = [(block.text, page.number) for page in parsed.pages for block in page.blocks if not block.hidden]
    unseen = [(block.text, page.number) for page in parsed.pages for block in page.blocks if block.hidden]
    spread = ((Spot.TEXT, seen), (Spot.HIDDEN, unseen))
    parts = tuple(part.name for part in parsed.unread)
    return [
        _Text(Spot.NAME, (file_name,), (None,)),
        _Text(Spot.TITLE, (parsed.title,), (None,)),
        _Text(Spot.PART, parts, (None,) * len(parts)),
        *(_Text(spot, tuple(text for text, _ in of), tuple(page for _, page in of)) for spot, of in spread),
    ]


def _looked_at(
    text: _Text, engine: dlp.Engine | None, own: dlp.OwnRules, least: float, around: dlp.Engine | None
) -> Iterator[tuple[dlp.Finding, str]]:
    """Yield what a text holds, in order, each with its masked excerpt.

    `engine` finds; without one the floor alone does. `around` masks what else stands in the excerpts; without one, excerpts show
    the masked finding alone.
    """
    for start, window in text.windows():
        found = _distinct(_found(text, start, window, engine, own, least))
        masks = _said_to_be(text, window, around, own, least) if found and around is not None and engine is None else ()
        shown = _apart(sorted([*found, *masks], key=lambda one: (one.start, -one.end)))
        starts = [one.start for one in shown]
        for one in found:
            whole = shown[bisect_right(starts, one.start) - 1]
            alone = dlp.masked(window[whole.start : whole.end], whole.category, is_plain=not whole.through)
            excerpt = dlp.excerpt(window, shown, whole) if around else alone
            yield replace(one, start=start + one.start, end=start + one.end), excerpt


def _found(
    text: _Text, start: int, window: str, engine: dlp.Engine | None, own: dlp.OwnRules, least: float
) -> Iterator[dlp.Finding]:
    # The floor looks at each piece alone as well: what stands beside it never speaks for it.
    at = 0
    for piece in text.pieces[bisect_right(text.starts, start) - 1 :]:
        if at > len(window):
            break
        yield from (replace(one, start=at + one.start, end=at + one.end) for one in dlp.stopped(piece))
        at += len(piece) + 1
    if engine is not None:
        yield from _said_to_be(text, window, engine, own, least)


def _said_to_be(text: _Text, window: str, engine: dlp.Engine, own: dlp.OwnRules, least: float) -> Iterator[dlp.Finding]:
    yield from engine.inspect(window, least=least, own=own)
    if text.spot in {Spot.NAME, Spot.TITLE, Spot.PART} and "_" in window:
        yield from engine.inspect(window.replace("_", " "), least=least, own=own)


def _distinct(found: Iterable[dlp.Finding]) -> list[dlp.Finding]:
    """Return findings in order, none inside another of its category. Each stays that says something else of the same place."""
    kept: list[dlp.Finding] = []
    ends = dict[Category, int]()
    for one in sorted(found, key=lambda one: (one.start, -one.end, one.category not in dlp.FLOOR, -one.confidence)):
        if one.end > ends.get(one.category, -1):
            ends[one.category] = one.end
            kept.append(one)
    return kept


def _apart(found: Sequence[dlp.Finding]) -> list[dlp.Finding]:
    """Return findings that overlap as one, so that none shows what another hides."""
    joined: list[dlp.Finding] = []
    for one in found:
        if joined and one.start < joined[-1].end:
            last = joined[-1]
            # Digits of a card may be shown, of a card alone.
            category = last.category if last.category is one.category else Category.SECRET
            joined[-1] = replace(last, category=category, end=max(last.end, one.end), through=last.through or one.through)
        else:
            joined.append(one)
    return joined


def _without(parsed: Parsed, texts: Sequence[_Text], cuts: dict[Spot, list[Cut]]) -> tuple[Parsed, str]:
    by = {text.spot: text for text in texts}
    name = _with_suffix(by[Spot.NAME].without(cuts.get(Spot.NAME, []))[0], by[Spot.NAME].pieces[0])
    title = by[Spot.TITLE].without(cuts.get(Spot.TITLE, []))[0]
    parts = by[Spot.PART].without(cuts.get(Spot.PART, []))
    unread = tuple(replace(one, name=said) for one, said in zip(parsed.unread, parts, strict=True))
    parsed = replace(parsed, title=title, unread=unread)
    if Spot.TEXT in cuts or Spot.HIDDEN in cuts:
        seen = iter(by[Spot.TEXT].without(cuts.get(Spot.TEXT, [])))
        unseen = iter(by[Spot.HIDDEN].without(cuts.get(Spot.HIDDEN, [])))
        pages = tuple(
            Page(page.number, tuple(_said(block, next(unseen if block.hidden else seen)) for block in page.blocks))
            for page in parsed.pages
        )
        parsed = replace(parsed, pages=pages)
    return parsed, name


def _with_suffix(name: str, before: str) -> str:
    """Return a name with the ending that it had: by it a file is known for what it is."""
    suffix = PurePosixPath(before).suffix
    is_lost = (
        suffix[1:].isalnum()
        and not suffix[1:].isdigit()
        and len(suffix) <= _LONGEST_SUFFIX
        and not name.endswith(suffix)
    )
    return name + suffix if is_lost else name


def _said(block: Block, text: str) -> Block:
    # Where its words stand is by their number, which has changed; nobody is shown the page any more.
    return replace(block, text=text, spans=(), boxes=()) if text != block.text else block


def _merged(cuts: Sequence[Cut]) -> list[Cut]:
    merged: list[Cut] = []
    for start, end, category in sorted(cuts, key=lambda cut: cut[:2]):
        if merged and start < merged[-1][1]:
            first, last, before = merged[-1]
            merged[-1] = (first, max(last, end), before)
        else:
            merged.append((start, end, category))
    return merged
