"""Where a text stands on the pages of its document: pdfium's characters, or boxes on a picture of the page.

Both are kept with each chunk as flat arrays of numbers, offsets counting in the chunk. What a parser says of places is
checked where it comes in (`knowledge.parsing`); the worst that a false one does is to mark the wrong words.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

GRID: Final = 10_000
_RANGE, _BOX = 5, 7  # numbers of each


@dataclass(frozen=True)
class Range:
    """`length` characters of the text from `offset` are `count` of pdfium's on this page, from `first`."""

    page: int
    offset: int
    length: int
    first: int
    count: int


@dataclass(frozen=True)
class Box:
    """`length` characters of the text from `offset` stand in this part of the page, in parts of GRID."""

    page: int
    offset: int
    length: int
    left: int
    top: int
    right: int
    bottom: int


Place = TypeVar("Place", Range, Box)


@dataclass(frozen=True)
class Places:
    """The places of a text, each kind in the order of the text."""

    ranges: tuple[Range, ...] = ()
    boxes: tuple[Box, ...] = ()

    def within(self, start: int, end: int) -> "Places":
        """Return the places of a part of the text, offsets counting in the part."""
        ranges = (_cut_range(one, start, end) for one in _overlapping(self.ranges, start, end))
        boxes = (replace(one, offset=max(one.offset - start, 0)) for one in _overlapping(self.boxes, start, end))
        return Places(tuple(ranges), tuple(boxes))

    def on(self, page: int) -> "Places":
        """Return the places on one page."""
        return Places(
            tuple(one for one in self.ranges if one.page == page), tuple(one for one in self.boxes if one.page == page)
        )

    @property
    def first_page(self) -> int | None:
        """The page that the text begins on, or None where no place is known."""
        begins = [(one.offset, one.page) for one in self.ranges[:1]] + [
            (one.offset, one.page) for one in self.boxes[:1]
        ]
        return min(begins)[1] if begins else None


NOWHERE = Places()


@dataclass
class Gathering:
    """Places of a document as its text grows."""

    ranges: list[Range] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)

    def places(self) -> Places:
        """Return what was gathered."""
        return Places(tuple(self.ranges), tuple(self.boxes))


def flat(places: Iterable[Range] | Iterable[Box]) -> list[int]:
    """Return places as the numbers that are stored."""
    return [number for place in places for number in vars(place).values()]


def unflat(ranges: Sequence[int], boxes: Sequence[int]) -> Places:
    """Return stored numbers as places."""
    return Places(
        tuple(Range(*ranges[start : start + _RANGE]) for start in range(0, len(ranges), _RANGE)),
        tuple(Box(*boxes[start : start + _BOX]) for start in range(0, len(boxes), _BOX)),
    )


def _overlapping(places: Sequence[Place], start: int, end: int) -> list[Place]:
    first = bisect_left(places, start, key=lambda place: place.offset + place.length)
    last = bisect_left(places, end, key=lambda place: place.offset)
    return [place for place in places[first:last] if place.offset + place.length > start]


def _cut_range(place: Range, start: int, end: int) -> Range:
    offset, after = max(place.offset, start), min(place.offset + place.length, end)
    if place.length != place.count:  # composed characters: not to be divided
        return replace(place, offset=offset - start, length=after - offset)
    first = place.first + offset - place.offset
    return Range(place.page, offset - start, after - offset, first, after - offset)
