from appliance.dlp import Category, Engine, excerpt, masked


def test_a_card_shows_six_and_four_and_nothing_else_more_than_its_first_sign() -> None:
    assert masked("4111 1111 1111 1234", Category.PAYMENT_CARD) == "411111••••••1234"
    assert masked("Okonkwo", Category.PERSON) == "O••••••••"
    assert masked("anna@example.org", Category.EMAIL).startswith("a•")
    assert "2" not in masked("123-45-6789", Category.SOCIAL_SECURITY)


def test_of_what_is_hidden_no_digits_are_shown_as_they_may_be_of_something_else(rules: Engine) -> None:
    text = "SSN%20536-90-4399%20and%20card%204111111111111111%20code%20987"
    (card,) = [one for one in rules.inspect(f"See {text}") if one.category is Category.PAYMENT_CARD]
    assert card.through
    assert not any(sign.isdigit() for sign in excerpt(f"See {text}", [card], card))


def test_an_excerpt_masks_what_else_was_found_near(rules: Engine) -> None:
    text = "Please send it to anna.schmidt@example.org or call +49 30 901820, and pay by 4111 1111 1111 1111 until Friday, as agreed last week."
    found = rules.inspect(text)
    shown = [excerpt(text, found, one) for one in found]

    assert len(found) == 3
    for value in ("anna.schmidt", "901820", "4111 1111 1111", "1111 1111"):
        assert not any(value in one for one in shown)
    assert shown[1].startswith("…")
    assert "or call +•" in shown[1]
