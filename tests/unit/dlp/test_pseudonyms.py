"""Values leave as surrogates and come back as what they are, however a model writes them and however the answer is cut."""

import re
from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from appliance.dlp import IRREVERSIBLE, Category, Finding, Surrogates

KEY: Final = bytes(range(32))
NAMES: Final = ("Jane Doe", "Ümit Özdemir", "李雷", "O'Brien, Pat", "Ann", "anna.schmidt@example.org", "+49 30 901820")


def found(text: str, *values: str, category: Category = Category.PERSON) -> list[Finding]:
    """Return where these stand in a text, each at its first place."""
    return sorted(
        (Finding(category, "test", text.index(one), text.index(one) + len(one)) for one in values),
        key=lambda one: one.start,
    )


def surrogate_of(surrogates: Surrogates, value: str, category: Category = Category.PERSON) -> str:
    return surrogates.replace(value, found(value, value, category=category))


def flowing(surrogates: Surrogates, pieces: Sequence[str]) -> tuple[str, int]:
    """Return what a person is shown of an answer in pieces, and how much was held back at most."""
    restoring, shown, told, held = surrogates.restoring(), "", "", 0
    for piece in pieces:
        told += piece
        shown += restoring.feed(piece)
        held = max(held, len(restoring._held))
    return shown + restoring.close(), held


def cut(text: str, sizes: Sequence[int]) -> list[str]:
    pieces, at = list[str](), 0
    for size in sizes:
        pieces.append(text[at : at + size])
        at += size
    return [*pieces, text[at:]]


def test_a_value_leaves_as_a_surrogate_of_its_kind_and_comes_back() -> None:
    surrogates, text = Surrogates(KEY), "Ask Jane Doe, or jane@example.org."
    sent = surrogates.replace(text, [Finding(Category.PERSON, "a", 4, 12), Finding(Category.EMAIL, "b", 17, 33)])

    assert sent.startswith("Ask [PERSON_")
    assert ", or [EMAIL_" in sent
    assert "ane" not in sent
    assert surrogates.restore(sent) == text
    assert surrogates.used == 2


def test_within_a_conversation_a_value_has_one_surrogate_however_it_is_written() -> None:
    surrogates = Surrogates(KEY)
    first = surrogate_of(surrogates, "+49 30 901820", Category.PHONE)

    assert surrogate_of(surrogates, "Jane Doe") == surrogate_of(surrogates, "JANE  DOE")
    assert surrogate_of(surrogates, "+49 (30) 90-18-20", Category.PHONE) == first
    assert surrogate_of(surrogates, "+49 30 901820", Category.MEDICAL_RECORD) != first
    assert surrogate_of(Surrogates(KEY), "+49 30 901820", Category.PHONE) == first
    assert surrogate_of(Surrogates(), "+49 30 901820", Category.PHONE) != first


def test_what_is_kept_of_a_conversation_goes_on_where_it_was() -> None:
    surrogates = Surrogates(KEY)
    sent = surrogate_of(surrogates, "Jane Doe")
    again = Surrogates.unpack(surrogates.pack())

    assert surrogate_of(again, "jane doe") == sent
    assert again.restore(f"It was {sent}.") == "It was Jane Doe."
    assert "Jane" not in repr(again)
    assert KEY.hex() not in repr(again)


@pytest.mark.parametrize("category", sorted(IRREVERSIBLE))
def test_cards_and_secrets_never_come_back(category: Category) -> None:
    surrogates, value = Surrogates(KEY), "5500005555555559"
    sent = surrogate_of(surrogates, value, category)

    assert sent == f"[{category.name}]"
    assert surrogates.restore(sent) == sent
    assert value.encode() not in surrogates.pack()
    assert not surrogates


def test_what_is_hidden_does_not_come_back_beside_what_does() -> None:
    surrogates, text = Surrogates(KEY), "Jane Doe was born on 1.2.1970."
    hidden = found(text, "1.2.1970", category=Category.BIRTH_DATE)
    sent = surrogates.replace(text, found(text, "Jane Doe"), hidden=hidden)

    assert surrogates.restore(sent) == "Jane Doe was born on [BIRTH_DATE]."
    assert b"1970" not in surrogates.pack()


