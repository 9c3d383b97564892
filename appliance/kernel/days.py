"""Counts by day (UTC), with the days on which nothing happened."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

Days = tuple[tuple[date, int], ...]


def last_days(rows: Iterable[tuple[datetime, int]], *, until: datetime, days: int) -> Days:
    """Return (day, count) for each of the last `days` days, the oldest first."""
    counts = {moment.date(): int(count) for moment, count in rows}
    first = until.date() - timedelta(days=days - 1)
    return tuple((first + timedelta(days=at), counts.get(first + timedelta(days=at), 0)) for at in range(days))


def first_moment(until: datetime, days: int) -> datetime:
    """Return the midnight (UTC) on which the first of these days begins."""
    return until.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
