"""What models answer, looked through while it comes: what the policy on data forbids is replaced before it is sent, or ends the answer.

Whole events of the client's dialect are held back until it is certain what their texts may say: those that stay as they are go
out with the bytes they came with. What went out under a surrogate comes back as what it is.
"""

import json
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from appliance.dlp import PLAIN, Action, Decided, Direction, Flowing, InJson, Stretch, Surrogates, decide, whole
from appliance.dlp.flowing import STEP, Treat
from appliance.dlp.pseudonyms import Restoring
from appliance.dlp.surrogate_forms import redacted
from appliance.gateway.answer_texts import EVERYTHING, IN_JSON, Key, Piece, ended, others, pieces, told_objects
from appliance.gateway.dialects import Dialect, read_json, write_json
from appliance.gateway.dialects.sse import COMMENT, Event, Splitter, encode
from appliance.gateway.endpoints import Endpoint
from appliance.gateway.guarding import Treated, facts_of, refuse_blocked
from appliance.gateway.inspecting import Depth, Inspector
from appliance.gateway.said import free

_STEP_OF_NAMES: Final = 128
"""A model of names takes longer for each look, so it looks less often."""
_LONG: Final = 65_536
_SILENT: Final = frozenset({Endpoint.EMBEDDINGS, Endpoint.COUNT_TOKENS})


def guarding(inspector: Inspector, endpoint: Endpoint, treated: Treated | None) -> "AnswerGuard | None":
    """Return what is to stand in an answer's way, or None where nothing was ever said, or the answer has no text."""
    if treated is None or treated.answers.depth is Depth.NOT or endpoint in _SILENT:
        return None
    return AnswerGuard(inspector, endpoint.dialect, treated)


