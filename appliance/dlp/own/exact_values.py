"""What is uploaded to be matched exactly: values, one a line or in columns of a CSV, or digests that were made elsewhere.

    name,member                     columns "member, name"       two values from each row
    first,last,member               columns "first+last, member"  a name of two columns, and a number

Digests are HMAC-SHA256 under the salt of canonical values (`canonical_value`), in hexadecimal digits, one a line.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from appliance.dlp.own.contents import DIGEST_BYTES
from appliance.dlp.own.errors import ValuesMalformed
from appliance.dlp.own.matching import MOST_WORDS
from appliance.dlp.own.words import canonical, words_of
from appliance.dlp.shadow import Shadow

MOST_VALUES: Final = 50_000
_SHORTEST, _LONGEST, _MOST_BYTES, _PIECES = 4, 200, 8_000_000, 8
_HASH: Final = re.compile(r"[0-9a-fA-F]{64}")
_SALT: Final = range(16, 201)
_DELIMITERS: Final = ",;\t|"


@dataclass(frozen=True)
class Values:
    """Canonical values, or digests under a salt; and what is known of all of them."""

    values: tuple[str, ...]
    digests: tuple[bytes, ...]
    salt: bytes
    most_words: int
    shortest: int
    longest: int
    have_digits: bool

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.values) + len(self.digests)


def canonical_value(value: str) -> str:
    """Return the form that a value is digested in: what stands in no word is dropped, letters are small and without accents."""
    return canonical([one.word for one in words_of(Shadow(value).raw.decode())])


def read_values(content: bytes, *, columns: str = "") -> Values:
    """Return the values of an upload. Raises ValuesMalformed. Takes a second for the most that there may be."""
    text = _decoded(content)
    told = _of_columns(text, columns) if columns.strip() else enumerate(text.splitlines(), 1)
    values, most_words = dict[str, None](), 1
    for line, value in told:
        if not value.strip():
            continue
        words = [one.word for one in words_of(Shadow(value[: _LONGEST + 1]).raw.decode())]
        found = canonical(words)
        if len(value) > _LONGEST or len(found) < _SHORTEST or len(words) > MOST_WORDS:
            raise ValuesMalformed(fault=f"line {line} has not 4 to 200 letters and digits in at most {MOST_WORDS} words")
        values[found] = None
        # What has digits in it is also written in groups of them.
        most_words = max(most_words, len(words), min(len(found), _PIECES) if any(map(str.isdigit, found)) else 1)
    _check_count(len(values))
    lengths = [len(one) for one in values]
    have_digits = all(any(map(str.isdigit, one)) for one in values)
    return Values(tuple(values), (), b"", most_words, min(lengths), max(lengths), have_digits)


def read_digests(content: bytes, *, salt: str) -> Values:
    """Return digests that were made elsewhere. Raises ValuesMalformed."""
    if len(salt.encode()) not in _SALT:
        raise ValuesMalformed(fault="the salt has not 16 to 200 signs")
    digests = set[bytes]()
    for line, value in enumerate(_decoded(content).splitlines(), 1):
        told = value.strip()
        if told and not _HASH.fullmatch(told):
            raise ValuesMalformed(fault=f"line {line} is no HMAC-SHA256 in 64 hexadecimal digits")
        if told:
            digests.add(bytes.fromhex(told)[:DIGEST_BYTES])
    _check_count(len(digests))
    return Values((), tuple(digests), salt.encode(), _PIECES, _SHORTEST, _LONGEST, have_digits=False)


def _decoded(content: bytes) -> str:
    if len(content) > _MOST_BYTES:
        raise ValuesMalformed(fault="the file is larger than 8 MB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValuesMalformed(fault="the file is not text in UTF-8") from error


def _check_count(count: int) -> None:
    if not 0 < count <= MOST_VALUES:
        raise ValuesMalformed(fault=f"a list has 1 to {MOST_VALUES:,} values")


def _of_columns(text: str, columns: str) -> Iterator[tuple[int, str]]:
    first = text.split("\n", 1)[0]
    rows = csv.reader(io.StringIO(text), delimiter=max(_DELIMITERS, key=first.count))
    try:
        header = [one.strip().casefold() for one in next(rows, [])]
        chosen = [_places(header, one) for one in columns.split(",") if one.strip()]
        for row in rows:
            yield from ((rows.line_num, value) for value in _joined(row, chosen))
    except csv.Error as error:
        raise ValuesMalformed(fault=f"line {rows.line_num} cannot be read as CSV") from error


def _places(header: Sequence[str], column: str) -> list[int]:
    names = [one.strip().casefold() for one in column.split("+")]
    if missing := [one for one in names if one not in header]:
        raise ValuesMalformed(fault=f"the first line names no column {missing[0][:60]}")
    return [header.index(one) for one in names]


def _joined(row: Sequence[str], chosen: Iterable[Sequence[int]]) -> Iterator[str]:
    for places in chosen:
        cells = [row[place].strip() for place in places if place < len(row)]
        if len(cells) == len(places) and all(cells):
            yield " ".join(cells)
