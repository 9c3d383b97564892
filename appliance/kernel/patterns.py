"""Entries of lists that let something pass: a name, or the beginning of one before a `*`."""

import re
from collections.abc import Collection, Iterable
from typing import Final

MOST_ENTRIES: Final = 100
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,262}\*?")


def fits(entries: Iterable[str], names: Collection[str]) -> bool:
    """Say whether one of the names is among the entries."""
    return any(_fits(entry, name) for entry in entries for name in names)


def covers(entries: Iterable[str], narrower: str) -> bool:
    """Say whether all that an entry lets pass, one of these does too."""
    plain = narrower.removesuffix("*")
    return any(entry == narrower or (entry.endswith("*") and plain.startswith(entry[:-1])) for entry in entries)


def is_name(entry: str) -> bool:
    """Say whether an entry is of the form of a model's name: a name of one's own, provider/model, provider/*, bot:slug."""
    return bool(_NAME.fullmatch(entry))


def _fits(entry: str, name: str) -> bool:
    return name.startswith(entry[:-1]) if entry.endswith("*") else entry == name
