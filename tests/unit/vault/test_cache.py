"""The cache of unwrapped keys: short, bounded, one unwrap at a time, wiped, and empty in a child."""

import threading
import time
import weakref

import pytest

from appliance.kernel import key_cache as module
from appliance.kernel.key_cache import SECONDS, KeyCache
from appliance.kernel.sealing import wipe
from tests.unit.vault.test_roots import in_child

CONTEXT = b"kek of somebody"


class Service:
    """A remote root that counts what it is asked."""

    def __init__(self, *, seconds: float = 0.0) -> None:
        self.asked = 0
        self._seconds = seconds

    def unwrap(self) -> bytearray:
        self.asked += 1
        time.sleep(self._seconds)
        return bytearray(b"k" * 32)


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def wiped(monkeypatch: pytest.MonkeyPatch) -> list[bytearray]:
    """What was wiped, as it is afterwards."""
    found: list[bytearray] = []

    def noted(key: bytearray) -> None:
        wipe(key)
        found.append(key)

    monkeypatch.setattr(module, "wipe", noted)
    return found


def test_it_asks_once_and_hands_out_copies(service: Service) -> None:
    cache = KeyCache()
    wipe(cache.get(b"wrapped", service.unwrap, context=CONTEXT))

    assert cache.get(b"wrapped", service.unwrap, context=CONTEXT) == b"k" * 32
    assert service.asked == 1
    cache.get(b"wrapped by another root", service.unwrap, context=CONTEXT)
    assert service.asked == 2


@pytest.mark.parametrize(("seconds", "kept"), [(60.0, 60.0), (10 * SECONDS, SECONDS)])
def test_it_keeps_a_key_for_a_while_never_longer_than_five_minutes(
    service: Service, wiped: list[bytearray], monkeypatch: pytest.MonkeyPatch, seconds: float, kept: float
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    cache = KeyCache(seconds=seconds)
    cache.get(b"wrapped", service.unwrap, context=CONTEXT)
    now += kept - 1
    cache.get(b"wrapped", service.unwrap, context=CONTEXT)
    assert (service.asked, wiped) == (1, [])
    now += 1
    cache.get(b"wrapped", service.unwrap, context=CONTEXT)
    assert (service.asked, wiped) == (2, [bytearray(32)])


def test_a_cache_of_no_time_keeps_nothing(service: Service) -> None:
    cache = KeyCache(seconds=0)
    for _ in range(2):
        cache.get(b"wrapped", service.unwrap, context=CONTEXT)
    assert service.asked == 2


def test_it_holds_so_many_and_wipes_the_oldest(service: Service, wiped: list[bytearray]) -> None:
    cache = KeyCache(most=2)
    for name in (b"first", b"second", b"third"):
        cache.get(name, service.unwrap, context=CONTEXT)
    assert wiped == [bytearray(32)]
    cache.get(b"third", service.unwrap, context=CONTEXT)
    cache.get(b"second", service.unwrap, context=CONTEXT)
    assert service.asked == 3
    cache.get(b"first", service.unwrap, context=CONTEXT)
    assert service.asked == 4


def test_many_who_wait_for_one_key_ask_once() -> None:
    cache, service, found = KeyCache(), Service(seconds=0.05), list[bytearray]()
    threads = [
        threading.Thread(target=lambda: found.append(cache.get(b"wrapped", service.unwrap, context=CONTEXT)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [bytearray(b"k" * 32)] * 8
    assert service.asked == 1


def test_a_refusal_leaves_nothing_behind(service: Service) -> None:
    cache = KeyCache()

    def refuses() -> bytearray:
        raise ConnectionError

    for name in (b"wrapped", b"altered", b"altered again"):
        with pytest.raises(ConnectionError):
            cache.get(name, refuses, context=CONTEXT)
    assert cache._turns == {}
    assert cache.get(b"wrapped", service.unwrap, context=CONTEXT) == b"k" * 32


def test_clearing_wipes_all_of_it(service: Service, wiped: list[bytearray]) -> None:
    cache = KeyCache()
    for name in (b"first", b"second"):
        cache.get(name, service.unwrap, context=CONTEXT)
    cache.clear()
    assert wiped == [bytearray(32)] * 2
    cache.get(b"first", service.unwrap, context=CONTEXT)
    assert service.asked == 3


def test_a_child_begins_with_nothing_though_the_parent_is_in_the_middle() -> None:
    cache, service, slow = KeyCache(), Service(), Service(seconds=0.5)
    cache.get(b"wrapped", service.unwrap, context=CONTEXT)
    busy = threading.Thread(target=lambda: cache.get(b"other", slow.unwrap, context=CONTEXT))
    busy.start()
    while not slow.asked:
        time.sleep(0.001)

    def asks_anew() -> bool:
        cache.get(b"wrapped", service.unwrap, context=CONTEXT)
        cache.get(b"other", service.unwrap, context=CONTEXT)  # whose turn a thread of the parent has
        return service.asked == 3

    assert in_child(asks_anew)
    busy.join()
    cache.get(b"wrapped", service.unwrap, context=CONTEXT)
    assert service.asked == 1  # the parent has it still


def test_a_key_is_wiped_in_time_though_nobody_asks_again(service: Service, wiped: list[bytearray]) -> None:
    cache = KeyCache(seconds=0.05)
    for name in (b"first", b"second"):
        cache.get(name, service.unwrap, context=CONTEXT)
        time.sleep(0.01)
    until = time.monotonic() + 5
    while len(wiped) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    assert wiped == [bytearray(32)] * 2


def test_a_cache_that_is_let_go_is_not_held_by_its_clock(service: Service) -> None:
    cache = KeyCache()
    cache.get(b"wrapped", service.unwrap, context=CONTEXT)
    gone = weakref.ref(cache)
    del cache
    assert gone() is None
