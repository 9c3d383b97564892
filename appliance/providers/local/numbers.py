"""Whether a question asks for a number or a time, and whether a sentence holds one that the question does not."""

import re

_ASKS = re.compile(
    r"\b(?:how (?:many|much|long|old|far|tall|large|big|fast|often|high)|when"
    r"|(?:what|which) (?:year|date|day|month|decade|century|percent|percentage|number|share|age|amount|price)"
    r"|wie ?viele?|wie (?:lange|alt|hoch|groß|weit|oft|schnell)|wann"
    r"|(?:welche[mrsn]?) (?:jahr|datum|tag|monat|jahrzehnt|jahrhundert|prozentsatz|zahl|anteil|betrag|preis|alter))\b",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"\d+")
_WORDS = re.compile(
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|\w+ty|hundreds?|thousands?|millions?|billions?"
    r"|half|thirds?|quarters?|once|twice|january|february|march|april|may|june|july|august|september|october|november|december"
    r"|eine?[mnrs]?|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf|\w+zehn|\w+zig|\w*hundert|\w*tausend"
    r"|million(?:en)?|milliarden?|hälfte|drittel|viertel|einmal|zweimal|januar|februar|märz|mai|juni|juli|oktober|dezember)\b",
    re.IGNORECASE,
)


def asks_for_number(question: str) -> bool:
    """Say whether only a number or a time can answer; known of English and German."""
    return bool(_ASKS.search(question))


def holds_number(sentence: str, *, beside: str) -> bool:
    """Say whether a sentence holds a number, in digits or in words, that does not stand in the question beside it."""
    digits = _DIGITS.findall(sentence)
    return any(number not in beside for number in digits) if digits else bool(_WORDS.search(sentence))
