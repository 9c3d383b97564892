"""Which of several findings at one place stands: the category that says most, then the likelier, then the longer."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from appliance.dlp.decisions import FLOOR
from appliance.dlp.look import Found
from appliance.dlp.own.values import OWN
from appliance.dlp.values import Category

_C = Category
# From what would be worst to lose to what is rather a guess.
_ORDER: Final = (
    _C.PRIVATE_KEY, _C.CONNECTION, _C.API_KEY, _C.SECRET, _C.CARD_TRACK, _C.PAYMENT_CARD, _C.OWN, _C.IBAN, _C.EMAIL, _C.SOCIAL_SECURITY, _C.NATIONAL_ID,
    _C.VEHICLE, _C.WALLET, _C.MAC_ADDRESS, _C.MEDICAL_RECORD, _C.HEALTH_ID, _C.IP_ADDRESS, _C.CARD_CODE, _C.BIRTH_DATE, _C.PASSPORT, _C.DRIVING_LICENCE,
    _C.BANK_ACCOUNT, _C.DEVICE, _C.LICENCE_PLATE, _C.CARE_DATE, _C.GREAT_AGE, _C.PHONE, _C.ADDRESS, _C.PERSON, _C.MARKING,
)  # fmt: skip
_RANKS: Final = {category: rank for rank, category in enumerate(_ORDER)}


def settle(found: Iterable[Found]) -> list[Found]:
    """Return findings of which no two overlap, in order. O(n log n) but for the moving of a list.

    Where an organisation's own rule and another one find something at one place, the smaller stands and of the larger what is
    left beside it, so that neither hides the other; at the same place the category that says most. The floor stands always.
    """
    told = list(found)
    own = _chosen(one for one in told if one.rule.startswith(OWN))
    others = _chosen(one for one in told if not one.rule.startswith(OWN))
    if not own:
        return others
    starts = [one.start for one in own]
    first = [one for one in others if one.category in FLOOR or _stands_in(one, own, bisect_right(starts, one.start) - 1)]
    standing = _merged(first, _beside(own, first))
    return _merged(standing, _beside(_without(others, first), standing))


def _stands_in(one: Found, own: Sequence[Found], place: int) -> bool:
    """Say whether it is a part of the own finding at this place, or all of it and says more."""
    outer = own[place] if place >= 0 else None
    if outer is None or outer.end < one.end:
        return False
    is_all = (outer.start, outer.end) == (one.start, one.end)
    return not is_all or _RANKS[one.category] < _RANKS[outer.category]


def _without(found: Iterable[Found], others: Iterable[Found]) -> list[Found]:
    places = {one.start for one in others}
    return [one for one in found if one.start not in places]


def _merged(left: Iterable[Found], right: Iterable[Found]) -> list[Found]:
    """Return both, in order."""
    return sorted([*left, *right], key=lambda one: one.start)


def _beside(found: Iterable[Found], standing: Sequence[Found]) -> Iterator[Found]:
    """Return what is left of findings beside those that stand; both are in order, and overlap with none of their own."""
    ahead = 0
    for one in found:
        at = one.start
        while ahead < len(standing) and standing[ahead].end <= at:
            ahead += 1
        place = ahead
        while place < len(standing) and standing[place].start < one.end:
            if at < standing[place].start:
                yield replace(one, start=at, end=standing[place].start)
            at = standing[place].end
            place += 1
        if at < one.end:
            yield replace(one, start=at)


def _chosen(found: Iterable[Found]) -> list[Found]:
    starts, ends, kept = list[int](), list[int](), list[Found]()
    for one in sorted(found, key=lambda one: (_RANKS[one.category], -one.confidence, one.start - one.end, one.start)):
        place = bisect_left(starts, one.start)
        if (place < len(starts) and starts[place] < one.end) or (place and ends[place - 1] > one.start):
            continue
        starts.insert(place, one.start)
        ends.insert(place, one.end)
        kept.append(one)
    return sorted(kept, key=lambda one: one.start)
