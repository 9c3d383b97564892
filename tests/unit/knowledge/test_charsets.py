"""Real sentences in the encodings that files still come in, without anything that says which one it is."""

import pytest

from appliance.knowledge.chunking import document_text
from appliance.knowledge.parsing import parse
from appliance.knowledge.unreadable import UnreadableDocument

RUSSIAN = "Уважаемые коллеги, собрание состоится в понедельник. Бюджет утверждён."
FRENCH = "La réunion a été fixée à lundi; le procès-verbal précise où les crédits sont affectés."
POLISH = "Zażółć gęślą jaźń. Protokół z posiedzenia zarządu: budżet został zatwierdzony."
TURKISH = "Toplantı pazartesi günü yapılacak; bütçe görüşüldü. Şirket çalışanları için izin değişti."
GREEK = "Η συνεδρίαση θα γίνει τη Δευτέρα και ο προϋπολογισμός εγκρίθηκε."
HEBREW = "הישיבה תתקיים ביום שני והתקציב אושר על ידי הוועדה."
ARABIC = "سيعقد الاجتماع يوم الاثنين وقد تمت الموافقة على الميزانية من قبل اللجنة."
JAPANESE = "会議は月曜日に開かれ、予算は委員会によって承認されました。"
CHINESE = "会议将于星期一举行，预算已由委员会批准。"
TAIWANESE = "會議將於星期一舉行，預算已由委員會批准。"
KOREAN = "회의는 월요일에 열리며 예산은 위원회에서 승인되었습니다."
GERMAN = "Die Prüfung der Bücher fand in Köln statt – die „Größe“ der Rückstellung beträgt 3 €."

SENTENCES = [
    ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy. Rozpočet byl schválen."),
    ("cp1250", "Az ülést hétfőn tartják, a költségvetést a bizottság elfogadta."),
    ("cp1250", "Şedinţa va avea loc luni, iar bugetul a fost aprobat de către comisie."),
    ("cp1250", POLISH),
    ("cp1251", RUSSIAN),
    ("cp1251", RUSSIAN.upper()),
    ("cp1252", GERMAN),
    ("cp1252", FRENCH),
    ("cp1252", "Herr Müller kündigt."),
    ("cp1252", "Es kostet 2½ £ und nicht mehr – ja?"),
    ("cp1252", "Mötet äger rum på måndag och budgeten har godkänts."),
    ("cp1252", "A reunião será na segunda-feira e o orçamento já está aprovado."),
    ("cp1252", "La reunión será el lunes; el señor Núñez enviará el año próximo más información."),
    ("cp1253", GREEK),
    ("cp1254", TURKISH),
    ("cp1255", HEBREW),
    ("cp1256", ARABIC),
    ("cp1257", "Sėdinis įvyks pirmadienį, biudžetas patvirtintas; žmonės pritarė šiam pasiūlymui."),
    ("iso8859_1", FRENCH),
    ("iso8859_2", POLISH),
    ("iso8859_5", RUSSIAN),
    ("iso8859_6", ARABIC),
    ("iso8859_7", GREEK),
    ("iso8859_8", HEBREW),
    ("iso8859_9", TURKISH),
    ("iso8859_15", "Le coût s'élève à 300 €; l'œuvre est achevée et les élèves sont prêts."),
    ("koi8_r", RUSSIAN),
    ("koi8_u", "Шановні колеги, збори відбудуться в понеділок. Її бюджет затверджено."),
    ("cp866", RUSSIAN),
    ("cp850", "Die Prüfung der Bücher fand in Köln statt."),
    ("mac_roman", FRENCH),
    ("shift_jis", JAPANESE),
    ("euc_jp", JAPANESE),
    ("iso2022_jp", JAPANESE),
    ("gb18030", CHINESE),
    ("big5", TAIWANESE),
    ("euc_kr", KOREAN),
    ("utf-8", GERMAN),
    ("utf-8-sig", GERMAN),
    ("utf-16", GERMAN),
    ("utf-16-le", GERMAN),
    ("utf-16-be", GERMAN),
    ("utf-16-le", RUSSIAN),
    ("utf-16-be", JAPANESE),
    ("utf-16-le", CHINESE),
    ("utf-32", GERMAN),
    ("utf-32-le", GERMAN),
]  # fmt: skip


def text(content: bytes, name: str = "a.txt") -> str:
    return document_text(parse(content, file_name=name))


@pytest.mark.parametrize(("encoding", "sentence"), SENTENCES, ids=lambda value: value[:24])
def test_it_reads_a_sentence_in_its_encoding(encoding: str, sentence: str) -> None:
    assert text(sentence.encode(encoding)) == sentence


@pytest.mark.parametrize("encoding", ["iso8859_5", "koi8_r", "utf-16", "cp866"])
def test_it_believes_what_a_page_says_of_itself(encoding: str) -> None:
    page = f"<html><head><meta charset='{encoding}'></head><body><p>{RUSSIAN}</p></body></html>"

    assert text(page.encode(encoding), "a.html") == RUSSIAN


def test_it_believes_the_older_way_to_say_so() -> None:
    head = '<meta http-equiv="Content-Type" content="text/html; charset=ISO-8859-7">'

    assert text(f"<html>{head}<p>{GREEK}".encode("iso8859_7"), "a.html") == GREEK


def test_it_does_not_believe_a_page_that_is_wrong() -> None:
    page = f"<html><meta charset='iso-8859-1'><p>{RUSSIAN}</p></html>"

    assert text(page.encode(), "a.html") == RUSSIAN


def test_it_believes_what_xml_says_of_itself() -> None:
    given = f'<?xml version="1.0" encoding="windows-1251"?><letter>{RUSSIAN}</letter>'

    assert text(given.encode("cp1251"), "a.xml") == RUSSIAN


@pytest.mark.parametrize("declared", ["no-such-charset", "base64_codec", "idna", "rot13", "zlib", "utf-16", "../x", ""])
def test_it_survives_what_names_no_encoding(declared: str) -> None:
    assert text(f"<html><meta charset='{declared}'><p>Prüfung</p></html>".encode("cp1252"), "a.html") == "Prüfung"


@pytest.mark.parametrize(
    "content", [bytes(range(256)) * 8, b"\x89SEG\r\n\x1a\n" + bytes(range(40)) * 60, b"\x00\x01" * 400]
)
def test_it_takes_no_bytes_for_text_that_are_none(content: bytes) -> None:
    with pytest.raises(UnreadableDocument) as caught:
        text(content)
    assert caught.value.code == "unsupported"
