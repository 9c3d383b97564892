"""What flows by is looked at whatever its pieces, and nothing passes because it was cut in two."""

import base64
import json
import random
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from appliance.dlp import Category, Engine, stopped
from appliance.dlp.decisions import Action, Decided
from appliance.dlp.flowing import MOST, Flowing, Stretch, whole
from appliance.dlp.values import Finding
from appliance.dlp.weaving import InJson

CARD = "4111 1111 1111 1111"
BODY = "\n".join(base64.b64encode(random.Random(number).randbytes(48)).decode() for number in range(25))
KEY = f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n-----END RSA PRIVATE KEY-----"
PROSE = "The report was sent on Monday, and all who read it agreed that the numbers of the third quarter are good. "
PIECES = (
    CARD, KEY, PROSE, "4111-1111-1111-1111", "4111111111111111", "card ", "４１１１ １１１１ １１１１ １１１１", "\n", " ", "12 34 56 ", "x" * 300, "卡号4111111111111111，",
    base64.b64encode(b"card number 4111 1111 1111 1111 of mine").decode(), "cvv: 123 ", "-----BEGIN PRIVATE KEY-----\n", "A" * 70 + "\n", "\u200b", ". ",
)  # fmt: skip


def _treat(text: str) -> list[Stretch]:
    return [Stretch(Decided(one, Action.REDACT), f"[{one.category.value}]") for one in stopped(text)]


def _pieces(text: str, cuts: list[int]) -> Iterator[str]:
    at = 0
    for cut in sorted(cuts):
        yield text[at:cut]
        at = cut
    yield text[at:]


def _flowed(pieces: Iterator[str], flowing: Flowing) -> str:
    return "".join(map(flowing.feed, pieces)) + flowing.close()


@settings(max_examples=25, deadline=None)
@given(
    some.lists(some.one_of(some.sampled_from(PIECES), some.text(max_size=40)), max_size=14).map("".join), some.data()
)
def test_pieces_make_no_difference(text: str, data: some.DataObject) -> None:
    cuts = data.draw(some.lists(some.integers(0, len(text)), max_size=30))

    assert _flowed(_pieces(text, cuts), Flowing(_treat)) == _flowed(iter([text]), Flowing(_treat))
    assert _flowed(iter(text), Flowing(_treat)) == _flowed(iter([text]), Flowing(_treat))


@settings(max_examples=25, deadline=None)
@given(
    some.lists(
        some.sampled_from((PROSE, "\n\n", "Das ist ein Satz. ", "卡号", "und, ", "“", "x ")), min_size=1, max_size=20
    ),
    some.integers(0, 20),
)
@pytest.mark.parametrize("secret", [CARD, KEY, "4111111111111111", "5500-0055-5555-5559"])
def test_no_secret_passes_because_it_was_cut(secret: str, around: list[str], place: int) -> None:
    text = "".join([*around[:place], " ", secret, " ", *around[place:]])

    told = _flowed(iter(text), Flowing(_treat))

    assert not any(line in told for line in secret.splitlines())
    assert told == text.replace(secret, f"[{stopped(secret)[0].category.value}]")


