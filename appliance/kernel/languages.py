"""Which language a text is in: told by its script, and within the Latin script by the small words that carry nothing.

A language is an ISO 639-1 code; "" means one that is not known here, whose words are compared as they are written.
Guessing is kept to what is safe: a wrong guess costs a little ranking, never a word, since whatever is looked for is
cut in every language that the organisation's documents are in.
"""

import re
from collections import Counter
from collections.abc import Collection
from typing import Final

# Snowball's algorithms (the PyStemmer package) by language.
STEMMERS: Final = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "es": "spanish", "et": "estonian", "fa": "persian", "fi": "finnish", "fr": "french", "hi": "hindi",
    "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "nl": "dutch",
    "no": "norwegian", "pl": "polish", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian",
    "sv": "swedish", "ta": "tamil", "tr": "turkish",
}  # fmt: skip
OTHERWISE: Final = "en"

# Only words that carry nothing. What a question asks with ("who", "wie viele") is among them.
STOP_WORDS: Final = {
    language: frozenset(words.split())
    for language, words in {
        "ca": """a al als amb aquest aquesta aquests com d de del dels el els en és i la les li més no o on per però que
            qui quin quina s se seva són un una uns va""",
        "cs": """a aby ale ani až být co do i jak jako je jeho jejich jen jsou k kde kdo když který která které má na nebo
            o od po pod pro proti při s se si tak to u v ve z za že""",
        "da": """af alle at blev da de deres det dette den der efter eller en er et for fra har hvad hvem hvor hvordan
            hvilken hvilke hvornår i ikke jeg kan med men mellem nå når og om op på sig sin skal som så til ud under var
            ved vi vil være""",
        "de": """aber als am auch auf aus bei beim bis das dass dem den der des die dies diese dieser doch du durch ein
            eine einem einen einer eines er es für haben hat hatte hatten ich ihr ihre ihren im in ist kann können man mit
            muss nach nicht noch nur oder sein seine sich sie sind so um und uns vom von vor war waren was welche welchem
            welchen welcher welches wenn wer wem wen wann warum werden wie wieso wir wird wo wohin wurde wurden zu zum zur
            über""",
        "en": """a about an and are as at be been but by can could did do does for from had has have how i if in into is
            it its must of on or our shall should than that the their them then there these they this those to was we were
            what when where which who whom whose why will with would you your""",
        "es": """a al como con cuál cuándo cuánto cuántos de del desde donde dónde e el ella en entre era es esta este
            esto fue ha han la las lo los más no o para pero por porque qué que quién se según ser si sin sobre son su sus
            también un una y ya""",
        "et": """aga all edasi ei et ja juures ka kas kes kui kus kuidas kuni ma meie miks mis mida need nii ning oli oma on
            pärast sa se see seda siis ta tema või välja üle""",
        "fi": """että ei eivät hän he ja jo joka jos jotka kanssa kuin kuinka kun kuka me mikä millä mitä missä mutta myös
            ne niin näiden nämä oli olla on ovat se sekä sen siitä tai tämä vai voi""",
        "fr": """a au aux avec ce ces cette comme comment d dans de des donc du elle elles en est et eu il ils je l la le
            les leur leurs lors mais ne nous on ont ou où par pas pour pourquoi qu quand que quel quelle quelles quels qui
            sa se ses si son sont sur un une vous y été être""",
        "hu": """a az azt azok ban be ben csak de egy ehhez el és ez ezek hogy hol ha is ki kik már meg mely melyik mi mikor
            milyen miért mint nem nélkül szerint van vagy volt voltak""",
        "id": """adalah akan apa atau bagaimana bahwa berapa dalam dan dari dengan di dia ini itu juga kapan kepada ke karena
            mana mereka oleh pada saat sebagai siapa sudah telah tidak untuk yang""",
        "it": """a ad ai al alla alle anche che chi ci come con cosa cui da dal dalla degli dei del della delle di dove e è
            ed era gli ha hanno i il in la le lo ma nel nella nelle non o per perché più quale quali quando quanto quanti se
            si sono su sua suo sul sulla tra un una uno""",
        "lt": """ant apie ar bei bet būti buvo dėl ir iš į iki jei jis ji jo jų kad kai kaip kas ką kodėl kuris kuri kur nei
            nuo o per po pagal prie su tai taip tik už yra""",
        "nl": """aan als bij dan dat de der deze die dit door een en er had heeft het hij hoe hoeveel ik in is kan maar met
            meer na naar niet nog nu of om onder ook op over te ten tot uit van veel voor waar waarom wanneer was wat we
            welke werd wie worden wordt zich zij zijn zo""",
        "no": """av at bare ble da de den denne der dere det dette du eller en er et etter for fra har hun hva hvem hvilken
            hvilke hvor hvordan hvorfor i ikke jeg kan med men når og også om opp på seg sin skal som så til ut var ved vi
            vil være""",
        "pl": """aby ale bez być był była było co czy dla do gdy gdzie go i ich ile jak jako jej jest już kiedy kto który
            która które lub ma mi na nie o od on oraz po pod przez przy się są ta tak to tym w we z za ze że""",
        "pt": """a ao aos as às à com como da das de do dos e é ela ele em entre era essa esse está este eu foi foram há isso
            já mais mas na nas não no nos o onde os ou para pela pelas pelo pelos por porque qual quais quando quanto
            quantos que quem se sem ser seu sua são também um uma""",
        "ro": """a acest această ai al ale am ar are au că care ce cel cine cu cum când cât câte de din este fi fost în
            într la lui mai nu o pe pentru poate prin sau să se sunt și un una unde unei unui va""",
        "sv": """alla att av blev de dem den denna det detta där efter eller en ett från för har hade han hon hur hos i inte
            jag kan med men mellan mot när någon och om på sig sin ska som så till under upp ut vad var vara vem vid vilken
            vilka vilket är över""",
        "tr": """ama ancak bir bu böyle çok da daha de değil diye en gibi hangi her için ile ise kadar kaç ki kim mi mı nasıl
            ne neden nerede olan olarak oldu sonra şu tarafından ve veya ya""",
    }.items()
}  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+")
_SAMPLE = 20_000
_LATIN = re.compile(r"[a-z\u00df-\u024f\u1e00-\u1eff]")
# What tells languages of one script apart; the first that is found decides, "" among them.
_SCRIPTS: Final = (
    (re.compile(r"[\u0590-\u05ff]"), ((re.compile(""), ""),)),
    (
        re.compile(r"[\u0600-\u06ff]"),
        ((re.compile("[پچژگ]"), "fa"), (re.compile("[ٹڈڑے]"), ""), (re.compile(""), "ar")),
    ),
    (
        re.compile(r"[\u0400-\u04ff]"),
        ((re.compile("[ђјљњћџ]"), "sr"), (re.compile("[іїєґўқңғөәұһ]"), ""), (re.compile(""), "ru")),
    ),
    (re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]"), ((re.compile(""), "el"),)),
    (re.compile(r"[\u0530-\u058f]"), ((re.compile(""), "hy"),)),
    (re.compile(r"[\u0900-\u097f]"), ((re.compile(""), "hi"),)),
    (re.compile(r"[\u0b80-\u0bff]"), ((re.compile(""), "ta"),)),
)
_LETTER = re.compile(r"[^\W\d_]")


def language_of(text: str, *, otherwise: str = OTHERWISE, likely: Collection[str] = ()) -> str:
    """Return the language of a text; `otherwise` where nothing in it tells.

    Where its small words are those of several languages, as in a short question, the one that is `likely` is taken.
    """
    sample = text[:_SAMPLE].casefold()
    letters = len(_LETTER.findall(sample))
    for script, languages in _SCRIPTS:
        if 2 * len(script.findall(sample)) > letters:
            return next(language for sign, language in languages if sign.search(sample))
    if letters and 2 * len(_LATIN.findall(sample)) < letters:
        return ""
    return _by_small_words(sample, likely) or otherwise


def _by_small_words(sample: str, likely: Collection[str]) -> str | None:
    counted = Counter(_WORD.findall(sample))
    hits = {language: sum(counted[word] for word in words if word in counted) for language, words in STOP_WORDS.items()}
    most = max(hits.values())
    best = [language for language, count in hits.items() if count == most > 0]
    if len(best) > 1:
        best = [language for language in best if language in likely]
    return best[0] if len(best) == 1 else None
