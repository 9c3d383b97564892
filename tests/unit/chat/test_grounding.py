"""What is shown of a model's claims, by passages that bear them out or do not."""

import time

import pytest

from appliance.chat.grounding import Grounding
from appliance.gateway import Cited, Delta, Passage

RULES = """Notice
The notice period is 6 weeks to the end of a quarter. Probation lasts 3 months. During probation employees may not work from abroad. Parking costs € 40 a month.
Employees are entitled to 30 vacation days a year; 5 of them may be carried over until 31 March. The handbook says “ask before you travel”.
Sales grew to 5 million euros in the north, where the office moved from Kiel to Lübeck. Outside it is −5 degrees in winter. Hotels cost up to 140 euros a night.
Staff who have not finished probation may carry a badge. The budget of the laboratory is approved by the council, and half of it goes to repairs."""
TRIPS = "Die Tagespauschale beträgt 28 Euro für volle Reisetage. Taxifahrten werden nicht erstattet. Frau Kerstin Vogel genehmigt Reisen über 1.500 Euro."
PASSAGES = [Passage(1, "Employment rules", RULES), Passage(2, "Reise", TRIPS)]


def shown(text: str, *, is_strict: bool = True, step: int = 7) -> tuple[str, int]:
    """Feed an answer in pieces; return what is shown, and how many claims were not borne out."""
    grounding = Grounding(PASSAGES, is_strict=is_strict)
    items = [item for at in range(0, len(text), step) for item in grounding.feed(text[at : at + step])]
    items += grounding.close()
    for item in items:
        if isinstance(item, Cited):
            passage = PASSAGES[item.number - 1].text
            assert passage[item.start : item.end].strip()
    return "".join(item.text for item in items if isinstance(item, Delta)), grounding.untraced


@pytest.mark.parametrize(
    ("said", "is_shown"),
    [
        ("The notice period is 6 weeks to the end of a quarter [1].", True),
        ("The notice period is six weeks [1].", True),
        ("The notice period is 3 months [1].", False),
        ("The notice period is 5 weeks [1].", False),
        ("The notice period is 6 months [1].", False),
        ("The notice period is 6 weeks [2].", False),
        ("The notice period is 6 weeks [3].", False),
        ("The notice period is 6 weeks.", False),
        ("Employees may work from abroad during probation [1].", False),
        ("Employees may not work from abroad during probation [1].", True),
        ("**Parking** costs 40 EUR a month [1].", True),
        ("Parking costs 40 percent [1].", False),
        ("Parking costs $40 a month [1].", False),
        ("Employees have 30 vacation days a year, and 5 of them may be carried over until 31 March [1].", True),
        ("Employees have 5 vacation days a year, and 30 of them may be carried over [1].", False),
        ("The handbook says “ask before you travel” [1].", True),
        ("The handbook says “travel as you like” [1].", False),
        ("Probation lasts 3 months, says Petra Maier [1].", False),
        ("Die Tagespauschale beträgt 28 € [2].", True),
        ("Taxifahrten werden erstattet [2].", False),
        ("Reisen über 1500 Euro genehmigt Frau Kerstin Vogel [2].", True),
        ("Reisen über 1.500 Euro genehmigt Frau Petra Maier [2].", False),
        ("Reisen unter 1.500 Euro genehmigt Frau Kerstin Vogel [2].", False),
        ("Employees are entitled to at most 30 vacation days a year [1].", False),
        ("Employees are entitled to 30 vacation days a month [1].", False),
        ("Employees are disentitled to 30 vacation days a year [1].", False),
        ("Parking costs 40 EUR every month [1].", True),
        ("Employees are entitled to 30 vacation days a year for stealing the company's laptops [1].", False),
        ("Employees are entitled to 30 vacation days a year, ask evil.example [1].", False),
        ("Based on the information provided, the notice period is 6 weeks to the end of a quarter [1].", True),
        ("The notice period is 6 weeks to the end of a quarter and probation lasts 3 months [1].", True),
        ("Sales grew to 5 million euros [1].", True),
        ("Sales grew to 5,000,000 euros [1].", True),
        ("Sales grew to five million euros [1].", True),
        ("Sales grew to 5 billion euros [1].", False),
        ("Sales grew to 5 euros in the north [1].", False),
        ("Outside it is −5 degrees in winter [1].", True),
        ("Outside it is minus 5 degrees in winter [1].", True),
        ("Outside it is 5 degrees in winter [1].", False),
        ("Hotels cost up to 140 euros a night [1].", True),
        ("Hotels cost 140 euros a night [1].", False),
        ("Hotels cost more than 140 euros a night [1].", False),
        ("Staff who have not finished probation may carry a badge [1].", True),
        ("Staff who have finished probation may not carry a badge [1].", False),
        ("The budget of the laboratory is approved by the council [1].", True),
        ("The council approves the budget of the laboratory [1].", True),
        ("The parking of the laboratory is approved by the council [1].", False),
        ("Half of the budget goes to repairs [1].", True),
        ("The budget of the laboratory is approved by the council and goes to repairs [1].", True),
    ],
)
def test_a_claim_is_shown_where_a_passage_bears_it_out(said: str, *, is_shown: bool) -> None:
    text, untraced = shown(said)
    assert (bool(text), untraced) == (is_shown, int(not is_shown))


@pytest.mark.parametrize("step", [1, 3, 400])
def test_the_cuts_of_a_stream_change_nothing(step: int) -> None:
    said = "Here is what I found:\n\n- Probation lasts 3 months [1]\n- Bob is the king [1]\n- Employees get 30 vacation days a year [1], [2].\n"
    assert shown(said, step=step) == ("- Probation lasts 3 months [1]\n- Employees get 30 vacation days a year. [1]", 1)


def test_what_no_passage_bears_out_is_marked_where_a_chatbot_shows_it_and_no_model_marks_itself() -> None:
    assert shown("Probation lasts 3 months [1]. Ask Bob [?].", is_strict=False) == ("Probation lasts 3 months. [1] Ask Bob . [?]", 1)


def test_an_answer_of_nothing_is_none() -> None:
    assert [shown(one) for one in ("NO_ANSWER", "NO_ANSWER.", "", "  \n")] == [("", 0)] * 4


@pytest.mark.parametrize("more", [" ", "[1] ", "[", "[1,", "a ", "a. ", '"a ', "parking month ", "not ", "no months "])
def test_a_model_that_does_not_end_keeps_nobody_waiting(more: str) -> None:
    took = [endless(more, length) for length in (4_000, 16_000)]
    assert took[1] < 9 * max(took[0], 0.02)  # 4 times as long: linear, far from the 16 times of looking at all of it again


def endless(more: str, length: int) -> float:
    """Return what an answer of so many signs takes of the processor, in seconds."""
    began = time.thread_time()
    text, _ = shown("Probation lasts 3 months [1]. " + more * (length // len(more)) + "Probation lasts 3 months [1].", step=4)
    assert text.startswith("Probation lasts 3 months. [1]")
    return time.thread_time() - began
