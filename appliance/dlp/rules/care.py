"""The rest of what HIPAA calls identifying (45 CFR 164.514(b)(2)): dates of care, ages over 89, licence plates."""

from typing import Final

from appliance.dlp.look import NO, Cues, Look, Rule
from appliance.dlp.rules.contacts import DAY
from appliance.dlp.values import Category

_CARE: Final = Cues(
    "patients?|hospital|ward|clinic|medical|inpatient|outpatient|emergency department|icu|surgery|diagnos(?:is|ed)|physician|doctor|dr|mrn|nurse|symptoms?"
    "|treatment|patientin|krankenhaus|klinik|station|stationär|diagnose|ärztlich|entlassbrief|hôpital|clinique|hospitalisation|paciente|hospitalización"
)
_STEPS: Final = (
    r"admi(?:tted|ssion)|discharged?|date of (?:admission|discharge|service|death|surgery|procedure)|(?:admission|discharge|service|death|surgery) date|died|deceased|expired"
    r"|operated|seen|aufnahme(?:datum)?|aufgenommen|entlass(?:ung|en)(?:sdatum)?|verstorben|admis(?:e|sion)?|sortie|décédée?|ingres(?:o|ado|ada)|alta|fallecid[oa]"
)
_ALWAYS_CARE: Final = Cues("date of (?:admission|discharge|service|surgery|procedure)|(?:admission|discharge|surgery) date")
_PLATE: Final = (
    r"licen[cs]e plates?|number plates?|plates? (?:no\.?|number)|registration plates?|vehicle registration|kfz-kennzeichen|kennzeichen|immatriculation|matrícula|targa|kenteken|tablica rejestracyjna"
)
_FEWEST: Final = 2
_ROUND: Final = frozenset({"100", "110", "120", "125"})


def _cared(look: Look) -> float:
    if not look.stands_alone():
        return NO
    told = look.shadow.lower[look.match.start() : look.start]
    if _ALWAYS_CARE.within(told):
        return 0.8
    around = look.shadow.lower[max(0, look.match.start() - 160) : look.match.start()]
    return 0.75 if _CARE.within(around, look.after(120)) else NO


def _old(look: Look) -> float:
    # A hundred years are more often a jubilee's.
    return NO if look.value in _ROUND or not look.stands_alone(b".$", b"%") else 0.8


def _plate(look: Look) -> float:
    value = look.value
    has_both = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
    return 0.8 if has_both and look.stands_alone() and len(value) > _FEWEST else NO


_AGE: Final = r"(9\d|1[01]\d)"
RULES: Final = (
    Rule("care-date/1", Category.CARE_DATE,
         rf"(?i)\b(?:{_STEPS})\b(?: (?:to|from|on|at|in|the|our|hospital|ward|clinic|am|den|le|el|was|patient)){{0,4}}[\s:=\"',-]{{0,4}}({DAY})\b", _cared, group=1),
    Rule("age/1", Category.GREAT_AGE,
         rf"(?i)(?:^|[^\w-])(?:aged?|alter|âgée?(?: de)?|edad|età)[\s:=\"']{{1,4}}(?:is |of |von )?{_AGE}\b", _old, group=1),
    Rule("age-years/1", Category.GREAT_AGE,
         rf"(?i)\b{_AGE}(?:[- ]?(?:years?|yrs?)[- ]?(?:old|of age)|[- ]?y/?o\b|[- ]?jährige?[rsn]?\b| ?jahre alt| ans\b| años (?:de edad)?)", _old, group=1),
    Rule("plate/1", Category.LICENCE_PLATE,
         rf"(?i)\b(?:{_PLATE})[\s:=#\"'-]{{1,4}}(?:is |no\.? |number |lautet )?((?-i:[A-ZÄÖÜ0-9]{{1,8}}(?:[ -]{{1,2}}[A-Z0-9]{{1,4}}){{0,3}}))\b", _plate, group=1),
)  # fmt: skip
