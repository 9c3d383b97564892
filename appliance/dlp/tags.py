"""What a model says of a text: the port that models of names are asked through."""

from collections.abc import Sequence
from typing import Protocol


class Tag(Protocol):
    """Characters of a text, what they are said to be, and how surely."""

    @property
    def label(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def score(self) -> float: ...


class Tagger(Protocol):
    """A model of names and addresses."""

    name: str

    def tags(self, text: str, *, whose: bytes = b"") -> Sequence[Tag]:
        """Return what it tags, in order. For whoever `whose` stands for it may remember what it read for them."""
        ...
