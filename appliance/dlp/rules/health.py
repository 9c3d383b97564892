"""Numbers of patients, plans and providers."""

from typing import Final

from appliance.dlp.look import NO, Look, Rule
from appliance.dlp.rules.checksums import luhn
from appliance.dlp.rules.government import GAP
from appliance.dlp.values import Category

_SHORT_GAP: Final = r"[\s:=#\"'.)>\]-]{0,6}(?:is|was|number|no\.?|id|#|:|=)?[\s:=#\"'.(>-]{0,5}"
_RECORD_DIGITS, _PLAN_DIGITS = 5, 6
_NPI_PREFIX: Final = "80840"


def _record(look: Look) -> float:
    return 0.9 if look.stands_alone() and len(look.digits) >= _RECORD_DIGITS else NO


def _plan(look: Look) -> float:
    return 0.9 if look.stands_alone() and len(look.digits) >= _PLAN_DIGITS else NO


def _provider(look: Look) -> float:
    """Weigh an NPI: its check digit is Luhn's over the number with 80840 before it (45 CFR 162.406)."""
    return 0.95 if look.stands_alone() and luhn(_NPI_PREFIX + look.digits) else NO


def _beneficiary(look: Look) -> float:
    return 0.85 if look.stands_alone(b"-", b"-") else NO


RULES: Final = (
    Rule("mrn/1", Category.MEDICAL_RECORD,
         r"(?i)\b(?:mrn|medical record(?: number| no\.?| #)?|med rec(?: #| no)?|patient id(?:entifier)?|patient (?:number|no\.?)|chart (?:number|no\.?|#)"
         rf"|hospital (?:number|no\.?)|record number|unit record|patientennummer|patienten-?nr\.?|fallnummer){_SHORT_GAP}([A-Z]{{0,4}}-?\d[\d-]{{3,13}}\d)\b", _record, group=1),
    Rule("npi/1", Category.HEALTH_ID, rf"(?i)\b(?:npi|national provider(?: identifier| id)?){GAP}([12]\d{{9}})\b", _provider, group=1),
    # Medicare's beneficiary number: positions of letters and digits, without S, L, O, I, B, Z.
    Rule("mbi/1", Category.HEALTH_ID,
         r"\b[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y]{2}\d{2}\b", _beneficiary),
    Rule("plan/1", Category.HEALTH_ID,
         r"(?i)\b(?:member(?:ship)?(?: id)?|policy|subscriber(?: id)?|group(?: id)?|insurance(?: id| policy| no)?|beneficiary(?: id)?|health plan(?: id)?"
         rf"|medicaid(?: id)?|medicare(?: id)?|hicn|claimant id|versicherten-?(?:nummer|nr\.?)|krankenversicherungsnummer|kvnr){GAP}([A-Z]{{0,4}}\d{{6,12}}[A-Z]?)\b", _plan, group=1),
)  # fmt: skip
