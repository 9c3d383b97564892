import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from appliance.kernel.languages import language_of
from appliance.kernel.words import asked_terms, sentences, terms


def spoken(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Employees' holidays", "employee holiday"),
        ("the users’ accounts", "The user's account"),
        ("ＦＵＬＬ width", "full width"),
        ("STRASSE", "Straße"),
        ("cafe\u0301", "café"),
        ("كِتَاب", "كتاب"),
        ("co\u00adoperate", "cooperate"),
    ],
)
def test_it_finds_a_word_however_it_is_written(one: str, other: str) -> None:
    assert terms(one) == terms(other) != []


def test_it_leaves_out_words_that_carry_nothing_in_english_or_german() -> None:
    assert terms("What is the of and") == []
    assert terms("Wie werden die und der") == []


def test_it_keeps_what_is_a_stop_word_only_in_the_other_language() -> None:
    assert terms("the man at war in May") == ["man", "war", "may"]


def test_it_keeps_numbers_and_codes() -> None:
    assert terms("ISO 27001, room A12, 28 days") == ["iso", "27001", "room", "a12", "28", "day"]


def test_it_does_not_cut_words_at_their_vowel_signs() -> None:
    assert terms("हिन्दी भाषा", "") == ["हिन्दी", "भाषा"]


@pytest.mark.parametrize(
    ("text", "pairs"), [("東京都", ["東京", "京都"]), ("木", ["木"]), ("한국어", ["한국", "국어"])]
)
def test_it_pairs_signs_where_words_are_not_spaced(text: str, pairs: list[str]) -> None:
    assert terms(text) == pairs


def test_it_finds_a_japanese_word_inside_a_sentence() -> None:
    assert set(terms("有給休暇")) <= set(terms("社員は有給休暇を取得できます。"))


def test_it_shortens_endless_words() -> None:
    assert [len(term) for term in terms("x" * 5000)] == [64]


def test_it_gives_the_same_terms_on_many_threads() -> None:
    text = " ".join(f"organisations{number} running connections" for number in range(300))
    expected, found = terms(text), []
    threads = [threading.Thread(target=lambda: found.append(terms(text))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [expected] * 8


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He said no. Then he left.", ["He said no.", "Then he left."]),
        ("See no. 5 and fig. 2 here. Read on!", ["See no. 5 and fig. 2 here.", "Read on!"]),
        (
            "Dr. Lind pays 3.20 euros, e.g. in cash. Nobody else does!",
            ["Dr. Lind pays 3.20 euros, e.g. in cash.", "Nobody else does!"],
        ),
        ("Am 3. Oktober gilt z. B. dies. Sonst nicht.", ["Am 3. Oktober gilt z. B. dies.", "Sonst nicht."]),
        ("1. Open the door. 2. Close it.", ["1. Open the door.", "2. Close it."]),
        ("Paper, ink etc. are free. Ask!", ["Paper, ink etc. are free.", "Ask!"]),
        ("The U.S. Congress met in 2020. It voted.", ["The U.S. Congress met in 2020.", "It voted."]),
        ('"Really?" She nodded (slowly). Fine.', ['"Really?"', "She nodded (slowly).", "Fine."]),
        ("A heading\nIts text.\n\n- an item", ["A heading", "Its text.", "- an item"]),
        ("中文句子。第二句！", ["中文句子。", "第二句！"]),
        ("أين الكتاب؟ هنا.", ["أين الكتاب؟", "هنا."]),
        ("  ", []),
    ],
)
def test_it_ends_sentences_where_people_do(text: str, expected: list[str]) -> None:
    assert spoken(text) == expected


@given(some.text(alphabet=some.sampled_from("aB1 .!?。\n\"')é\u0301木"), max_size=120))
def test_it_loses_no_character_but_white_space(text: str) -> None:
    spans = sentences(text)

    assert "".join("".join(spoken(text)).split()) == "".join(text.split())
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The fire drill takes place every March, and it is for all staff.", "en"),
        ("Die Brandschutzübung findet jedes Jahr im März statt und gilt für alle.", "de"),
        ("L'exercice d'incendie a lieu chaque année et il est pour tous.", "fr"),
        ("El simulacro de incendio es cada año y es para todos los empleados.", "es"),
        ("Brandøvelsen finder sted hvert år og er for alle der arbejder her.", "da"),
        ("Учения проводятся каждый год.", "ru"),
        ("Навчання проводяться щороку і є обов'язковими.", ""),
        ("ينظم التدريب كل سنة", "ar"),
        ("避難訓練は毎年行われます。", ""),
        ("ISO 27001-1:2022", "en"),
    ],
)
def test_it_tells_languages_apart(text: str, language: str) -> None:
    assert language_of(text) == language


def test_it_looks_for_a_word_in_every_language_of_the_documents_and_counts_it_once() -> None:
    asked = asked_terms("Kündigung der Verträge", {"en", "de"})

    assert set(asked) == {"kündigung", "verträge"}
    assert terms("Kündigungen", "de")[0] in asked["kündigung"]
    assert terms("kündigung", "en")[0] in asked["kündigung"]


def test_it_drops_only_what_carries_nothing_in_the_question_s_own_language() -> None:
    assert "die" in asked_terms("How did he die?", {"de", "en"})
    assert "die" not in asked_terms("Wie hoch ist die Miete?", {"de", "en"})


def test_it_leaves_elided_articles_aside() -> None:
    assert terms("l'article", "fr") == terms("article", "fr")
