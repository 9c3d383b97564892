"""What a text is written in, when nothing says so or what says so is wrong.

Asked in this order: the byte-order mark, UTF-8, the pattern of zero bytes, what the file declares, and last of all which
encoding and language make the bytes the least surprising: each sign costs as many bits as it is rare in that language.
A guess by frequency needs no model file, and is exact enough for a sentence (measured in tests/unit/knowledge).
"""

import codecs
import re
from collections.abc import Iterator
from functools import cache
from math import log2

from .blocks import Unreadable

_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_ESCAPED = (
    (b"\x1b$)C", "iso2022_kr"),
    (b"\x1b$", "iso2022_jp_2"),
    (b"\x1b(J", "iso2022_jp_2"),
    (b"\x1b(I", "iso2022_jp_ext"),
)
# A name that is declared, and what is meant by it in practice (the Encoding standard, WHATWG).
_MEANT = {
    "ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874", "tis-620": "cp874",
    "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "big5": "big5hkscs",
}  # fmt: skip
_MOSTLY_BINARY = 0.02
_STRAY = 0.2  # of the bytes; in UTF-16 every other byte of a Latin text is zero
_SAMPLE = 8_000

# The letters beyond ASCII of a language, the most frequent first.
_LANGUAGES = {
    "german": "üäößé",
    "french": "éèàêçùîôâûœëïæ",
    "spanish": "óíáéñúü",
    "portuguese": "ãçáéóíõêâúàô",
    "italian": "èàùòìé",
    "nordic": "åäöøæéü",
    "icelandic": "íáðþéóúöýæ",
    "turkish": "ıişğüöçâî",
    "polish": "łęąóżśćńź",
    "czech": "íáéěřčžýšůúóťňďľôäŕĺ",
    "hungarian": "áéőöóíüűú",
    "romanian": "ăîâşșţț",
    "slovene": "čšžćđ",
    "baltic": "ėšįųžąčūęāīēņļģķ",
    "estonian": "äõöüšž",
    "russian": "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё",
    "ukrainian": "оаниівтерслкудмпязгьчбхйжшцюєщїфґ",
    "bulgarian": "аоиетнрсвлкдпмзябучгъжцхщюфйшь",
    "serbian": "аоиенрстјвукдпмлзбгчшцњжхћљђфџ",
    "greek": "αοιετσνηυρπκμλςωίόέάδγθήχύφβώξζψ",
    "hebrew": "יוהלאתרבשמנדחעפםקכטגזסןצךףץ",
    "arabic": "اليمنتروبعدهفسقكحجةشطصخزضىأثءذغظإئآؤ",
    "thai": "านรอกเงมยลวดทสต้่ัีิะปบคห์แจพ็ชขใไุูืึโผซณธำศฐษญถภฟฉฮฝ",
}
# (encoding, languages, bits against it before any sign is looked at)
_SINGLE = (
    ("cp1252", ("german", "french", "spanish", "portuguese", "italian", "nordic", "icelandic"), 0),
    ("cp1250", ("polish", "czech", "hungarian", "romanian", "slovene"), 1),
    ("cp1251", ("russian", "ukrainian", "bulgarian", "serbian"), 0),
    ("cp1253", ("greek",), 0),
    ("cp1254", ("turkish",), 1),
    ("cp1255", ("hebrew",), 0),
    ("cp1256", ("arabic",), 0),
    ("cp1257", ("baltic", "estonian"), 2),
    ("cp874", ("thai",), 0),
    ("iso8859_2", ("polish", "czech", "hungarian", "romanian", "slovene"), 2),
    ("iso8859_5", ("russian", "ukrainian", "bulgarian", "serbian"), 2),
    ("iso8859_6", ("arabic",), 2),
    ("iso8859_7", ("greek",), 1),
    ("iso8859_13", ("baltic",), 4),
    ("iso8859_15", ("german", "french", "spanish", "italian", "portuguese", "nordic"), 3),
    ("iso8859_16", ("romanian",), 6),
    ("koi8_r", ("russian", "bulgarian"), 1),
    ("koi8_u", ("ukrainian",), 2),
    ("cp866", ("russian", "bulgarian"), 5),
    ("cp850", ("german", "french", "spanish", "italian", "portuguese", "nordic"), 6),
    ("cp852", ("polish", "czech", "hungarian", "slovene"), 7),
    ("mac_roman", ("german", "french", "spanish", "italian", "portuguese", "nordic"), 8),
)  # fmt: skip
# (encoding, script, where its frequent characters are told by their first byte)
_DOUBLE = (
    ("cp932", "japanese", "shift_jis", range(0x88, 0x98)),
    ("euc_jp", "japanese", "euc_jp", range(0xB0, 0xD0)),
    ("gb18030", "chinese", "gb2312", range(0xB0, 0xD8)),
    ("big5hkscs", "taiwanese", "big5", range(0xA4, 0xC7)),
    ("cp949", "korean", "euc_kr", range(0xB0, 0xC9)),
    ("utf_16_le", "japanese", "euc_jp", range(0xB0, 0xD0)),
    ("utf_16_le", "chinese", "gb2312", range(0xB0, 0xD8)),
    ("utf_16_le", "korean", "euc_kr", range(0xB0, 0xC9)),
    ("utf_16_be", "japanese", "euc_jp", range(0xB0, 0xD0)),
    ("utf_16_be", "chinese", "gb2312", range(0xB0, 0xD8)),
    ("utf_16_be", "korean", "euc_kr", range(0xB0, 0xC9)),
)
_FAMILIAR = {
    "chinese": "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里",
    "taiwanese": "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作裡",
    "korean": "이다는의에을가고하를한지로은기도사자인시어리그대서일해정수나",
    "japanese": "日一国会人年大十二本中長出三同時政事自行社見月分議後前民生連五発間対上部東者党地合市業内相方四定今回新場金",
}
_SIGNS = frozenset(" “”„‘’–—…•€£§°©®«»¡¿·½¼¾²³±×™№\u00a0")
_WIDE_SIGNS = frozenset("。、，．：；？！「」『』（）《》“”・ー　")
_EASTERN = re.compile(r"[\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff00-\uffef]")
_KANA = re.compile(r"[\u3041-\u30fa]")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
_RARE, _WRONG, _SYLLABLE, _HAN = 12.0, 14.0, 9.5, 11.0


