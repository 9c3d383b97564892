"""What evidence is made of. Every text here is a message of the catalogues: pages and packages say it in their reader's language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

Cell = str | int | datetime | UUID | None
"""A cell that is an id is a person's: `gather` puts their name in its place."""


class Item(StrEnum):
    """What the house shows of itself. Never reuse or rename one: packages outlive us."""

    ACCESS_LIST = "access_list"
    ACCESS_REVIEW = "access_review"
    AI_REGISTER = "ai_register"
    BACKUPS = "backups"
    CHANGE_HISTORY = "change_history"
    DATA_FLOWS = "data_flows"
    DATA_PROTECTION = "data_protection"
    DELETIONS = "deletions"
    ISOLATION = "isolation"
    KEY_INVENTORY = "key_inventory"
    LOG_ACCESS = "log_access"
    LOG_PROOFS = "log_proofs"
    MODEL_CALLS = "model_calls"
    OVERSIGHT = "oversight"
    POLICY = "policy"
    PROVIDER_KEYS = "provider_keys"
    RESTORE_DRILLS = "restore_drills"
    SIGN_IN_STRENGTH = "sign_in_strength"
    SIGN_IN_WATCH = "sign_in_watch"
    SIGN_ON = "sign_on"
    SUBJECT_REQUESTS = "subject_requests"
    VERSIONS = "versions"


class Standing(StrEnum):
    """Whether evidence shows what it is there for. `absent`: this version of the product makes none."""

    GOOD = "good"
    GAP = "gap"
    ABSENT = "absent"


@dataclass(frozen=True)
class Gap:
    """What is missing: a code of GAPS, whose words its facts fill."""

    code: str
    facts: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True)
class About:
    """An item: what it is called, what it shows, and how old it may be; None: it is made when it is asked for."""

    title: str
    words: str
    columns: tuple[str, ...]
    may_be_old: timedelta | None = None


@dataclass(frozen=True)
class Found:
    """What a collector found. `as_of` is the moment that it is true of; None: there is nothing."""

    as_of: datetime | None
    rows: Sequence[tuple[Cell, ...]] = ()
    gaps: tuple[Gap, ...] = ()
    is_absent: bool = False


@dataclass(frozen=True)
class Evidence:
    """An item with what was found, and how it stands."""

    item: Item
    about: About
    standing: Standing
    as_of: datetime | None
    rows: Sequence[tuple[Cell, ...]]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True)
class Control:
    """A control of a framework: its number there, what it is about in words of ours, and what shows it."""

    number: str
    words: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Framework:
    """A framework as far as the product has evidence for it."""

    code: str
    title: str
    controls: tuple[Control, ...]
