import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final
from uuid import UUID

from appliance.dlp.values import Category

if TYPE_CHECKING:
    from appliance.dlp.own.matching import Matcher

OWN: Final = "own/"
"""What the names of an organisation's own rules begin with."""


class ListKind(StrEnum):
    """What a list of the organisation's own holds."""

    DICTIONARY = "dictionary"
    PATTERN = "pattern"
    EXACT = "exact"


@dataclass(frozen=True)
class Dictionary:
    """Terms that are looked for as whole words, however they are written."""

    name: str
    category: Category
    terms: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True)
class Pattern:
    """A regular expression in RE2's syntax."""

    name: str
    category: Category
    expression: str = field(repr=False)


@dataclass(frozen=True)
class ExactList:
    """Digests of values under a key, and what is known of all of them: only what may be one of them is digested.

    `shortest` and `longest` are of canonical values, in characters, `most_words` says over how many words one may reach.
    """

    name: str
    category: Category
    key: bytes = field(repr=False)
    digests: frozenset[bytes] = field(repr=False)
    most_words: int
    shortest: int
    longest: int
    have_digits: bool
    """Whether there is a digit in each."""


@dataclass(frozen=True)
class Allowance:
    """What is not told: a value (its digest), what a rule finds, in a document or a collection; together, what is all of them."""

    allowance_id: UUID
    value: bytes | None
    rule: str | None
    document_id: UUID | None
    collection_id: UUID | None
    expires_at: datetime


@dataclass(frozen=True)
class Lists:
    """All lists of an organisation. What looks for them is made once, when a text is looked at first."""

    dictionaries: tuple[Dictionary, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    exact: tuple[ExactList, ...] = ()

    @cached_property
    def matcher(self) -> "Matcher | None":
        """What looks for them, None where there are none."""
        from appliance.dlp.own.matching import Matcher

        return Matcher(self) if self.dictionaries or self.patterns or self.exact else None


class LateLists:
    """Lists that are read when a text is looked at first: not in the transaction that loads them. What is no list raises then, and no text is clean."""

    def __init__(self, read: Callable[[], Lists]) -> None:
        self._read = read

    @cached_property
    def matcher(self) -> "Matcher | None":
        """What looks for them."""
        return self._read().matcher


@dataclass(frozen=True)
class OwnRules:
    """An organisation's own rules. `version` is another, and a greater one, whenever they change, 0 where nothing was ever said.

    `document_id` and `collection_id` say what the text belongs to: allowances for other ones do not hold for it. `common` counts the changes
    that are about no single document, `of_documents` those that are about one: of a document's text, `version` is these two together.
    """

    version: int = 0
    lists: Lists | LateLists = field(default_factory=Lists)
    allowances: tuple[Allowance, ...] = ()
    key: bytes = field(default=b"", repr=False)
    """Of the digests of allowed values."""
    document_id: UUID | None = None
    collection_id: UUID | None = None
    common: int = 0
    of_documents: Mapping[UUID, int] = field(default_factory=dict)

    def about(self, *, document_id: UUID | None = None, collection_id: UUID | None = None) -> "OwnRules":
        """Return the same rules for a text of this document or collection."""
        version = self.version if document_id is None else self.common + self.of_documents.get(document_id, 0)
        return replace(self, version=version, document_id=document_id, collection_id=collection_id)

    @property
    def in_force(self) -> tuple[Allowance, ...]:
        """The allowances that hold for the text."""
        return tuple(
            one
            for one in self.allowances
            if one.document_id in {None, self.document_id} and one.collection_id in {None, self.collection_id}
        )


NOTHING: Final = OwnRules()
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


def is_list_name(name: str) -> bool:
    """Say whether a list may be called so: 1 to 40 small letters, digits and dashes."""
    return _NAME.fullmatch(name) is not None


def rule_of(kind: ListKind, name: str) -> str:
    """Return what findings of a list name as their rule."""
    return f"{OWN}{kind.value}/{name}"
