"""Postal addresses by their shape: a number and a street's word, in the ways of several countries; boxes of the post."""

import re
from typing import Final

from appliance.dlp.look import NO, Look, Rule
from appliance.dlp.values import Category

_STREETS: Final = (
    "Street|St|Avenue|Ave|Av|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Way|Terrace|Ter|Place|Pl|Square|Sq|Highway|Hwy|Parkway|Pkwy"
    "|Circle|Cir|Trail|Trl|Alley|Crescent|Close|Gardens?|Row|Mews|Grove|Loop|Plaza|Walk|Hills?|Heights|Crossing|Green|Turnpike|Pike|Route"
    "|Extensions?|Expressway|Freeway|Bypass|Path|Points?|Ridges?|Run|Isle|Islands?|Station|Vista|Falls?|Fords?|Forges?|Forks?|Glens?|Harbors?|Haven"
    "|Hollow|Inlet|Junctions?|Keys?|Knolls?|Lakes?|Landing|Lights?|Lodge|Manors?|Meadows?|Mills?|Mission|Motorway|Mount|Mountains?|Orchard|Oval|Park|Pass"
    "|Pines?|Plains?|Ports?|Prairie|Ranch|Rapids?|Rest|River|Shoals?|Shores?|Skyway|Springs?|Spurs?|Stravenue|Stream|Summit|Throughway|Trace|Track"
    "|Trafficway|Tunnel|Unions?|Valleys?|Via|Viaduct|Views?|Villages?|Ville|Walls?|Wells?|Brooks?|Burgs?|Camp|Canyon|Cape|Causeway|Centers?|Centre|Cliffs?|Club"
    "|Commons?|Corners?|Course|Coves?|Creek|Crest|Dale|Dam|Divide|Estates?|Fields?|Flats?|Bend|Bluffs?|Bottom|Branch|Bridge|Bayou|Beach|Mall|Neck"
)
_WORD: Final = r"\p{Lu}[\pL\pN_'-]*"
_AMERICAN: Final = (
    rf"\b\d{{1,6}}[A-Za-z]?(?:-\d{{1,5}})?,? (?:[NSEW]{{1,2}}\.? |North |South |East |West )?(?:{_WORD}\.? ){{1,4}}(?:{_STREETS})\b\.?"
    r"(?:,? (?:[NSEW]{1,2}|North|South|East|West)\b)?(?:[, ]{1,2}(?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|Fl|Room|Rm|#|Box)\.? ?#?[\w-]{1,6})?"
    rf"(?:[,\s]{{1,3}}(?:\p{{Lu}}[\pL'.-]+ ?){{1,4}}[,\s]{{1,3}}(?:[A-Z]{{2}}|\p{{Lu}}\p{{Ll}}+(?: \p{{Lu}}\p{{Ll}}+)?)[,\s]{{1,3}}"
    r"(?:\d{5}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d|\d{4}))?"
)
_GERMANIC: Final = (
    r"(?:\p{Lu}[\pL.-]*(?:straße|strasse|str\.|weg|platz|allee|gasse|ring|damm|ufer|straat|laan|plein|gracht|kade)"
    r"|(?:\p{Lu}[\pL-]+[ -]){1,3}(?:Straße|Str\.|Weg|Platz|Allee|Ring|Gasse)) ?\d{1,4} ?[a-z]?\b"
    r"(?:[,\s]{1,3}(?:[A-Z]{1,2}-)?\d{4,5} ?(?:[A-Z]{2} )?\p{Lu}[\pL-]+(?: [\p{Lu}(][\pL()-]+){0,4})?"
)
_ROMANCE_STREETS: Final = (
    "rue|avenue|boulevard|place|chemin|impasse|allée|quai|cours|via|viale|piazza|corso|strada|vicolo|canale|rotonda|borgo|contrada|calle|avenida"
    "|paseo|plaza|camino|ronda|callejón|viaducto|pasaje|circunvalación|prolongación|calzada|diagonal|andador|carretera|peatonal|retorno|cerrada"
    "|privada|corredor|rua|travessa|alameda|ladeira|largo|rodovia|viela|vila|estação|jardim|parque|praia|feira|conjunto|fazenda|sítio|vale|trecho"
    "|quadra|lote|distrito|morro|núcleo|loteamento|colônia|condomínio|esplanada|residencial|setor|vereda|campo|lago|stretto|incrocio"
)
_LITTLE: Final = r"(?:(?:d[eaoiu]s?|del|della|delle|dei|di|du|des|la|las|los|le) |l'|d'){0,2}"
_ROMANCE: Final = (
    rf"\b(?:\d{{1,4}}(?: ?bis| ?ter)?,? )?(?:(?i:{_ROMANCE_STREETS})|C/|[Aa]v\.|ul\.|al\.|pl\.|os\.) {_LITTLE}\p{{Lu}}[\pL\pN'.-]+"
    rf"(?: {_LITTLE}(?:\p{{Lu}}[\pL\pN'.-]*|\d[\pL\pN'-]*)){{0,4}}(?:,? (?:n[°ºo.]\s?)?\d{{1,5}}[a-zA-Z]?)?"
    r"(?:[,\s]{1,3}(?:Apartamento|Piso|Puerta|Appartamento|Apt\.?|Edif\.?|Dpto\.?|Int\.?)[^,\n]{0,14})?"
    r"(?:[,\s]{1,3}\d{2}[.-]?\d{3}(?:-\d{3})?[,\s]{1,2}\p{Lu}[\pL'-]+(?: [\p{Lu}(][\pL'()-]+){0,4})?"
)
_BOX: Final = (
    r"(?i)\b(?:P\.? ?O\.? ?Box|Postfach|PSC|Unit|CMR) \d{1,6}(?:,? Box \d{1,6})?"
    r"(?:[,\s]{1,3}(?:[A-Z][\w.-]+ ?){1,3},? [A-Z]{2} \d{5}(?:-\d{4})?)?\b"
)
_MILITARY: Final = (
    r"(?:\b(?i:(?:PSC|CMR|Unit|OMC) \d{1,5},? (?:Box|Bx) \d{1,5}|USS |USCGC |USNS |USNV )[\pL\pN' -]{0,40}[,\s]{1,3})?\b(?i:[AFD]PO,? A[AEP]) \d{5}(?:-\d{4})?\b"
)
_DIGIT: Final = re.compile(r"\d")


def _shaped(look: Look) -> float:
    return 0.7 if look.stands_alone(b".#") else NO


def _numbered(look: Look) -> float:
    return 0.7 if _DIGIT.search(look.value) and look.stands_alone() else NO


def _military(look: Look) -> float:
    return 0.85 if look.stands_alone() else NO


RULES: Final = (
    Rule("address/street/1", Category.ADDRESS, _AMERICAN, _shaped),
    Rule("address/strasse/1", Category.ADDRESS, _GERMANIC, _shaped),
    Rule("address/rue/2", Category.ADDRESS, _ROMANCE, _numbered),
    Rule("address/box/1", Category.ADDRESS, _BOX, _shaped),
    Rule("address/military/1", Category.ADDRESS, _MILITARY, _military),
)
