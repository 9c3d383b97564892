"""What a document's findings show of what stands around them."""

from appliance import dlp
from appliance.dlp import Action, Direction, Policy
from appliance.knowledge.parsed import Block, Page, Parsed
from appliance.knowledge.screening.sifting import sift
from appliance.knowledge.screening.values import Terms

CARD, IBAN = "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00"
LETTER = Parsed("text/plain", "Letter", (Page(1, (Block("paragraph", f"IBAN {IBAN}, card {CARD}, thanks.", 0, None),)),))
FLOOR = Terms(Policy(0, ()), dlp.Circumstances(Direction.UPLOAD))


class Failing(dlp.Engine):
    def inspect(self, *_: object, **__: object) -> list[dlp.Finding]:
        raise RuntimeError

    def without_names(self) -> dlp.Engine:
        return self


def test_what_stands_around_a_card_is_masked_where_no_policy_asks_about_it_too() -> None:
    (card,) = sift(LETTER, "letter.txt", FLOOR, dlp.Engine()).sightings
    assert (card.action, card.rule) == (Action.QUARANTINE, "card/pan/2")
    assert card.excerpt == "IBAN D••••••••••••••••, card 411111••••••1111, thanks."


def test_nor_is_it_shown_in_a_files_name_whose_blanks_are_underscores() -> None:
    (card,) = sift(Parsed("text/plain", "", ()), f"{IBAN.replace(' ', '_')} {CARD}.txt", FLOOR, dlp.Engine()).sightings
    assert card.excerpt == "D•••••••••••••••• 411111••••••1111.txt"


def test_where_a_detector_fails_nothing_is_shown_of_what_stands_around_a_card() -> None:
    found = sift(LETTER, "letter.txt", FLOOR, Failing())
    assert not found.is_checked
    assert [one.excerpt for one in found.sightings] == ["411111••••••1111"]
