"""Words that turn what a sentence says around: before or after, more or less, allowed or forbidden, rises or falls, a month or a year.

A sentence of a passage with one such word in another's place has nearly all of the passage's words, and says the opposite.
"""

import re
from collections.abc import Collection
from itertools import pairwise
from typing import Final

_TURNS: Final = {
    "before": "before prior earlier vor vorher bevor",
    "after": "after later nach nachdem danach",
    "above": "above more exceeding exceeds over older higher longer greater larger minimum mindestens mehr über älter höher länger größer ab",
    "below": "below less fewer under younger lower shorter smaller maximum höchstens maximal weniger unter jünger niedriger kürzer kleiner",
    "allowed": "allowed allows permitted permits approve approves approved erlaubt erlauben gestattet zulässig genehmigt genehmigen",
    "forbidden": "forbidden forbids prohibited prohibits banned bans refuse refuses refused reject rejects rejected denied verboten untersagt unzulässig "
    "abgelehnt lehnt verweigert verweigern",
    "rising": "rise rises rose risen increase increases increased grow grows grew raises raised steigt steigen stieg gestiegen erhöht erhöhen wächst",
    "falling": "fall falls fell fallen decrease decreases decreased decline declines declined drop drops dropped reduce reduces reduced sinkt sinken sank "
    "gesunken verringert reduziert senkt",
    "only": "only solely exclusively nur ausschließlich lediglich",
    "all": "all every always each any everyone everybody alle allen aller alles immer jede jeder jedes jeden jedem sämtliche stets",
    "except": "except unless excluding außer ausgenommen ausser",
    "free": "optional optionally voluntary voluntarily freiwillig optional freigestellt",
    "bound": "must shall mandatory obligatory required requires obliged muss müssen verpflichtet verpflichtend zwingend erforderlich",
    "minus": "minus negative negativ negativer negativen",
    "half": "half halb halbe halben halbes hälfte",
    "double": "double doubled doubles twice doppelt doppelte doppelten verdoppelt zweimal",
    "hour": "hour hours hourly stunde stunden stündlich",
    "day": "day days daily tag tage tagen täglich",
    "week": "week weeks weekly woche wochen wöchentlich",
    "month": "month months monthly monat monate monaten monats monatlich",
    "quarter": "quarter quarters quarterly quartal quartals quartale vierteljahr vierteljährlich",
    "year": "year years yearly annual annually jahr jahre jahren jahres jährlich",
}
_GROUPS: Final = {word: turn for turn, words in _TURNS.items() for word in words.split()}
_PAIRS: Final = {("at", "least"): "above", ("at", "most"): "below", ("up", "to"): "below", ("bis", "zu"): "below"}
_TIMES: Final = frozenset({"hour", "day", "week", "month", "quarter", "year"})
_UNDOING: Final = ("un", "in", "im", "ir", "il", "non", "dis")
_SHORTEST: Final = 4
_WORD: Final = re.compile(r"[^\W\d_]+")


def turns_of(text: str) -> frozenset[str]:
    """Return in which ways a text turns what it says."""
    words = [one.casefold() for one in _WORD.findall(text)]
    found = set[str]()
    for word, following in pairwise([*words, ""]):
        turn = _PAIRS.get((word, following)) or _GROUPS.get(word)
        if turn and not (turn == "all" and _GROUPS.get(following) in _TIMES):  # every month: a month
            found.add(turn)
    return frozenset(found)


def is_undone(said: Collection[str], claimed: Collection[str]) -> bool:
    """Say whether one has a word that the other has undone: paid, unpaid."""
    return any(_undone(other, said) for other in claimed if other not in said) or any(_undone(one, claimed) for one in said if one not in claimed)


def _undone(word: str, others: Collection[str]) -> bool:
    """Say whether a word stands among others without what it begins with."""
    return any(word.startswith(one) and len(word) - len(one) >= _SHORTEST and word[len(one) :] in others for one in _UNDOING)