def test_what_holds_nothing_passes_as_it_is_and_soon() -> None:
    text, flowing, behind, told = PROSE * 20, Flowing(_treat), [], ""
    for number, sign in enumerate(text, 1):
        told += flowing.feed(sign)
        behind.append(number - len(told))

    assert told + flowing.close() == text
    assert sorted(behind)[len(behind) // 2] <= 80
    assert max(behind) <= 172


def test_a_key_without_an_end_does_not_pass_either() -> None:
    for text in (KEY[:900], KEY[:60], KEY.replace("END", "FIN")):
        told = _flowed(iter(PROSE + text), Flowing(_treat))
        assert told.startswith(PROSE + "[private key]")
        assert not any(line[:20] in told for line in BODY.splitlines())
    endless = KEY[:80] + BODY * 20
    assert _flowed(iter(PROSE + endless), Flowing(_treat)) == PROSE + "[private key]"
    assert (
        _flowed(iter([endless + "\n-----END RSA PRIVATE KEY-----\n" + PROSE]), Flowing(_treat))
        == "[private key]\n" + PROSE
    )


def test_who_only_speaks_of_keys_goes_on() -> None:
    text = (
        "Such a file begins with -----BEGIN PRIVATE KEY----- and then you see the lines of it, which are secret. "
        + PROSE * 3
    )

    assert _flowed(iter(text), Flowing(_treat)).endswith(
        "and then you see the lines of it, which are secret. " + PROSE * 3
    )


def test_what_has_no_end_is_replaced_and_what_follows_it_goes_on() -> None:
    run = "QUJD" * MOST
    flowing, most = Flowing(_treat), 0
    told = ""
    for sign in PROSE + run + " " + PROSE:
        told += flowing.feed(sign)
        most = max(most, len(flowing._held))
    told += flowing.close()

    assert told == PROSE + "[too long to be looked through, removed]" + " " + PROSE
    assert most < MOST * 1.4


def test_scripts_without_spaces_and_code_without_any_do_not_wait_for_their_end() -> None:
    for text in ("我们的报告已经在星期一发送给大家" * 60, '{"a":"b","c":[1,2],"d":{"e":"f"}},' * 60):
        flowing, told, most = Flowing(_treat), "", 0
        for number, sign in enumerate(text, 1):
            told += flowing.feed(sign)
            most = max(most, number - len(told))
        assert told + flowing.close() == text
        assert most <= 400


def test_it_is_linear_in_the_text() -> None:
    def takes(length: int, text: str) -> float:
        began = time.process_time()
        _flowed(iter([text * (length // len(text))]), Flowing(_few))
        return time.process_time() - began

    for text in (PROSE, "12 ", "A", "-", "4111 ", "{", "卡"):
        assert takes(160_000, text) < 12 * max(takes(40_000, text), 0.01)


def _few(text: str) -> list[Stretch]:
    """Find cards in a simple way, so that it is the filter that is timed."""
    at = text.find("4111 1111")
    return [Stretch(Decided(Finding(Category.PAYMENT_CARD, "one", at, at + 9), Action.REDACT), "[]")] if at >= 0 else []


ARGUMENTS = (
    {"card": "4111 1111 1111 1111", "note": PROSE}, {"card": 4111111111111111, "of": [4111111111111111, 12]}, {"key": KEY, "then": "x"},
    {"text": "Müller\t4111111111111111\n" * 3}, {"say": '"4111 1111 1111 1111"', "code": "cvv: 123"}, {"key": KEY[:200], "next": {"a": [True, None]}},
    {"run": "QUJD" * MOST, "next": 1},
)  # fmt: skip


@pytest.mark.parametrize("place", range(len(ARGUMENTS)))
@pytest.mark.parametrize("is_ascii", [True, False])
def test_arguments_stay_json(place: int, is_ascii: bool) -> None:
    said = json.dumps(ARGUMENTS[place], ensure_ascii=is_ascii)

    told = _flowed(iter(said), Flowing(_treat, weave=InJson()))

    assert json.loads(told).keys() == ARGUMENTS[place].keys()
    assert "411111" not in told.replace(" ", "")
    assert BODY[:20] not in told
    assert _flowed(iter([said]), Flowing(_treat, weave=InJson())) == told


@settings(max_examples=40, deadline=None)
@given(
    some.recursive(
        some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False) | some.text(),
        lambda one: some.lists(one, max_size=4) | some.dictionaries(some.text(max_size=5), one, max_size=4),
    ),
    some.data(),
)
def test_whatever_is_replaced_in_json_it_stays_json(value: object, data: some.DataObject) -> None:
    said = json.dumps({"it": value})
    start = data.draw(some.integers(0, len(said)))
    end = data.draw(some.integers(start, len(said)))
    weave = InJson()

    told = weave.text(said[:start]) + weave.put(said[start:end], "[gone]") + weave.text(said[end:])

    json.loads(told)


@pytest.mark.parametrize("literal", ["true", "false", "null", "-1.5e+7", "Infinity"])
def test_wherever_in_a_literal_something_is_replaced_it_stays_json(literal: str) -> None:
    said = f'{{"it": [{literal}, 1]}}'
    for start in range(len(said)):
        for end in range(start, len(said)):
            weave = InJson()
            json.loads(weave.text(said[:start]) + weave.put(said[start:end], "[gone]") + weave.text(said[end:]))


def test_what_goes_on_after_all_is_looked_at_with_what_has_gone() -> None:
    flowing = Flowing(_treat)
    told = flowing.feed("It is 4111 1111") + flowing.flush()[1] + flowing.feed(" 1111 1111, as you know.") + flowing.close()

    assert told == "It is 4111 1111[payment card number], as you know."


def test_each_step_says_of_how_much_it_is() -> None:
    flowing, text = Flowing(_treat), PROSE + CARD + " " + PROSE
    steps = [*flowing.advance(text), flowing.flush()]

    at = 0
    for length, told in steps:
        assert told == text[at : at + length] or (CARD in text[at : at + length] and CARD not in told)
        at += length
    assert at == len(text)


def test_a_whole_text_is_looked_at_in_one_piece(rules: Engine) -> None:
    def treat(text: str) -> list[Stretch]:
        return [Stretch(Decided(one, Action.REDACT), "[gone]") for one in rules.inspect(text)]

    told, passed = whole(f"Write to anna.schmidt@example.org, or pay by {CARD}.", treat)

    assert told == "Write to [gone], or pay by [gone]."
    assert [one.finding.category for one in passed] == [Category.EMAIL, Category.PAYMENT_CARD]