class AnswerGuard:
    """Stands in one answer's way."""

    def __init__(self, inspector: Inspector, dialect: Dialect, treated: Treated) -> None:
        self._inspector, self._dialect, self._treated = inspector, dialect, treated
        self._now = treated.standing.on(Direction.ANSWER)
        self._step = _STEP_OF_NAMES if treated.answers.depth is Depth.NAMES else STEP
        self._splitter, self._held = Splitter(), deque[_Held]()
        self._texts = dict[Key, _Text]()
        self._last: Key | None = None
        self._decided = list[Decided]()

    @property
    def facts(self) -> dict[str, str | int] | None:
        """What the log says of what was done; None for nothing."""
        return facts_of(self._decided, self._treated.standing, Direction.ANSWER)

    def feed(self, told: bytes) -> bytes:
        """Return what the client is to be sent for this. Raises TextRefused, DlpBlocked, ModelMissing."""
        return self._beside(lambda: b"".join(map(self._passed, self._splitter.feed(told))), len(told))

    def close(self) -> bytes:
        """Return what is left. What comes behind the last whole event is none, and is not sent."""
        return self._beside(lambda: self._ended([EVERYTHING]), 0)

    def whole(self, told: bytes) -> bytes:
        """Return an answer that came in one piece: the same bytes if nothing was found. Raises TextRefused, DlpBlocked, ModelMissing."""
        return self._beside(lambda: self._whole(told), len(told))

    def _beside(self, work: Callable[[], bytes], length: int) -> bytes:
        is_long = self._treated.answers.depth is Depth.NAMES or length > _LONG
        return self._inspector.aside(work) if is_long else work()

    def _whole(self, told: bytes) -> bytes:
        body = read_json(told, with_any_number=True)
        if not self._replaced_in(body, ()):
            return told
        _forget_tokens(body)
        return write_json(body)

    def _passed(self, event: Event) -> bytes:
        if event.data is None:  # a sign of life, which waits for nothing
            return COMMENT
        if event.data.strip() == "[DONE]":
            return self._ended([EVERYTHING]) + event.raw
        body = _body_of(event)
        if body is None:  # no client could read it
            return b""
        if body == {"type": "ping"}:
            return event.raw
        found = pieces(self._dialect, body)
        told = b""
        for one in found:
            told += self._turned_to(one.key)
        held = _Held(event, body, is_changed=self._replaced_in(body, found))
        held.parts = [self._text_of(one).take(one) for one in found]
        self._held.append(held)
        self._check(self._texts[one.key] for one in found)
        over = ended(self._dialect, body)
        return told + (self._ended(over) if over else self._released())

    def _turned_to(self, key: Key) -> bytes:
        """Return what is certain of the text before, as another one of the same answer goes on: it is over, as a rule."""
        last, self._last = self._last, key
        if last is None or last == key or last[0] != key[0] or not self._texts[last].may_be_over:
            return b""
        self._texts[last].was_flushed = True
        return self._ended([last])

    def _text_of(self, piece: Piece) -> "_Text":
        if piece.key not in self._texts:
            self._texts[piece.key] = _Text(self._treat, self._treated.surrogates, is_json=piece.is_json, step=self._step)
        return self._texts[piece.key]

    def _ended(self, keys: Iterable[Key]) -> bytes:
        over = [text for key, text in self._texts.items() if any(key[: len(one)] == one for one in keys)]
        for text in over:
            text.flush()
        self._check(over)
        return self._released()

    def _released(self) -> bytes:
        told = bytearray()
        while self._held and self._held[0].is_certain:
            told += self._held.popleft().told()
        return bytes(told)

    def _check(self, texts: Iterable["_Text"]) -> None:
        for text in texts:
            self._note(text.passed())

    def _note(self, decided: Iterable[Decided]) -> None:
        new = list(decided)
        self._decided += new
        refuse_blocked(new, self._treated.standing.policy)

    def _treat(self, text: str) -> list[Stretch]:
        found = self._inspector.find(text, self._treated.answers, self._treated.own)
        if self._treated.surrogates is not None:
            found = self._treated.surrogates.others(text, found)
        decided = decide(self._treated.standing.policy, found, self._now).decided
        return [Stretch(one, None if one.action in _STAYS else redacted(one.finding.category)) for one in decided]

    def _replaced_in(self, body: Any, of_pieces: Iterable[Piece]) -> bool:
        """Replace what is found in the other texts of an event, or of a body; say whether anything was."""
        is_changed = False
        for holder, place in others(body, list(of_pieces)):
            value = holder[place]
            said = value if isinstance(value, str) else str(value)
            told, decided = whole(said, self._treat, weave=InJson() if place in IN_JSON else PLAIN)
            self._note(decided)
            told = _restored(told, self._treated.surrogates, is_json=place in IN_JSON)
            if told != said:
                holder[place], is_changed = told, True
        renamed = [self._renamed(one) for one in told_objects(body)]
        return any(renamed) or is_changed

    def _renamed(self, told: dict[str, Any]) -> bool:
        """Replace what is found in the names of an object's members; say whether anything was."""
        names = dict[str, str]()
        for name in told:
            said, decided = whole(name, self._treat)
            self._note(decided)
            names[name] = _restored(said, self._treated.surrogates, is_json=False)
        if all(name == said for name, said in names.items()):
            return False
        members, taken = list(told.items()), {name for name, said in names.items() if name == said}
        told.clear()
        for name, value in members:
            said = name if names[name] == name else free(names[name], taken)
            taken.add(said)
            told[said] = value
        return True


_STAYS: Final = frozenset({Action.ALLOW, Action.WARN})


@dataclass(eq=False)
class _Part:
    """A piece of a text within a held event, and what of it is certain by now."""

    piece: Piece
    left: int
    """Signs of it that are still uncertain."""
    said: list[str] = field(default_factory=list)
    is_changed: bool = False


@dataclass(eq=False)
class _Held:
    event: Event
    body: dict[str, Any]
    is_changed: bool
    parts: list[_Part] = field(default_factory=list)

    @property
    def is_certain(self) -> bool:
        return not any(one.left for one in self.parts)

    def told(self) -> bytes:
        """Return the event as it goes out: as it came, if it says the same."""
        changed = [one for one in self.parts if one.is_changed]
        for one in changed:
            one.piece.holder[one.piece.name] = "".join(one.said)
        if not changed and not self.is_changed:
            return self.event.raw
        _forget_tokens(self.body)
        return encode(self.body, name=self.event.name)


