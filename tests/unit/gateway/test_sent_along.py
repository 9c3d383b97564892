"""Documents that a program sends again with each turn of a conversation."""

import base64
from typing import Any
from uuid import uuid4

import pytest

from appliance import dlp
from appliance.dlp import Category, Finding
from appliance.dlp.own.values import Lists, OwnRules, Pattern
from appliance.dlp.values import UNREADABLE_PART
from appliance.gateway.inspecting import Depth, Inspector, Need
from appliance.gateway.reading import Reading
from appliance.gateway.sent_along import Remembered, SentAlong
from appliance.kernel.computing import here

TENANT, WHOSE, RULES = uuid4(), b"ada's token", Need(Depth.RULES)
MAIL = "Write to anna.schmidt@example.org."


class Reader:
    """Reads, and counts."""

    def __init__(self) -> None:
        self.read: list[bytes] = []
        self.said: dict[bytes, str] = {}
        self.is_whole = True

    def __call__(self, content: bytes, _seconds: float) -> Reading:
        self.read.append(content)
        return Reading(self.said.get(content, MAIL), self.is_whole)


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture(scope="module")
def engine() -> dlp.Engine:
    return dlp.Engine()


@pytest.fixture
def inspector(reader: Reader, engine: dlp.Engine) -> Inspector:
    return Inspector(lambda: engine, here, reader)


def body(*documents: bytes) -> dict[str, Any]:
    said = [{"type": "file", "file": {"file_data": "data:application/pdf;base64," + base64.b64encode(one).decode()}} for one in documents]
    return {"messages": [{"role": "user", "content": said}]}


def kinds(found: list[Finding]) -> list[Category]:
    return [one.category for one in found]


def test_a_document_that_was_read_for_the_same_caller_is_neither_read_nor_kept(inspector: Inspector, reader: Reader) -> None:
    remembered, own = Remembered(), OwnRules(3)

    def looks(whose: bytes = WHOSE, need: Need = RULES, own: OwnRules = own) -> list[Category]:
        return kinds(SentAlong(body(b"%PDF-1", b"%PDF-1"), remembered, tenant_id=TENANT, whose=whose).look(inspector, need, own))

    assert [looks() for _ in range(3)] == [[Category.EMAIL]] * 3
    assert len(reader.read) == 1
    for number, other in enumerate(({"whose": b"bo's"}, {"need": Need(Depth.RULES, 0.2)}, {"need": Need(Depth.FLOOR)}, {"own": OwnRules(4)}), 2):
        looks(**other)  # type: ignore[arg-type]
        assert len(reader.read) == number, other
    said = repr([*remembered._kept.items()])
    assert "anna" not in said
    assert "%PDF" not in said


def test_what_is_remembered_of_a_document_is_what_it_holds_by_itself(inspector: Inspector, reader: Reader) -> None:
    """A key that begins in one document and ends in another would hide all that stands before its end, for an hour."""
    remembered = Remembered()
    reader.said = {b"%PDF-1": "-----BEGIN PRIVATE KEY-----", b"%PDF-2": f"{MAIL}\n-----END PRIVATE KEY-----"}

    def looks(*documents: bytes) -> list[Category]:
        return kinds(SentAlong(body(*documents), remembered, tenant_id=TENANT, whose=WHOSE).look(inspector, RULES, OwnRules()))

    assert looks(b"%PDF-1", b"%PDF-2") == [Category.PRIVATE_KEY, Category.EMAIL]
    assert looks(b"%PDF-2") == [Category.EMAIL]


def test_what_goes_on_from_one_text_into_the_next_is_found_in_both(engine: dlp.Engine) -> None:
    """What is taken out of one alone would go out with the other."""
    own = OwnRules(1, Lists(patterns=(Pattern("internal", Category.OWN, r"(?s)INTERNAL.{0,200}END"),)))
    first, second = Inspector(lambda: engine, here).find_all(["For you: INTERNAL plans", "of the board END."], RULES, own)
    assert [(one.category, one.start, one.end) for one in first] == [(Category.OWN, 9, 23)]
    assert [(one.category, one.start, one.end) for one in second] == [(Category.OWN, 0, 16)]


def test_what_was_not_read_as_a_whole_is_read_again(inspector: Inspector, reader: Reader) -> None:
    remembered, reader.is_whole = Remembered(), False
    for _ in range(2):
        found = SentAlong(body(b"%PDF-1"), remembered, tenant_id=TENANT, whose=WHOSE).look(inspector, RULES, OwnRules())
        assert found[-1] == UNREADABLE_PART
    assert len(reader.read) == 2


def test_one_request_reads_each_document_once_however_deep_it_is_looked_at(inspector: Inspector, reader: Reader) -> None:
    along = SentAlong(body(b"%PDF-1", b"%PDF-2"), Remembered(), tenant_id=TENANT, whose=WHOSE)
    assert kinds(along.look(inspector, Need(Depth.FLOOR), OwnRules())) == []
    assert kinds(along.look(inspector, RULES, OwnRules())) == [Category.EMAIL] * 2
    assert len(reader.read) == 2


def test_memory_is_bounded_and_ends_within_the_hour() -> None:
    now = [0.0]
    remembered = Remembered(most=4, now=lambda: now[0])
    one = Finding(Category.EMAIL, "email/1", 0, 5)
    for name in (b"a", b"b", b"c"):
        remembered.keep(name, [one])
    assert (remembered.find(b"a"), remembered.find(b"b")) == (None, (one,))
    now[0] = 3_601
    assert remembered.find(b"b") is None
    remembered.keep(b"d", [one] * 9)
    assert (remembered.find(b"d"), remembered._size) == (None, 0)
