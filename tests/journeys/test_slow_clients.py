"""Clients that are slow on purpose take nobody's place."""

import contextlib
import socket
import time
from collections.abc import Iterator

import httpx2
import pytest

from appliance import slow_clients
from tests.support.product import Product

THREADS = 2
HEAD = b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with Product(tmp_path_factory.mktemp("slow") / "data", web_threads=str(THREADS)) as running:
        yield running


@contextlib.contextmanager
def connected(product: Product, first: bytes, count: int = 40) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(socket.create_connection(("127.0.0.1", product.port))) for _ in range(count)]
        for one in found:
            one.sendall(first)
        time.sleep(0.5)
        yield found


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(b"", id="says nothing"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: localh", id="half a head"),
        pytest.param(HEAD + b"Content-Length: 900\r\n\r\nemail=", id="half a form"),
        pytest.param(HEAD + b"Content-Length: 300000000\r\n\r\nemail=", id="a form too large"),
        pytest.param(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\nGET / HT", id="half of a second request"),
    ],
)
def test_pages_come_while_others_dawdle(product: Product, first: bytes) -> None:
    with connected(product, first):
        for _ in range(3):
            assert httpx2.get(f"{product.address}/livez", timeout=4).status_code == 200


def test_a_dawdler_is_hung_up_on(product: Product) -> None:
    with connected(product, b"GET / HTTP/1.1\r\nHost: localh", count=1) as (one,):
        one.settimeout(slow_clients.HEAD_SECONDS + 5)
        assert one.recv(1) == b""


def test_requests_in_one_packet_are_answered_in_order(product: Product) -> None:
    two = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    with connected(product, two, count=1) as (one,):
        one.settimeout(5)
        received = b""
        while data := one.recv(65_536):
            received += data
    first, second = received.index(b"HTTP/1.1 200"), received.index(b"HTTP/1.1 404")
    assert first < second


def test_a_form_in_pieces_arrives_whole(product: Product) -> None:
    with connected(product, HEAD + b"Content-Length: 11\r\nConnection: close\r\n\r\nemail", count=1) as (one,):
        one.sendall(b"=a%40bc")
        one.settimeout(5)
        assert one.recv(65_536).startswith(b"HTTP/1.1 403"), "the form is not ours, and was read"


def test_a_large_body_comes_through(product: Product) -> None:
    answer = httpx2.post(f"{product.address}/sign-in", data={"email": "x" * 300_000}, timeout=10)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "asked",
    [
        b"GET /?q=sk-live-4711 HTTP/1.1 and more\r\n\r\n",
        b"GET / HTTP/1.1\r\nAuthorization Bearer sk-live-4711\r\n\r\n",
        b"GET / HTTP/1.1\r\nsk-live-4711(: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: sk-live-4711\r\n\r\n",
        b"sk-live-4711 / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_request_is_repeated_neither_in_the_log_nor_in_the_answer(product: Product, asked: bytes) -> None:
    """A key that a program sent without its colon is a key all the same."""
    before = len(product.output)
    with connected(product, asked, count=1) as (one,):
        one.settimeout(5)
        answer = b""
        while data := one.recv(65_536):
            answer += data
    assert answer.split(b" ", 2)[1] in {b"400", b"501"}
    assert b"4711" not in answer
    said = "".join(product.output[before:])
    assert "is no request" in said
    assert "4711" not in said
