"""How a finding is shown to people: enough to know it again, too little to use it.

Of a card the first six and last four digits may be seen (PCI DSS 4.0.1, 3.4.1); of everything else its first sign. How long
it is, is told in steps. What stands around it is shown with every other finding masked, too.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from appliance.dlp.values import Category, Finding

_AROUND: Final = 40
_DOTS: Final = "•"
_STEPS: Final = (4, 8, 12, 16)
_CARD_HEAD, _CARD_TAIL, _SHORTEST_CARD = 6, 4, 13


def masked(value: str, category: Category, *, is_plain: bool = True) -> str:
    """Return what may be shown of a value. Of one that is not plain, but hidden in what stands there, the digits may be those of other values."""
    digits = "".join(sign for sign in value if sign.isdigit())
    if category is Category.PAYMENT_CARD and is_plain and len(digits) >= _SHORTEST_CARD:
        return f"{digits[:_CARD_HEAD]}{_DOTS * 6}{digits[-_CARD_TAIL:]}"
    length = next((step for step in _STEPS if len(value) <= step), _STEPS[-1])
    return value[:1].strip() + _DOTS * length


def excerpt(text: str, findings: Sequence[Finding], finding: Finding) -> str:
    """Return one of a text's findings, masked, with up to 40 characters around it, in which the others are masked.

    `findings` are all of the text's, in order and without overlaps.
    """
    start, end = max(0, finding.start - _AROUND), min(len(text), finding.end + _AROUND)
    starts = [one.start for one in findings]
    pieces, at = ["…"] if start else [], start
    for one in findings[max(0, bisect_left(starts, start) - 1) :]:
        if one.end <= start:
            continue
        if one.start >= end:
            break
        pieces += [text[at : max(at, one.start)], masked(text[one.start : one.end], one.category, is_plain=not one.through)]
        at = one.end
    pieces += [text[at:end] if at < end else "", "…" if end < len(text) else ""]
    return " ".join("".join(pieces).split())
