import time

import pytest
from hypothesis import given
from hypothesis import strategies as some

from appliance.dlp import Category, stopped
from appliance.dlp.engine import _exact

# Published test numbers of the networks; nobody's cards.
CARDS = ["4111111111111111", "4111 1111 1111 1111", "5555-5555-5555-4444", "378282246310005", "6011111111111117", "3530111333300000", "４１１１１１１１１１１１１１１１"]  # fmt: skip
NO_CARDS = [
    "4111111111111112",  # check digit
    "41111111111111111111111",  # longer run
    "order 4000000000000000000000",
    "1234567890123456",
    "4444 4444 4444 4444",
    "version 4.111111111111111",
    "2026-11-23 12:00:00",
    "+49 30 1234567890",
]


@pytest.mark.parametrize("card", CARDS)
def test_it_finds_a_card_number(card: str) -> None:
    findings = stopped(f"paid with {card} today")

    assert [finding.category for finding in findings] == [Category.PAYMENT_CARD]
    assert findings[0].start == len("paid with ")


@pytest.mark.parametrize("text", NO_CARDS)
def test_it_takes_nothing_else_for_a_card(text: str) -> None:
    assert stopped(text) == []


@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
def test_it_finds_a_private_key(kind: str) -> None:
    assert [finding.rule for finding in stopped(f"x\n-----BEGIN {kind}PRIVATE KEY-----\nMII")] == ["secret/private-key/2"]


def test_a_private_key_ends_with_the_first_end_that_is_near() -> None:
    begin, end = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"
    for text, last in (
        (f"{begin}MII{end} and {end}", len(begin) + 3 + len(end)),
        # The dashes of one may be those of the next.
        (f"{begin}MII-----END PRIVATE -----END PRIVATE KEY-----", len(begin) + 3 + len("-----END PRIVATE ") + len(end)),
        (f"{begin}{'A ' * 12_000}{end}", len(begin)),
        (f"{end}{begin}", len(end) + len(begin)),
    ):
        assert [one.end for one in stopped(text)] == [last]


def test_keys_without_end_take_linear_time() -> None:
    def takes(length: int) -> float:
        text, times = "-----BEGIN PRIVATE KEY----------END " * (length // 36), []
        for _ in range(3):
            began = time.process_time()
            stopped(text)
            times.append(time.process_time() - began)
        return min(times)

    assert takes(160_000) < 11 * takes(20_000)


@given(some.text(max_size=300))
def test_it_never_fails_on_any_text(text: str) -> None:
    for finding in stopped(text):
        assert 0 <= finding.start < finding.end <= len(text)


# Whatever is written by these few signs, short: codes of cards, and all forms in which something hides.
_PIECES = ["cvv", "cvc", "cid", "pan", "card code", "%6", "%31", "&#4", "&nbsp;", "\\u003", "\\x3", "=3", "1", "23", "0", "O", "I", " ", ":", ",", "-----", "BEGIN", "KEY", "MTIz", "Y3Z2", "<b>", '"', "'"]  # fmt: skip


@given(some.lists(some.sampled_from(_PIECES), max_size=8).map("".join) | some.text(some.characters(max_codepoint=0x2FFF), max_size=16))
def test_what_is_too_short_to_be_looked_at_holds_nothing(text: str) -> None:
    assert stopped(text) == _exact().inspect(text)
