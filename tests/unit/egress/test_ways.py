"""How a connection is made: looked up once, judged, with TLS; and that httpx2 goes the same way."""

import socket
import ssl
import threading
import time
from pathlib import Path

import httpx2
import pytest

from appliance.kernel.egress import (
    AddressDenied,
    AnswerTimedOut,
    CallCancelled,
    Cancel,
    Egress,
    EgressDenied,
    EgressFailed,
    Outgoing,
    Timeouts,
)
from appliance.kernel.egress.errors import CertificatesUnusable, HostNotFound, PortDenied, TlsFailed
from tests.support.upstream import Authority, Talk, Upstream, polite
from tests.support.ways import SHORT, Names, own, read

EVERYWHERE = "0.0.0.0"  # noqa: S104 - refused, not bound


# ── addresses ───────────────────────────────────────────────────────────────


def test_a_name_that_is_not_allowed_is_not_looked_up() -> None:
    names = Names(["127.0.0.1"])
    egress = Egress(["api.example.org"], resolve=names)

    for url in (
        "https://other.example.org/",
        "https://api.example.org:8443/",
        "http://api.example.org/",
        "https://a@api.example.org/",
    ):
        with pytest.raises(EgressDenied):
            read(egress, url)
    assert names.asked == []


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"], ["169.254.169.254"], ["10.0.0.1"], ["100.64.0.1"], ["::1"], ["fe80::1%2"], ["fd00::1"], ["::ffff:93.184.215.14"],
        ["64:ff9b::1.1.1.1"], [EVERYWHERE], ["224.0.0.1"], ["93.184.215.14", "10.0.0.1"], ["10.0.0.1", "93.184.215.14"], ["nonsense"],
    ],
)  # fmt: skip
def test_a_public_name_at_another_address_is_not_connected_to(addresses: list[str]) -> None:
    opened: list[object] = []
    egress = Egress(["api.example.org"], resolve=Names(addresses), on_connection=lambda *place: opened.append(place))

    with pytest.raises(AddressDenied) as caught:
        read(egress, "https://api.example.org/")
    assert opened == []
    assert "api.example.org=NETWORK" in str(caught.value)


@pytest.mark.parametrize(
    "addresses", [["10.2.0.1"], ["93.184.215.14"], ["10.1.0.1", "10.2.0.1"], ["127.0.0.1"], ["169.254.169.254"]]
)
def test_a_name_of_ones_own_network_must_be_there(addresses: list[str]) -> None:
    egress = Egress(["model.internal=10.1.0.0/16"], resolve=Names(addresses))

    with pytest.raises(AddressDenied):
        read(egress, "https://model.internal/")


def test_a_name_without_addresses_is_said_to_have_none() -> None:
    def fails(host: str) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    for resolve in (Names([]), fails):
        with pytest.raises(HostNotFound):
            read(Egress(["api.example.org"], resolve=resolve), "https://api.example.org/")


def test_an_answer_that_changes_changes_nothing() -> None:
    """DNS rebinding: judged at one address, and elsewhere a moment later."""
    opened: list[tuple[str, str, int]] = []
    with Upstream() as upstream:
        names = Names(["127.0.0.1"], ["127.0.0.2"], ["169.254.169.254"])
        url = f"http://model.internal:{upstream.port}/"
        egress = Egress(
            [f"http://model.internal:{upstream.port}=127.0.0.1/32"],
            resolve=names, on_connection=lambda *place: opened.append(place),
        )  # fmt: skip

        assert read(egress, url) == b"ok"
        assert names.asked == ["model.internal"]
        assert opened == [("model.internal", "127.0.0.1", upstream.port)]
        assert read(egress, url) == b"ok"  # over the same connection
        assert len(opened) == len(names.asked) == 1
        egress.close()
        with pytest.raises(AddressDenied):
            read(egress, url)
        assert len(opened) == 1
        assert len(upstream.talks) == 1


def test_localhost_is_this_host_whatever_dns_says() -> None:
    names = Names(["93.184.215.14"])
    with Upstream() as upstream:
        egress = Egress([f"localhost:{upstream.port}"], resolve=names)
        assert read(egress, f"http://localhost:{upstream.port}/") == b"ok"
        egress.close()
    assert names.asked == []


def test_the_next_address_is_tried_where_one_is_dead() -> None:
    with Upstream() as upstream:
        egress = Egress(
            [f"http://model.internal:{upstream.port}=127.0.0.0/8"], resolve=Names(["127.0.0.9", "127.0.0.1"])
        )
        with egress.open(Outgoing("GET", f"http://model.internal:{upstream.port}/", timeouts=SHORT)) as incoming:
            assert (incoming.read(), incoming.peer.address) == (b"ok", "127.0.0.1")
        egress.close()


# ── TLS ─────────────────────────────────────────────────────────────────────


def test_it_speaks_tls_with_the_name_and_uses_the_connection_again(authority: Authority, secured: Upstream) -> None:
    before = len(secured.talks)
    egress = own(secured.port, authority)

    for _ in range(3):
        assert read(egress, f"https://model.internal:{secured.port}/") == b"ok"
    assert read(egress, f"https://127.0.0.1:{secured.port}/") == b"ok"
    assert len(secured.talks) == before + 2
    egress.close()


def test_it_believes_no_other_name_and_no_other_authority(authority: Authority, secured: Upstream) -> None:
    with pytest.raises(TlsFailed) as caught:
        read(own(secured.port, authority), f"https://other.internal:{secured.port}/")
    assert "other.internal" in str(caught.value)
    with pytest.raises(TlsFailed):
        read(own(secured.port, None), f"https://model.internal:{secured.port}/")