@pytest.mark.parametrize(
    "form",
    ["PERSON_{code}", "[PERSON_{code}", "**[PERSON_{code}]**", "`PERSON_{code}`", "[person_{code}]", "[ PERSON {code} ]",
     "[PERSON-{code}]", r"[PERSON\_{code}]", "[**PERSON_{code}**]", "*PERSON_{code}*", "Person {code}", "_PERSON_{code}_", "{code}",
     "PERSON_{code}]", "(PERSON_{code})", "[E_MAIL {code}]"],
)  # fmt: skip
def test_it_is_known_again_however_a_model_writes_it(form: str) -> None:
    surrogates = Surrogates(KEY)
    code = surrogate_of(surrogates, "Jane Doe").removesuffix("]")[-5:]
    for written in (code, code.lower()):
        shown = surrogates.restore(f"I met {form.format(code=written)}, twice.")
        assert "Jane Doe" in shown
        assert written not in shown


def test_what_a_model_invents_stays_as_it_is() -> None:
    surrogates = Surrogates(KEY)
    surrogate_of(surrogates, "Jane Doe")
    said = "See [PERSON_22A22], [EMAIL_9ZZZZ] and person named [note 2] in [PERSON_]."

    assert surrogates.restore(said) == said


def test_ones_own_words_are_not_taken_for_a_surrogate() -> None:
    surrogates = Surrogates(KEY)
    sent = surrogate_of(surrogates, "Jane Doe")
    code = sent[-6:-1]
    for own in (f"What does {sent} mean?", f"Part no. {code.lower()}, please", f"[person {code}"):
        out = surrogates.replace(own, [])
        assert code.lower() not in out.lower()
        assert surrogates.restore(out) == own
        assert "Jane" not in surrogates.restore(out)


def test_a_code_that_a_text_says_already_is_not_given_away() -> None:
    would_be = surrogate_of(Surrogates(KEY), "Jane Doe")
    surrogates, text = Surrogates(KEY), f"Jane Doe wrote {would_be.lower()}."
    sent = surrogates.replace(text, found(text, "Jane Doe"))

    assert sent.count(would_be[-6:-1]) == 0
    assert surrogates.restore(sent) == text


