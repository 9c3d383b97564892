"""Who reads documents when several organisations send them."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from uuid import UUID, uuid4

import pytest

from appliance.gateway.parts import Part
from appliance.gateway.reading import Reading, read_all
from appliance.gateway.turns import Turns

ADA, BO, CY = uuid4(), uuid4(), uuid4()


def soon() -> float:
    return time.monotonic() + 5


def now() -> float:
    return time.monotonic()


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_an_organisation_that_sends_documents_without_end_leaves_a_place_to_the_others(held: ExitStack) -> None:
    turns = Turns()
    assert [held.enter_context(turns.turn(one, now())) for one in (ADA, ADA, ADA, BO, BO, CY)] == [True, True, False, True, False, False]


def test_of_those_who_wait_whoever_reads_least_comes_next(held: ExitStack) -> None:
    turns, came = Turns(), list[UUID]()
    ada, bo = ExitStack(), ExitStack()
    for one, stack in ((ADA, ada), (ADA, held), (BO, bo)):
        assert stack.enter_context(turns.turn(one, now()))

    def waits(whose: UUID) -> None:
        with turns.turn(whose, soon()) as is_its:
            came.append(whose)
            assert is_its

    waiting = [threading.Thread(target=waits, args=(one,)) for one in (ADA, BO, CY)]
    for number, thread in enumerate(waiting, 1):
        thread.start()
        while len(turns._waiting) < number:
            time.sleep(0.001)
    bo.close()  # Ada has two, and waits
    ada.close()
    for thread in waiting:
        thread.join()
    assert came[0] in {BO, CY}
    assert turns._held.total() == 1


def test_who_gets_no_turn_has_read_nothing_and_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns(at_once=2, each=1)
    monkeypatch.setattr("appliance.gateway.reading._turns", turns)
    monkeypatch.setattr("appliance.gateway.reading.SECONDS", 0.01)
    part, said = Part(b"%PDF"), Reading("said", is_whole=True)
    with turns.turn(ADA, now()):
        assert read_all([part], lambda *_: said, ADA) == [Reading()]
        assert read_all([part], lambda *_: said, BO) == [said]
    assert read_all([part], lambda *_: said, ADA) == [said]
