"""Work done together: who shares a lot, and whom a failure reaches."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from appliance.kernel.batches import Batches
from appliance.kernel.errors import Refusal

HERE = "here"


class Away(Refusal):
    """It is away."""

    code = "away"


class Work:
    """Doubles numbers. The first lot waits until the test lets it go on."""

    def __init__(self) -> None:
        self.lots: list[list[int]] = []
        self.has_begun, self.may_go_on = threading.Event(), threading.Event()

    def __call__(self, _key: str, numbers: Sequence[int]) -> list[int | Exception]:
        self.lots.append(list(numbers))
        if not self.has_begun.is_set():
            self.has_begun.set()
            assert self.may_go_on.wait(5)
        if -1 in numbers:
            raise Away
        if 13 in numbers:
            raise ZeroDivisionError
        return [LookupError(number) if number == 7 else 2 * number for number in numbers]


def together(work: Work, *numbers: int) -> list[int | Exception]:
    """Ask for 0, and for the numbers while that is under way; return what came of the numbers."""
    batches: Batches[str, int, int] = Batches(work)

    def ask(number: int) -> int | Exception:
        try:
            return batches.do(HERE, number)
        except Exception as error:  # noqa: BLE001 - it is the outcome
            return error

    with ThreadPoolExecutor(len(numbers) + 1) as threads:
        first = threads.submit(ask, 0)
        assert work.has_begun.wait(5)
        others = [threads.submit(ask, number) for number in numbers]
        while len(batches._queues[HERE].waiting) < len(numbers):
            pass
        work.may_go_on.set()
        assert first.result(5) == 0
        found = [one.result(5) for one in others]
    assert batches._queues == {}
    return found


def test_those_who_come_while_others_are_served_are_the_next_lot() -> None:
    work = Work()

    assert sorted(together(work, *range(1, 6)), key=str) == [10, 2, 4, 6, 8]
    assert [sorted(lot) for lot in work.lots] == [[0], [1, 2, 3, 4, 5]]


def test_what_one_is_told_the_others_are_not() -> None:
    one, *others = together(Work(), 7, 1, 2)

    assert isinstance(one, LookupError)
    assert others == [2, 4]


def test_what_one_spoils_it_spoils_for_itself() -> None:
    work = Work()
    one, *others = together(work, 13, 1, 2)

    assert isinstance(one, ZeroDivisionError)
    assert others == [2, 4]


def test_a_refusal_of_the_whole_is_everybodys_and_asked_once() -> None:
    work = Work()
    found = together(work, -1, 1, 2)

    assert all(isinstance(one, Away) for one in found)
    assert len(work.lots) == 2


def test_one_alone_waits_for_nobody() -> None:
    work = Work()
    work.may_go_on.set()
    batches: Batches[str, int, int] = Batches(work)

    assert [batches.do(HERE, 1), batches.do("there", 2)] == [2, 4]
    with pytest.raises(LookupError):
        batches.do(HERE, 7)


def test_whoever_is_stopped_leaves_nobody_waiting() -> None:
    has_begun, may_go_on = threading.Event(), threading.Event()

    def work(_key: str, numbers: Sequence[int]) -> list[int | Exception]:
        if not has_begun.is_set():
            has_begun.set()
            assert may_go_on.wait(5)
            raise SystemExit
        return list(numbers)

    batches: Batches[str, int, int] = Batches(work)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(batches.do, HERE, 1)
        assert has_begun.wait(5)
        second = threads.submit(batches.do, HERE, 2)
        while not batches._queues[HERE].waiting:
            pass
        may_go_on.set()
        with pytest.raises(SystemExit):
            first.result(5)
        assert second.result(5) == 2