def test_two_values_never_share_a_surrogate(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = iter(["AAAA2", "AAAA2", "AAAA3", "WORDS", "AAAA4"])
    monkeypatch.setattr("appliance.dlp.pseudonyms._code_of", lambda _token: next(codes))
    surrogates = Surrogates(KEY)

    assert [surrogate_of(surrogates, one) for one in ("Ann A", "Ben B", "Cy C")] == ["[PERSON_AAAA2]", "[PERSON_AAAA3]", "[PERSON_AAAA4]"]


def test_a_value_that_was_found_in_one_text_leaves_none() -> None:
    surrogates = Surrogates(KEY)
    texts = ["Patient: Okonkwo", "okonkwo said; Okonkwo's notes, Okonkwos"]
    surrogates.note(texts[0], found(texts[0], "Okonkwo"))
    sent = surrogates.written(texts[1], []).text

    assert "; Okonkwo" not in sent
    assert sent.endswith(", Okonkwos")  # another word
    assert surrogates.restore(sent) == texts[1]


def test_a_part_of_a_name_leaves_as_little_as_the_whole_and_comes_back_as_a_part() -> None:
    surrogates, text = Surrogates(KEY), "Margaret Okonkwo came. Mrs Okonkwo said: Margaret!"
    sent = surrogates.replace(text, found(text, "Margaret Okonkwo"))

    assert "Okonkwo" not in sent
    assert "Margaret" not in sent
    assert surrogates.restore(sent) == text


def test_a_place_in_what_went_out_is_a_place_in_what_was_there() -> None:
    surrogates, text = Surrogates(KEY), "Ask Jane Doe today."
    surrogates.note(text, found(text, "Jane Doe"))
    written = surrogates.written(text, found(text, "Jane Doe"))
    end = written.text.index("]") + 1

    assert text[written.place(4) : written.place(end, is_end=True)] == "Jane Doe"
    assert text[written.place(6) : written.place(end - 2, is_end=True)] == "Jane Doe"
    assert text[written.place(end + 1) : written.place(len(written.text), is_end=True)] == "today."
    assert text[written.place(0) : written.place(3, is_end=True)] == "Ask"


def test_what_was_found_besides_surrogates_in_an_answer() -> None:
    surrogates = Surrogates(KEY)
    said = f"{surrogate_of(surrogates, 'Jane Doe')} knows Bo Diddley."
    told = [Finding(Category.PERSON, "t", 1, 13), *found(said, "Bo Diddley")]

    assert surrogates.others(said, told) == told[1:]


@settings(max_examples=80, deadline=None)
@given(
    words=some.lists(
        some.one_of(
            some.sampled_from(NAMES),
            some.sampled_from(["[", "]", "PERSON", "_", " ", "\n", "2A2A2", "[PERSON_22A22]", "*", "`", "person named", "\\", "[["]),
            some.text(max_size=6),
        ),
        max_size=25,
    ),
    sizes=some.lists(some.integers(0, 9), max_size=60),
)
def test_whatever_is_said_comes_back_however_the_answer_is_cut(words: list[str], sizes: list[int]) -> None:
    surrogates, text, findings = Surrogates(KEY), "", list[Finding]()
    for word in words:
        is_found = word in NAMES
        if is_found:
            findings.append(Finding(Category.PERSON, "test", len(text) + 1, len(text) + 1 + len(word)))
        text += f" {word} " if is_found else word
    sent = surrogates.replace(text, findings)
    shown, held = flowing(surrogates, cut(sent, sizes))

    assert shown == text
    assert held <= 48
    assert all(text[one.start : one.end] not in sent for one in findings if len(text[one.start : one.end]) > 3)


@settings(max_examples=80, deadline=None)
@given(data=some.data())
def test_an_answer_in_pieces_is_the_answer_as_a_whole(data: some.DataObject) -> None:
    surrogates = Surrogates(KEY)
    ours = [surrogate_of(surrogates, name) for name in NAMES]
    forms = [form for one in ours for form in (one, one[1:-1], one.lower(), one.replace("_", " "), f"**{one}**", one[1:], one[-6:-1])]
    pieces = data.draw(some.lists(some.one_of(some.sampled_from(forms), some.text("[]_* \n\\PERSON2aé", max_size=8)), max_size=20))
    said = "".join(pieces)
    sizes = data.draw(some.lists(some.integers(0, 12), max_size=60))

    assert flowing(surrogates, cut(said, sizes))[0] == surrogates.restore(said)


def test_ordinary_text_is_hardly_held_back() -> None:
    surrogates = Surrogates(KEY)
    surrogate_of(surrogates, "Jane Doe")
    said = "The quick brown fox jumps over the lazy dog, and the person named in the note [3] reads the address. " * 20
    restoring, held = surrogates.restoring(), list[int]()
    for sign in said:
        restoring.feed(sign)
        held.append(len(restoring._held))

    assert sorted(held)[len(held) * 99 // 100] <= 18


def test_thousands_of_values_are_said_again_in_no_text() -> None:
    surrogates = Surrogates()
    values = [f"{number:04}.{'long-' * 30}@harrow.example" for number in range(4_000)]
    text = "\n".join(values)
    found = [Finding(Category.EMAIL, "email/1", match.start(), match.end(), 0.9) for match in re.finditer(r"\S+", text)]
    surrogates.note(text, found)

    told = surrogates.written("\n".join(reversed(values)), []).text

    assert "harrow" not in told
    assert surrogates.restore(told) == "\n".join(reversed(values))
