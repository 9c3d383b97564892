"""Calls through a proxy: it is told where to, looks the name up, and is nobody else."""

import socket
import threading
from pathlib import Path

import pytest

from appliance.kernel.egress import AnswerTimedOut, Egress, EgressDenied
from appliance.kernel.egress.errors import ProxyFailed, TlsFailed
from tests.support.upstream import Authority, Talk, Upstream, polite, pump
from tests.support.ways import Names, read


class Proxy(Upstream):
    """A CONNECT proxy that reaches one port of this host, whatever is asked for."""

    def __init__(self, to: int, *, password: bytes | None = None, answer: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> None:
        super().__init__(self._connect)
        self._to, self._password, self._answer = to, password, answer
        self.heads: list[bytes] = []

    def _connect(self, talk: Talk) -> None:
        head, _ = talk.request()
        self.heads.append(head)
        if self._password is not None and b"Proxy-Authorization: Basic " + self._password not in head:
            talk.say(
                "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
            )
            return
        talk.say(self._answer)
        if b" 200 " not in self._answer:
            return
        with socket.create_connection(("127.0.0.1", self._to)) as far:
            back = threading.Thread(target=pump, args=(far, talk.sock), daemon=True)
            back.start()
            pump(talk.sock, far)
            back.join(5)


def test_it_goes_through_the_proxy_and_lets_it_look_up(authority: Authority, tmp_path: Path) -> None:
    names = Names(["10.9.9.9"])
    credentials = tmp_path / "proxy"
    credentials.write_text("ada:hunter2\n")
    credentials.chmod(0o400)
    opened: list[tuple[str, str, int]] = []
    with Upstream(polite, tls=authority.server("api.example.org")) as upstream, Proxy(
        upstream.port, password=b"YWRhOmh1bnRlcjI="
    ) as proxy:  # fmt: skip
        egress = Egress(
            ["api.example.org"], ca_bundle=authority.file, proxy=f"http://127.0.0.1:{proxy.port}", proxy_credentials=credentials,
            resolve=names, on_connection=lambda *place: opened.append(place),
        )  # fmt: skip
        assert read(egress, "https://api.example.org/v1") == b"ok"
        assert read(egress, "https://api.example.org/v1") == b"ok"
        egress.close()

        assert [head.split(b"\r\n")[:2] for head in proxy.heads] == [
            [b"CONNECT api.example.org:443 HTTP/1.1", b"Host: api.example.org:443"]
        ]
        assert names.asked == []
        assert opened == [("api.example.org", "127.0.0.1", proxy.port)]

        credentials.chmod(0o444)
        with pytest.raises(ProxyFailed, match="0400"):
            read(egress, "https://api.example.org/v1")
        credentials.chmod(0o600)
        credentials.write_text("ada:wrong")
        with pytest.raises(ProxyFailed, match="user and password") as caught:
            read(egress, "https://api.example.org/v1")
        assert "wrong" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 403 Forbidden\r\n\r\n", b"HTTP/1.1 302 Found\r\nLocation: http://x/\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nsmuggled",
        b"nonsense\r\n\r\n", b"",
    ],
)  # fmt: skip
def test_what_a_proxy_says_instead_is_not_an_answer(authority: Authority, answer: bytes) -> None:
    with Proxy(9, answer=answer) as proxy:
        egress = Egress(["api.example.org"], proxy=f"http://127.0.0.1:{proxy.port}")
        with pytest.raises((ProxyFailed, AnswerTimedOut)):
            read(egress, "https://api.example.org/")


def test_a_proxy_cannot_pose_as_the_host(authority: Authority) -> None:
    with Upstream(polite, tls=authority.server("evil.example")) as upstream, Proxy(upstream.port) as proxy:
        egress = Egress(["api.example.org"], ca_bundle=authority.file, proxy=f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(TlsFailed):
            read(egress, "https://api.example.org/")


def test_ones_own_hosts_are_called_without_the_proxy_and_others_not_at_all(authority: Authority) -> None:
    with Upstream() as upstream, Proxy(upstream.port) as proxy:
        egress = Egress(
            [f"http://model.internal:{upstream.port}=127.0.0.0/8", "api.example.org"],
            proxy=f"http://127.0.0.1:{proxy.port}", resolve=Names(["127.0.0.1"]),
        )  # fmt: skip
        assert read(egress, f"http://model.internal:{upstream.port}/") == b"ok"
        for url in ("https://other.example.org/", "https://api.example.org:8443/"):
            with pytest.raises(EgressDenied):
                read(egress, url)
        egress.close()
        assert proxy.heads == []


@pytest.mark.parametrize(
    "proxy",
    [
        "http://ada:hunter2@proxy:3128",
        "https://proxy:3128",
        "proxy:3128",
        "http://proxy",
        "socks5://p:1",
        "http://127.1:3128",
    ],
)
def test_a_proxy_that_is_none_is_refused_without_its_password(proxy: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        Egress(proxy=proxy)
    assert "hunter2" not in str(caught.value)
