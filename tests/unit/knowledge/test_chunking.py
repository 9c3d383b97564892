import time

import pytest

from appliance.knowledge.chunking import MOST, chunk, document_text, embedding_text
from appliance.knowledge.parsed import Parsed
from appliance.knowledge.parsing import parse
from tests.support.house import SAMPLES, SHARED


def markdown(text: str) -> Parsed:
    return parse(text.encode(), file_name="rules.md")


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.glob("*.*") if path.suffix != ".py"))
def test_a_chunk_is_exactly_its_place_in_the_text(name: str) -> None:
    parsed = parse((SAMPLES / name).read_bytes(), file_name=name)
    text = document_text(parsed)

    assert all(one.text == text[one.start : one.end] for one in chunk(parsed))


def test_no_word_that_a_reader_sees_is_lost() -> None:
    for name in ("leave-and-travel.pdf", "security-handbook.docx"):
        parsed = parse((SAMPLES / name).read_bytes(), file_name=name)
        kept = " ".join(f"{one.heading} {one.text}" for one in chunk(parsed))
        assert set(document_text(parsed).split()) <= set(kept.split())


def test_a_heading_with_nothing_under_it_is_still_found() -> None:
    assert [one.text for one in chunk(markdown("# Emergency exit: door 4\n"))] == ["Emergency exit: door 4"]
    assert "Door 5" in " ".join(one.text for one in chunk(markdown("# A\n\n## Door 5\n\n## Rest\n\nwords\n")))


def test_it_names_document_section_and_page_to_the_model() -> None:
    parsed = parse((SAMPLES / "leave-and-travel.pdf").read_bytes(), file_name="leave-and-travel.pdf")
    travel = next(one for one in chunk(parsed) if "140 euros" in one.text)

    assert travel.page_from == travel.page_to == 2
    assert embedding_text(travel, title=parsed.title).startswith("Leave and travel policy › Travel, page 2\n")


def test_it_never_crosses_a_large_heading() -> None:
    parsed = markdown("# One\n\nshort\n\n## Two\n\nshort too\n\n## Three\n\nand again\n")

    assert [one.heading for one in chunk(parsed)] == ["One", "One › Two", "One › Three"]


def test_it_joins_the_crumbs_under_small_headings() -> None:
    parsed = markdown("## Doors\n\n" + "".join(f"### Door {number}\n\nLocked.\n\n" for number in range(12)))

    assert len(chunk(parsed)) < 6
    assert all(one.heading.startswith("Doors") for one in chunk(parsed))


def test_a_list_is_not_torn_while_it_fits() -> None:
    items = "".join(f"- item number {number} of a list that belongs together\n" for number in range(18))
    chunks = chunk(markdown(f"## Packing\n\nTake these along:\n\n{items}"))

    assert len(chunks) == 1
    assert len(chunks[0].text) <= MOST


@pytest.mark.skipif(not SHARED.exists(), reason="the shared documents are not beside the project")
def test_it_cuts_eight_hundred_pages_within_a_second() -> None:
    path = SHARED / "documents" / "handbook_872p.docx"
    parsed = parse(path.read_bytes(), file_name=path.name)
    begun = time.perf_counter()
    chunks = chunk(parsed)

    assert time.perf_counter() - begun < 1
    assert max(len(one.text) for one in chunks) <= MOST


@pytest.mark.parametrize(
    "text", ["a" * 400_000, "word " * 80_000, "\u200d" * 300_000 + "x"], ids=["one", "words", "joiners"]
)
def test_a_paragraph_without_end_is_cut_piece_by_piece(text: str) -> None:
    """Whole, it would take the splitter hours: its time grows with the square of its text."""
    parsed = parse(text.encode(), file_name="rules.txt")
    whole = document_text(parsed)
    pieces = chunk(parsed)

    assert "".join("".join(one.text for one in pieces).split()) == "".join(whole.split())
    assert all(one.text == whole[one.start : one.end] for one in pieces)