def decode(content: bytes, declared: str | None = None) -> str:
    """Return the text. Raises Unreadable for bytes that are no text."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    if (text := _with_stray_zeros(content)) is not None:
        return text
    if b"\0" in content[:65536]:
        return content.decode(_by_zero_bytes(content), "replace").replace("\0", "")
    meant = _meant(declared)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return _decode_by(content, meant)
    _refuse_binary(content)
    escaped = next((name for mark, name in _ESCAPED if mark in content), None)
    seven_bits = meant if meant and meant.startswith(("iso2022", "hz", "utf_7", "utf-7")) else escaped
    return content.decode(seven_bits, "replace") if seven_bits else text


def _with_stray_zeros(content: bytes) -> str | None:
    """Return a text in UTF-8 with a few zero bytes in it, without them; None for what has none, or as many as UTF-16."""
    if not 0 < content.count(0) < _STRAY * len(content):
        return None
    try:
        text = content.replace(b"\0", b"").decode("utf-8")
        _refuse_binary(content.replace(b"\0", b""))
    except (UnicodeDecodeError, Unreadable):
        return None
    return text


def _decode_by(content: bytes, meant: str | None) -> str:
    if meant:
        try:
            return content.decode(meant)
        except UnicodeDecodeError:
            pass  # what it says is not true, or not quite
    guessed = guess(content)
    if guessed is None:
        _refuse_binary(content)
    return content.decode(guessed or meant or "cp1252", "replace")


def _meant(declared: str | None) -> str | None:
    if not declared:
        return None
    try:
        name = codecs.lookup(declared.strip().strip("\"'")).name
    except (LookupError, ValueError):
        return None
    # What Python also calls encodings (base64, zip, rot13) is none of a text.
    known = getattr(codecs.lookup(name), "_is_text_encoding", True) and name not in {"idna", "punycode", "undefined"}
    return _MEANT.get(name, name) if known and not name.startswith(("utf-16", "utf-32", "unicode", "raw")) else None


def _refuse_binary(content: bytes) -> None:
    sample = content[:65536].replace(b"\x1b", b"")
    controls = sum(byte < 9 or 13 < byte < 32 for byte in sample)  # noqa: PLR2004 - ASCII controls but tab, line ends
    if controls > len(sample) * _MOSTLY_BINARY:
        raise Unreadable("unsupported")


def _by_zero_bytes(content: bytes) -> str:
    """Return which UTF-16 or UTF-32 it is: the high byte of each ASCII sign is zero. Raises Unreadable for others."""
    sample = content[: min(len(content), 65536) // 4 * 4] or content
    low, high = sample[0::2].count(0), sample[1::2].count(0)
    upper = [sample[start::4].count(0) * 4 > 0.9 * len(sample) for start in range(4)]
    tried = [name for name, two in (("utf-32-le", upper[2:]), ("utf-32-be", upper[:2])) if all(two)]
    for encoding in [*tried, "utf-16-le", "utf-16-be"]:
        try:
            text = codecs.getincrementaldecoder(encoding)("strict").decode(sample)
        except UnicodeDecodeError:
            continue
        shown = sum(sign.isprintable() or sign.isspace() for sign in text)
        western = high > 3 * low if encoding.endswith("le") else low > 3 * high
        eastern = len(_EASTERN.findall(text)) > 0.7 * len(text)
        if text and shown >= 0.97 * len(text) and (western or eastern or encoding in tried):
            return encoding
    raise Unreadable("unsupported")


def guess(content: bytes) -> str | None:
    """Return the encoding that makes the bytes the least surprising, or None if each is too surprising to be a text."""
    first = _BEYOND_ASCII.search(content)
    begin = max(0, first.start() - 200) if first else 0
    begin -= begin % 2
    sample = content[begin : begin + _SAMPLE]
    foreign = len(_BEYOND_ASCII.findall(sample))
    controls = sum(byte < 9 or 13 < byte < 32 for byte in sample)  # noqa: PLR2004 - ASCII controls
    costs = list(_double_costs(sample))
    if controls > len(sample) * _MOSTLY_BINARY:
        cost, encoding = min((one for one in costs if one[1].startswith("utf_16")), default=(float("inf"), ""))
        return encoding if cost < len(sample) * _SYLLABLE / 2 * 1.15 else None
    cost, encoding = min([*costs, *_single_costs(sample)])
    return encoding if cost <= 20 + foreign * _RARE else None


def _single_costs(sample: bytes) -> Iterator[tuple[float, str]]:
    for encoding, languages, before in _SINGLE:
        text = sample.decode(encoding, "replace")
        foreign = [(place, sign) for place, sign in enumerate(text) if not sign.isascii()]
        jumps = 6.0 * sum(_is_case_jump(text[place - 1 : place + 1], text[place : place + 2]) for place, _ in foreign)
        lonely = 6.0 * sum(_is_out_of_place(text, place) for place, _ in foreign)
        # A capital is rarer, but not in a headline that is nothing else.
        large = 0.0 if 2 * sum(sign.isupper() for _, sign in foreign) > len(foreign) else 1.5
        for language in languages:
            costs = _costs(language)
            yield before + jumps + lonely + sum(_cost(sign, costs, large) for _, sign in foreign), encoding


def _is_out_of_place(text: str, place: int) -> bool:
    """Say whether a letter stands alone, or a sign that is none stands in a word or in a crowd of its kind."""
    around = text[max(0, place - 1) : place] + text[place + 1 : place + 2]
    beside = sum(_is_letter(sign) for sign in around)
    if _is_letter(text[place]) or text[place] in "’·\u00ad":
        return beside == 0
    return beside == 2 or any(not sign.isascii() and not _is_letter(sign) for sign in around)  # noqa: PLR2004 - both sides


def _is_case_jump(*pairs: str) -> bool:
    return any(len(pair) > 1 and pair[0].islower() and pair[1].isupper() for pair in pairs)


def _is_letter(sign: str) -> bool:
    return sign.isalpha() or "\u0e30" <= sign <= "\u0e4e"  # Thai writes vowels and tones above its letters


@cache
def _costs(language: str) -> dict[str, float]:
    letters = _LANGUAGES[language]
    whole = sum(1 / (rank + 2) for rank in range(len(letters)))
    return {letter: -log2(0.95 / (rank + 2) / whole) for rank, letter in enumerate(letters)}


def _cost(sign: str, costs: dict[str, float], large: float) -> float:
    if (known := costs.get(sign)) is not None:
        return known
    if len(low := sign.lower()) == 1 and (known := costs.get(low)) is not None:
        return known + large
    if sign == "İ" and "ı" in costs:
        return 5.0
    if sign in _SIGNS:
        return 7.0
    return _WRONG if sign == "\ufffd" or "\x80" <= sign < "\xa0" else _RARE


def _double_costs(sample: bytes) -> Iterator[tuple[float, str]]:
    for encoding, script, zoned, frequent in _DOUBLE:
        if encoding.startswith("utf_16") and len(sample) % 2:
            continue
        try:
            text = codecs.getincrementaldecoder(encoding)("strict").decode(sample)
        except (UnicodeDecodeError, ValueError):
            continue
        letters = {sign: _wide_cost(sign, script, zoned, frequent) for sign in set(text) if not sign.isascii()}
        # UTF-16 spends a byte of its own on each ASCII sign, which would be text otherwise.
        swallowed = 8.0 * sum(sign.isascii() for sign in text) if encoding.startswith("utf_16") else 0.0
        yield 2 + swallowed + sum(letters.get(sign, 0.0) for sign in text), encoding


def _wide_cost(sign: str, script: str, zoned: str, frequent: range) -> float:
    if sign in _FAMILIAR[script]:
        return 6.0
    if sign in _WIDE_SIGNS or "\uff10" <= sign <= "\uff5a":
        return 6.5
    if _KANA.match(sign):
        return 6.0 if script == "japanese" else 2 * _WRONG
    try:
        place = sign.encode(zoned)
    except UnicodeEncodeError:
        return 2 * _WRONG
    if len(place) < 2:  # noqa: PLR2004 - half-width signs
        return _RARE
    if place[0] not in frequent:
        return _WRONG + 2
    return _SYLLABLE if script == "korean" else _HAN
