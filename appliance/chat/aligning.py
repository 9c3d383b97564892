"""Catches claims that put one phrase of a passage in the place of another: made of the passage's own words, and not what it says.

Where a passage says "Managers approve journeys. The board approves loans.", "Managers approve loans" has no word that is not there.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from difflib import SequenceMatcher
from typing import Final

from appliance.chat.claims import begin_alike, is_among

_LONGEST: Final = 5
"""Up to so many missing words count as one phrase that was replaced; where more are missing, the sentence was said in other words."""
_MOST: Final = 20_000
"""At most so many pairs of words are compared, as aligning is not linear; no real sentence has as many."""


def puts_elsewhere(claimed: Sequence[str], said: Sequence[str], known: AbstractSet[str]) -> bool:
    """Say whether a claim replaces words of the sentence that it is compared with by other words of the passage.

    `claimed` and `said` are the terms of the claim and of the sentence, in their order; `known` are the passage's. Words that are
    only left out, moved or added do not count. True for what is too long to be compared.
    """
    if len(claimed) * len(said) > _MOST:
        return True
    there = dict.fromkeys(said)
    plain = [one if one in there else next((other for other in there if begin_alike(one, other)), one) for one in claimed]
    for what, start, end, begins, ends in SequenceMatcher(None, plain, said, autojunk=False).get_opcodes():
        gone = sum(one not in plain for one in said[begins:ends])
        if what == "replace" and 0 < gone <= _LONGEST and any(is_among(one, known) for one in plain[start:end]):
            return True
    return False
