"""A stream is taken for sent when the peer has read all of it, and at no other time."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.kernel.egress import AnswerBroken, Egress, EgressDenied, EgressFailed, OutgoingMalformed, Timeouts
from tests.support.upstream import Authority

TIMES = Timeouts(connect=5, write=5, first_byte=2, between=2, whole=10)
Serve = Callable[[ssl.SSLSocket], None]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.founded(tmp_path_factory.mktemp("authority"))


@contextlib.contextmanager
def served(authority: Authority, serve: Serve) -> Iterator[tuple[Egress, str]]:
    listening = socket.create_server(("127.0.0.1", 0))
    context = authority.server("127.0.0.1")

    def run() -> None:
        with contextlib.suppress(OSError):
            plain, _ = listening.accept()
            with context.wrap_socket(plain, server_side=True) as sock:
                serve(sock)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    port = listening.getsockname()[1]
    egress = Egress([f"127.0.0.1:{port}"], ca_bundle=authority.file)
    try:
        yield egress, f"tls://127.0.0.1:{port}"
    finally:
        listening.close()
        thread.join(5)


def reads_all(arrived: list[bytes]) -> Serve:
    def serve(sock: ssl.SSLSocket) -> None:
        while piece := sock.recv(65_536):
            arrived.append(piece)
        sock.unwrap().close()

    return serve


def farewell(sock: ssl.SSLSocket) -> None:
    with contextlib.suppress(OSError):
        sock.settimeout(0.01)
        sock.unwrap()


def farewell_after_a_piece(sock: ssl.SSLSocket) -> None:
    sock.recv(100)
    farewell(sock)


def hangs_up_without_a_farewell(sock: ssl.SSLSocket) -> None:
    while sock.recv(65_536):
        pass
    sock.close()


def hangs_up_at_once(sock: ssl.SSLSocket) -> None:
    sock.close()


def void(_: object) -> None:
    return None


def speaks(sock: ssl.SSLSocket) -> None:
    sock.sendall(b"hello")
    with contextlib.suppress(OSError):
        sock.recv(1)


def test_it_returns_once_the_peer_has_read_everything(authority: Authority) -> None:
    arrived: list[bytes] = []
    content = b"entry" * 400_000
    with served(authority, reads_all(arrived)) as (egress, url):
        egress.send_stream(url, content, TIMES)
        assert b"".join(arrived) == content


@pytest.mark.parametrize(
    "serve", [farewell, farewell_after_a_piece, hangs_up_without_a_farewell, hangs_up_at_once, speaks]
)
@pytest.mark.parametrize("size", [10, 3_000_000])
def test_a_peer_that_ends_in_any_other_way_has_confirmed_nothing(authority: Authority, serve: Serve, size: int) -> None:
    with served(authority, serve) as (egress, url), pytest.raises(AnswerBroken, match="not confirmed"):
        egress.send_stream(url, b"x" * size, TIMES)


def test_a_peer_that_reads_nothing_more_is_waited_for_only_so_long(authority: Authority) -> None:
    over = threading.Event()
    with served(authority, lambda _: void(over.wait(5))) as (egress, url):
        with pytest.raises(EgressFailed):
            egress.send_stream(url, b"x", Timeouts(connect=5, write=1, first_byte=0.3, between=1, whole=3))
        over.set()


def test_it_goes_where_the_list_allows_and_over_tls_alone(tmp_path: Path) -> None:
    egress = Egress(["siem.example.org:6514"])

    egress.check("tls://siem.example.org:6514")
    with pytest.raises(EgressDenied):
        egress.check("tls://siem.example.org:6515")
    with pytest.raises(EgressDenied):
        egress.check("tls://elsewhere.example.org:6514")
    for odd in ("tls://siem.example.org:6514/path", "tls://a@siem.example.org:6514", "tcp://siem.example.org:6514"):
        with pytest.raises((EgressDenied, OutgoingMalformed)):
            egress.send_stream(odd, b"", TIMES)
