"""A text that is looked at while it flows by: what must not pass is replaced before any of it has gone.

Pure, and the same whatever the borders of the pieces: where it is looked at, and how far it may go on, hangs on the text alone. It is let
go between words at least 48 characters behind its head, never within a finding, a group of digits or an open private key. What
has no such place for long is let go between other signs; and what has none of these either is no text, and is replaced.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from appliance.dlp.decisions import Decided
from appliance.dlp.values import Category
from appliance.dlp.weaving import PLAIN, Weave

BEHIND: Final = 48
STEP: Final = 32
MOST: Final = 8_192
"""Characters that are held back at most, before they are replaced."""
_LONG: Final = 256
_CONTEXT: Final = 256
_SHARE: Final = 4
_NEAR: Final = 24
_BETWEEN_DIGITS: Final = " \t\r\n-–./,()"
_VALUE: Final = re.compile(r"[A-Za-z0-9+/=_\-@.%:\\&#;~$!?*^]")
_RUN: Final = re.compile(r"[A-Za-z0-9+/=_-]*")
_END: Final = re.compile(r"-----END [A-Z0-9 ]{0,60}-----")
_LONGEST_END: Final = 80
_PROSE: Final = re.compile(r"(?:[A-Za-z,.']{1,12} ){4}")
_SCRIPTS_WITHOUT_SPACES: Final = "\u2e80", "\ufe50"
UNREADABLE: Final = "[too long to be looked through, removed]"


@dataclass(frozen=True)
class Stretch:
    """What was found in a text, what is done about it, and what is put in its place; None: it stays."""

    decided: Decided
    put: str | None = None

    @property
    def start(self) -> int:
        """Its first character."""
        return self.decided.finding.start

    @property
    def end(self) -> int:
        """The character behind its last one."""
        return self.decided.finding.end


Treat = Callable[[str], Sequence[Stretch]]
"""Says of a text what is found there, in order and without overlaps, and what is to become of it."""


class Flowing:
    """Stands in a text's way. `passed` is what was found in what has gone by; the reader empties it."""

    def __init__(self, treat: Treat, *, weave: Weave = PLAIN, step: int = STEP) -> None:
        self._treat, self._weave, self._step = treat, weave, step
        self._held, self._told, self._next = "", 0, step
        self._drop: Callable[[], str] | None = None
        self.passed: list[Decided] = []

    def feed(self, text: str) -> str:
        """Return what may go on of all that came so far. Linear in the text."""
        return "".join(told for _, told in self.advance(text))

    def advance(self, text: str) -> list[tuple[int, str]]:
        """Return the same step by step: of how many characters that came it is, and what goes on in their place."""
        steps, at = list[tuple[int, str]](), 0
        while at < len(text):
            taken = text[at : at + self._next - len(self._held)]
            self._held, at = self._held + taken, at + len(taken)
            if len(self._held) >= self._next:
                steps.append(self._measured(self._stepped))
                self._next = len(self._held) + max(self._step, self._pending // _SHARE)
        return steps

    def flush(self) -> tuple[int, str]:
        """Return what is held back, as if nothing followed it; what follows all the same is looked at together with it."""
        step = self._measured(self._rest)
        self._next = len(self._held) + self._step
        return step

    def close(self) -> str:
        """Return what is left."""
        return self.flush()[1]

    @property
    def is_open(self) -> bool:
        """Say whether what is held back ends in what may be the beginning of a number, or within a key."""
        ends = self._held[self._told :].rstrip(_BETWEEN_DIGITS)[-1:]
        return self._drop is not None or ends.isdecimal() or (self._pending > 0 and self._look()[1] is not None)

    @property
    def _pending(self) -> int:
        return len(self._held) - self._told

    def _measured(self, step: Callable[[], str]) -> tuple[int, str]:
        before = self._pending
        told = step()
        return before - self._pending, told

    def _rest(self) -> str:
        told = self._drop() if self._drop else ""
        if self._drop:
            said, self._held = self._held, ""
            return told + self._weave.put(said, "")
        if not self._pending:
            return told
        found, key = self._look()
        if key is None:
            return told + self._let_go(found, len(self._held))
        return told + self._let_go(found, key.start) + self._replaced(key)

    def _stepped(self) -> str:
        told = self._drop() if self._drop else ""
        if self._drop:
            return told
        found, key = self._look()
        limit = len(self._held) - BEHIND
        told += self._let_go(found, self._border(found, limit if key is None else min(limit, key.start)))
        return told + self._forced() if self._pending > MOST else told

    def _border(self, found: Sequence[Stretch], place: int) -> int:
        """Return how far the text may go on, at most up to this place."""
        has_waited = self._pending > _LONG
        while place > self._told:
            if not (self._is_between_words(place) or (has_waited and self._is_between_signs(place))):
                place -= 1
                continue
            within = next((one for one in found if one.start < place < one.end), None)
            if within is None:
                return place
            place = within.start
        return self._told

    def _is_between_words(self, place: int) -> bool:
        sign = self._held[place - 1]
        first, last = _SCRIPTS_WITHOUT_SPACES
        if not (sign.isspace() or (first <= sign < last)):
            return False
        before = self._held[max(0, place - _NEAR) : place].rstrip(_BETWEEN_DIGITS)[-1:]
        after = self._held[place : place + _NEAR].lstrip(_BETWEEN_DIGITS)[:1]
        if before.isdecimal() and after.isdecimal():
            return False
        around = self._held[max(0, place - 3) : place + 2]
        return not (len(around) == 5 and around[0].isspace() and around[4].isspace())  # noqa: PLR2004 - ` a b `: a word that is spaced out

    def _is_between_signs(self, place: int) -> bool:
        return _VALUE.fullmatch(self._held, place - 1, place) is None

    def _look(self) -> tuple[list[Stretch], Stretch | None]:
        """Return what is found, private keys that do not say their end up to where they are over, and the one that goes on."""
        found: list[Stretch] = []
        for one in self._treat(self._weave.seen(self._held)):
            if found and one.end <= found[-1].end:
                continue
            if not _is_open(one, self._held):
                found.append(one)
                continue
            end = self._end_of_key(one.end)
            found.append(_up_to(one, len(self._held) if end is None else end))
        last = found[-1] if found else None
        return found, last if last and _is_open(last, self._held) and self._end_of_key(last.end) is None else None

    def _end_of_key(self, start: int) -> int | None:
        """Return where a private key's text that begins there is over, if it is."""
        ended, others = (
            _END.search(self._held, start),
            (_PROSE.search(self._held, start), self._weave.over.search(self._held, start)),
        )
        ends = [*([ended.end()] if ended else []), *(one.start() for one in others if one)]
        return min(ends, default=None)

    def _let_go(self, found: Sequence[Stretch], end: int) -> str:
        told, at = list[str](), self._told
        for one in found:
            if one.end <= at:
                continue
            if one.start >= end:
                break
            start = max(one.start, at)
            told += [self._weave.text(self._held[at:start]), self._put(one, self._held[start : one.end])]
            at = one.end
        if at < end:
            told.append(self._weave.text(self._held[at:end]))
        self._keep_from(max(at, end))
        return "".join(told)

    def _put(self, one: Stretch, said: str) -> str:
        self.passed.append(one.decided)
        return self._weave.text(said) if one.put is None else self._weave.put(said, one.put)

    def _keep_from(self, told: int) -> None:
        """Forget what is further behind than what speaks for, or against, what follows."""
        cut = max(0, told - _CONTEXT)
        self._held, self._told = self._held[cut:], told - cut

    def _forced(self) -> str:
        """Return what is put in the place of what is held back for too long, and of all that goes on like it."""
        found, key = self._look()
        if key is not None:
            return self._replaced(key)
        first = next((one for one in found if one.end > self._told), None)
        if first is not None and first.put is not None:
            self.passed.append(first.decided)
        said, self._held, self._told = self._held[self._told :], "", 0
        self._drop = self._drop_run
        return self._weave.put(said, UNREADABLE)

    def _replaced(self, key: Stretch) -> str:
        told = self._put(key, self._held[max(key.start, self._told) :])
        self._held, self._told = "", 0
        self._drop = self._drop_key
        return told

    def _drop_run(self) -> str:
        found = _RUN.match(self._held)
        end = found.end() if found else 0
        return self._dropped(end, is_over=end < len(self._held))

    def _drop_key(self) -> str:
        end = self._end_of_key(0)
        if end is not None:
            return self._dropped(end, is_over=True)
        behind = self._held[: max(0, len(self._held) - _LONGEST_END)]
        return self._dropped(len(behind.rstrip("\\")), is_over=False)

    def _dropped(self, end: int, *, is_over: bool) -> str:
        said, self._held = self._held[:end], self._held[end:]
        if is_over:
            self._drop = None
        return self._weave.put(said, "")


def whole(text: str, treat: Treat, *, weave: Weave = PLAIN) -> tuple[str, list[Decided]]:
    """Return a text that is there as a whole, with what is put in the place of what was found, and what that was."""
    flowing = Flowing(treat, weave=weave, step=len(text) + 1)
    return flowing.feed(text) + flowing.close(), flowing.passed


def _is_open(one: Stretch, text: str) -> bool:
    found = one.decided.finding
    is_key = found.category is Category.PRIVATE_KEY and not found.through and one.put is not None
    return is_key and _END.search(text, one.start, one.end) is None


def _up_to(one: Stretch, end: int) -> Stretch:
    return replace(one, decided=replace(one.decided, finding=replace(one.decided.finding, end=end)))