class _Text:
    """One text that comes in pieces."""

    def __init__(self, treat: Treat, surrogates: Surrogates | None, *, is_json: bool, step: int) -> None:
        self._flowing = Flowing(treat, weave=InJson() if is_json else PLAIN, step=step)
        self._surrogates, self._is_json = surrogates, is_json
        self._restoring = _restoring(surrogates, is_json=is_json)
        self._parts = deque[_Part]()
        self._came, self._length, self._told = "", 0, ""
        self.was_flushed = False

    @property
    def may_be_over(self) -> bool:
        """Say whether it may be taken for over: not twice, or a value could come in parts, each of which says nothing."""
        return not self.was_flushed and not self._flowing.is_open

    def passed(self) -> list[Decided]:
        """Return what was found in what has gone by since this was asked."""
        found, self._flowing.passed = self._flowing.passed, []
        return found

    def take(self, piece: Piece) -> _Part:
        """Take a piece; what is certain now of it, and of those before it, is noted with them."""
        part = _Part(piece, len(piece.text))
        self._parts.append(part)
        self._came += piece.text
        for length, told in self._flowing.advance(piece.text):
            self._step(length, told, is_end=False)
        return part

    def flush(self) -> None:
        """Be certain of all."""
        self._step(*self._flowing.flush(), is_end=True)

    def _step(self, length: int, told: str, *, is_end: bool) -> None:
        self._length += length
        if self._restoring is not None:
            told = self._restoring.feed(told) + (self._restoring.close() if is_end else "")
        self._told += told
        if self._restoring is not None and not is_end and self._restoring.holds_back:
            return
        if is_end:
            self._restoring = _restoring(self._surrogates, is_json=self._is_json)
        self._give(self._came[: self._length], self._told)
        self._came, self._length, self._told = self._came[self._length :], 0, ""

    def _give(self, came: str, told: str) -> None:
        """Note with the parts what has become of these signs: where anything differs, the first of them says all of it."""
        is_changed, left = came != told, len(came)
        while left:
            part = self._parts[0]
            length = min(left, part.left)
            part.said.append(told if is_changed else told[:length])
            told = "" if is_changed else told[length:]
            part.is_changed, part.left, left = part.is_changed or is_changed, part.left - length, left - length
            if not part.left:
                self._parts.popleft()


class _InJson:
    """Surrogates whose values are put back within the quotes of a JSON text."""

    def __init__(self, surrogates: Surrogates) -> None:
        self._surrogates = surrogates

    def __len__(self) -> int:
        return len(self._surrogates)

    def find(self, code: str) -> str | None:
        """Return the value as it is written within quotes."""
        value = self._surrogates.find(code)
        return None if value is None else json.dumps(value, ensure_ascii=False)[1:-1]


def _restoring(surrogates: Surrogates | None, *, is_json: bool) -> Restoring | None:
    if surrogates is None:
        return None
    return Restoring(_InJson(surrogates)) if is_json else surrogates.restoring()  # type: ignore[arg-type]  # it is asked for values alone


def _restored(text: str, surrogates: Surrogates | None, *, is_json: bool) -> str:
    restoring = _restoring(surrogates, is_json=is_json)
    return restoring.feed(text) + restoring.close() if restoring else text


def _body_of(event: Event) -> dict[str, Any] | None:
    """Return what an event says, None for what is no object."""
    try:
        body = read_json(event.data or "", with_any_number=True)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _forget_tokens(body: Any) -> None:
    """Leave out the single tokens beside a text that was changed, which say the text as well."""
    for one in body.values() if isinstance(body, dict) else body if isinstance(body, list) else ():
        _forget_tokens(one)
    if isinstance(body, dict) and body.get("logprobs"):
        body["logprobs"] = None if isinstance(body["logprobs"], dict) else []
