"""A model of names that is asked once about each line of a long document: headers, footers and forms say the same again and again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from appliance.dlp.tags import Tag, Tagger


@dataclass(frozen=True)
class _Moved:
    """A tag of a line, at its place in a text."""

    label: str
    start: int
    end: int
    score: float


class Once:
    """Asks a model for the lines that it has not seen, all of them in one text; for one document and one thread."""

    def __init__(self, tagger: Tagger) -> None:
        self.name = tagger.name
        self._tagger = tagger
        self._known: dict[str, tuple[_Moved, ...]] = {}

    def tags(self, text: str, *, whose: bytes = b"") -> Sequence[Tag]:
        """Return what is tagged, in order. Raises what the model raises."""
        del whose  # a document is looked at once
        lines = text.split("\n")
        self._ask([line for line in dict.fromkeys(lines) if line not in self._known])
        return list(self._placed(lines))

    def _ask(self, lines: Sequence[str]) -> None:
        told: dict[str, list[_Moved]] = {line: [] for line in lines}
        asked, starts, at = "\n".join(lines), [], 0
        for line in lines:
            starts.append(at)
            at += len(line) + 1
        tags = iter(self._tagger.tags(asked) if asked.strip() else ())
        tag = next(tags, None)
        for line, start in zip(lines, starts, strict=True):
            while tag is not None and tag.start < start + len(line) + 1:
                # What goes on into the next line is told of the line that it begins in.
                end = min(tag.end - start, len(line))
                if 0 <= tag.start - start < end:
                    told[line].append(_Moved(tag.label, tag.start - start, end, tag.score))
                tag = next(tags, None)
        self._known.update({line: tuple(found) for line, found in told.items()})

    def _placed(self, lines: Sequence[str]) -> Iterator[Tag]:
        at = 0
        for line in lines:
            for one in self._known[line]:
                yield _Moved(one.label, at + one.start, at + one.end, one.score)
            at += len(line) + 1
