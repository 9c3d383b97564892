"""Documents that a program sends again with each turn of a conversation."""

import base64
from typing import Any
from uuid import uuid4

import pytest

from appliance import dlp
from appliance.dlp import Category, Finding
from appliance.dlp.own.values import OwnRules
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
        self.is_whole = True

    def __call__(self, content: bytes, _seconds: float) -> Reading:
        self.read.append(content)
        return Reading(MAIL, self.is_whole)


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