def test_it_speaks_no_tls_with_a_server_that_does_not(authority: Authority) -> None:
    with Upstream(lambda talk: talk.say("SSH-2.0-OpenSSH\r\n")) as upstream, pytest.raises(TlsFailed):
        read(own(upstream.port, authority), f"https://model.internal:{upstream.port}/")


def test_it_waits_for_no_handshake_and_can_be_cancelled_in_it(authority: Authority) -> None:
    over = threading.Event()
    with Upstream(lambda _: over.wait(3)) as upstream:
        egress, url = own(upstream.port, authority), f"https://model.internal:{upstream.port}/"
        with pytest.raises(AnswerTimedOut) as caught:
            read(egress, url)
        assert caught.value.facts["stage"] == "connecting"
        cancel = Cancel()
        timer = threading.Timer(0.1, cancel.now)
        timer.start()
        with pytest.raises(CallCancelled):
            egress.open(Outgoing("GET", url, timeouts=Timeouts()), cancel=cancel)
        over.set()
        timer.join()


def test_a_stream_over_tls_is_cancelled_at_once(authority: Authority) -> None:
    cut = threading.Event()

    def serve(talk: Talk) -> None:
        talk.request()
        talk.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        if talk.is_cut():
            cut.set()

    with Upstream(serve, tls=authority.server("model.internal")) as upstream:
        egress = own(upstream.port, authority)
        incoming = egress.open(Outgoing("GET", f"https://model.internal:{upstream.port}/"))
        timer = threading.Timer(0.1, incoming.close)
        timer.start()
        came: list[bytes] = []
        began = time.monotonic()
        with pytest.raises(CallCancelled):
            came.extend(incoming)
        assert time.monotonic() - began < 1
        assert cut.wait(1)
        timer.join()
    assert came == [b"hello"]


def test_it_shows_its_certificate_to_the_host_it_was_named_for_alone(authority: Authority, tmp_path: Path) -> None:
    mine = authority.issued("cloister.internal")
    tls = authority.server("model.internal", "other.internal", asks=True)
    shown: list[object] = []

    def serve(talk: Talk) -> None:
        assert isinstance(talk.sock, ssl.SSLSocket)
        shown.append((talk.sock.getpeercert() or {}).get("subject"))
        polite(talk)

    with Upstream(serve, tls=tls) as upstream:
        egress = own(upstream.port, authority, client_certificates=[f"model.internal:{upstream.port}={mine}"])
        assert read(egress, f"https://model.internal:{upstream.port}/") == b"ok"
        with pytest.raises(EgressFailed):  # with TLS 1.3 the server refuses after the handshake
            read(egress, f"https://other.internal:{upstream.port}/")
        egress.close()
    assert shown == [((("commonName", "cloister.internal"),),)]


def test_a_certificate_whose_key_others_can_read_is_not_used(authority: Authority, tmp_path: Path) -> None:
    loose = tmp_path / "loose.pem"
    loose.write_bytes(authority.issued("loose.internal").read_bytes())
    loose.chmod(0o440)
    alone = tmp_path / "alone.pem"
    alone.write_bytes(authority.file.read_bytes())
    alone.chmod(0o400)
    for path, word in ((loose, "0400"), (alone, "key"), (tmp_path / "absent.pem", "No such file")):
        with pytest.raises(CertificatesUnusable, match=word):
            own(443, authority, client_certificates=[f"model.internal={path}"])
    with pytest.raises(CertificatesUnusable):
        Egress(ca_bundle=tmp_path / "absent.pem")


# ── httpx2 ──────────────────────────────────────────────────────────────────


def test_the_client_goes_the_same_way(authority: Authority, secured: Upstream) -> None:
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    egress = Egress([f"model.internal:{secured.port}=127.0.0.0/8"], ca_bundle=authority.file, resolve=names)
    with egress.client() as client:
        answer = client.post(f"https://model.internal:{secured.port}/", json={"a": 1})
        assert (answer.status_code, answer.json()) == (200, {"a": 1})
        egress.close()
        with pytest.raises(AddressDenied):
            client.get(f"https://model.internal:{secured.port}/")
        with pytest.raises(PortDenied):
            client.get("https://model.internal/")
        with pytest.raises(EgressDenied):
            client.get(f"https://model.internal@127.0.0.1:{secured.port}/")


def test_the_client_streams_and_unpacks_nothing() -> None:
    def serve(talk: Talk) -> None:
        head, _ = talk.request()
        if b" /packed " in head:
            talk.answer(b"\x1f\x8b", headers="Content-Encoding: gzip\r\n")
        else:
            talk.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")

    with Upstream(serve) as upstream, Egress(["127.0.0.1:*"]).client() as client:
        with client.stream("GET", upstream.url) as answer:
            assert list(answer.iter_bytes()) == [b"hello"]
        with pytest.raises(httpx2.RemoteProtocolError):
            client.get(f"{upstream.url}packed")


def test_the_clients_errors_are_those_its_callers_know() -> None:
    over = threading.Event()

    def serve(talk: Talk) -> None:
        head, _ = talk.request()
        if b" /half " in head:
            talk.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        elif b" /slow " in head:
            over.wait(2)

    with Upstream(serve) as upstream, Egress(["127.0.0.1:*"]).client(timeout_seconds=0.2) as client:
        with pytest.raises(httpx2.RemoteProtocolError):
            client.get(f"{upstream.url}half")
        with pytest.raises(httpx2.ReadTimeout):
            client.get(f"{upstream.url}slow")
        with pytest.raises(httpx2.ConnectError):
            client.get("http://127.0.0.1:9/")
        with pytest.raises(httpx2.LocalProtocolError):
            client.get(upstream.url, headers={"X-A": "b\r\nX-C: d"})
        over.set()
