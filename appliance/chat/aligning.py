"""Words of a passage that a claim says in another's place: the passage's own words, and nothing that it says."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from difflib import SequenceMatcher
from typing import Final

from appliance.chat.claims import begin_alike, is_among

_LONGEST: Final = 5
"""So many words may be one that was replaced; where more are gone, it is said in another way."""
_MOST: Final = 20_000
"""Pairs of words that are compared; no sentence is so long, and aligning is not linear."""


def puts_elsewhere(claimed: Sequence[str], said: Sequence[str], known: AbstractSet[str]) -> bool:
    """Say whether a claim has words of its passage, which are known, where the sentence that it is measured by has others, which it leaves out.

    Both are terms in their order; what is too long to be compared is taken for one that has. What is left out, moved or added between words that stay is nothing of the kind.
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
