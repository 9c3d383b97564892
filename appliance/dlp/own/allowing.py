"""What an organisation allows is not told, the floor excepted."""

from bisect import bisect_right
from collections.abc import Callable, Iterable

from appliance.dlp.decisions import FLOOR
from appliance.dlp.look import Found
from appliance.dlp.own.matching import digest_of
from appliance.dlp.own.values import Allowance, OwnRules
from appliance.dlp.shadow import Shadow


def without_allowed(shadow: Shadow, found: Iterable[Found], own: OwnRules) -> list[Found]:
    """Return what is found without what an allowance is about, and what stands within an allowed value."""
    allowances, told = own.in_force, list(found)
    if not allowances:
        return told
    values: dict[tuple[int, int], bytes] = {}
    is_by_value = any(one.value for one in allowances)
    allowed = list[tuple[int, int]]()
    kept = list[Found]()
    for one in told:
        place = one.start, one.end
        if is_by_value and place not in values:
            values[place] = digest_of(own.key, shadow.raw[one.start : one.end].decode("utf-8", "replace"))
        about = [each for each in allowances if _is_about(each, one, values.get(place))]
        if not about or one.category in FLOOR:
            kept.append(one)
        if any(each.value and not each.rule for each in about):
            allowed.append(place)
    within = _within(allowed)
    return [one for one in kept if one.category in FLOOR or not within(one)] if within else kept


def _is_about(one: Allowance, found: Found, value: bytes | None) -> bool:
    return (one.value is None or one.value == value) and (one.rule is None or one.rule == found.rule)


def _within(places: Iterable[tuple[int, int]]) -> Callable[[Found], bool] | None:
    """Return what says whether a finding stands within one of these, None where there are none."""
    starts, ends = list[int](), list[int]()
    for start, end in sorted(places):
        starts.append(start)
        ends.append(max(end, ends[-1] if ends else 0))
    if not starts:
        return None

    def is_within(found: Found) -> bool:
        place = bisect_right(starts, found.start) - 1
        return place >= 0 and ends[place] >= found.end

    return is_within
