"""What may be called is decided from the URL's text alone; a URL that can be read in two ways is not read at all."""

import pytest

from appliance.kernel.egress import AllowListInvalid, Egress, EgressDenied
from appliance.kernel.egress.addresses import is_public
from appliance.kernel.egress.errors import PlainDenied, PortDenied, UrlDenied
from appliance.kernel.egress.targets import target_of

EVERYWHERE = "0.0.0.0"  # noqa: S104 - refused, not bound
NAMED = [
    "api.example.org", "alt.example.org:8443", "any.example.org:*", "vllm.internal:8000=10.1.0.0/16", "10.1.2.3:8000",
    "http://plain.internal:8000=10.0.0.0/8", "127.0.0.1:8000", "localhost:11434", "[fd00::7]:8000", "xn--mnchen-3ya.example",
    "93.184.215.14", "http://169.254.169.254", "_x.my_vllm:8000=fd00::/8",
]  # fmt: skip


def lookup(host: str) -> list[str]:
    pytest.fail(f"{host} was looked up")


@pytest.fixture(scope="module")
def egress() -> Egress:
    return Egress(NAMED, resolve=lookup)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.org/v1?x=%20#"[:-1], "https://API.Example.ORG:443", "https://alt.example.org:8443/",
        "https://any.example.org:1/", "https://any.example.org/", "https://vllm.internal:8000/v1", "https://10.1.2.3:8000/",
        "http://plain.internal:8000/", "http://127.0.0.1:8000/", "https://127.0.0.1:8000/", "http://localhost:11434/api",
        "https://[fd00::7]:8000/", "https://xn--mnchen-3ya.example/", "https://93.184.215.14/", "http://169.254.169.254/latest",
        "HTTPS://api.example.org/", "https://_x.my_vllm:8000/", "https://api.example.org?model=x",
    ],
)  # fmt: skip
def test_it_lets_through_what_was_named(egress: Egress, url: str) -> None:
    egress.check(url)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("https://other.example.org/", EgressDenied),
        ("https://api.example.org.evil.example/", EgressDenied),
        ("https://evil-api.example.org/", EgressDenied),
        ("https://sub.api.example.org/", EgressDenied),
        ("https://example.org/", EgressDenied),
        ("https://10.1.2.4:8000/", EgressDenied),
        ("https://[fd00::8]:8000/", EgressDenied),
        ("https://xn--exmple-cua.org/", EgressDenied),
        ("https://api.example.org:8443/", PortDenied),
        ("https://alt.example.org/", PortDenied),
        ("https://vllm.internal/", PortDenied),
        ("http://127.0.0.1/", PortDenied),
        ("http://localhost/", PortDenied),
        ("http://api.example.org/", PlainDenied),
        ("http://any.example.org:443/", PlainDenied),
        ("http://vllm.internal:8000/", PlainDenied),
        ("http://10.1.2.3:8000/", PlainDenied),
        ("https://plain.internal:8000/", PlainDenied),
    ],
)
def test_it_refuses_what_was_not_named(egress: Egress, url: str, error: type[EgressDenied]) -> None:
    with pytest.raises(EgressDenied) as caught:
        egress.check(url)

    assert type(caught.value) is error
    assert "APPLIANCE_EGRESS_ALLOW" in str(caught.value)


ODD_HOSTS = [
    # IPv4 in other clothes
    "2130706433", "127.1", "127.0.1", "0x7f.0.0.1", "0x7f000001", "0177.0.0.1", "017700000001", "127.0.0.01", "127.0.0.0x1",
    "0x7f.1", "0x", "127.0.0.1.", "1.2.3.4.5", "256.1.1.1", "127.000.000.001", "0", "api.example.org.0x10", "１２７.0.0.1",
    "127。0。0。1", "127.0.0.1%00", "127.0.0.1%2f", EVERYWHERE, "255.255.255.255", "224.0.0.1", "240.0.0.1", "0.1.2.3",
    # IPv6: mapped, translated, tunnelled, zoned, unspecified, multicast, oddly written
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[::7f00:1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[::ffff:0:7f00:1]", "[::]", "[ff02::1]", "[fe80::1%25eth0]", "[fe80::1%eth0]",
    "[0:0:0:0:0:0:0:1]", "[::0001]", "[FD00::07]", "[fd00::7", "fd00::7]", "fd00::7", "[fd00::7]x", "[[::1]]", "[v1.fe80::a]",
    "[127.0.0.1]", "[]", "[::1]evil.example",
    # names
    "api.example.org.", ".api.example.org", "api..example.org", "", "-api.example.org", "api-.example.org",
    "api.exаmple.org", "аpi.example.org", "api。example。org", "ａpi.example.org", "ⓐpi.example.org", "api.example.org\u200b",
    "api%2eexample.org", "api.example.org%00.evil.example", "api.example.org,evil.example", "*.example.org",
    "a" * 64 + ".example.org", "a." * 130 + "org", "api!example.org", "api.example.org;x", "api example.org",
    # users, and ports
    "user@api.example.org", "user:password@api.example.org", "api.example.org@evil.example", "@api.example.org", "a@b@api.example.org",
    "api.example.org:", "api.example.org:0", "api.example.org:65536", "api.example.org:0443", "api.example.org:+443",
    "api.example.org:443:443", "api.example.org:99999999999999", "api.example.org:４４３", "api.example.org:http", "api.example.org: 443",
]  # fmt: skip


@pytest.mark.parametrize("host", ODD_HOSTS)
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_it_refuses_odd_notations(egress: Egress, scheme: str, host: str) -> None:
    with pytest.raises(UrlDenied):
        egress.check(f"{scheme}://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        "", "api.example.org", "//api.example.org/", "ftp://api.example.org/", "file:///etc/passwd", "gopher://127.0.0.1:8000/",
        "https:/api.example.org", "https:api.example.org", "https:///api.example.org", "https://", "https://api.example.org/#x",
        "https://api.example.org#@evil.example/", "https://api.example.org\\@evil.example/", "https://evil.example\\.api.example.org/",
        " https://api.example.org/", "https://api.example.org/ ", "https://api.example.org/a b", "https://api.example.org/\r\nHost: x",
        "https://api.example.org/\tx", "https://api.example.org/\x00", "https://api.example.org/ü", "ht\ntps://api.example.org/",
        "https://api.example.org/" + "x" * 8192, "javascript:alert(1)", "unix:///run/docker.sock", "https+unix://x/",
        "https://api.example.org/\x7f",
    ],
)  # fmt: skip
def test_it_refuses_odd_urls(egress: Egress, url: str) -> None:
    with pytest.raises(UrlDenied):
        egress.check(url)


def test_it_reads_a_url_as_what_is_sent() -> None:
    target = target_of("https://API.example.org:8443?a=/b")

    assert (target.host, target.port, target.path, target.authority) == (
        "api.example.org", 8443, "/?a=/b", "api.example.org:8443",
    )  # fmt: skip


@pytest.mark.parametrize(
    "entry",
    [
        "", "*", "*.example.org", "api.*.org", "https://api.example.org/v1", "http://api.example.org", "http://93.184.215.14",
        "http://any.example.org:*", "ftp://api.example.org", "user:hunter2@api.example.org", "api.example.org:0",
        "api.example.org:80:*", "api.example.org.", "münchen.example", "127.1", "2130706433", EVERYWHERE, "[::]", "[::ffff:a00:1]",
        "fd00::7", "10.0.0.0/8", "a.internal=", "a.internal=10.1.2.3/8", "a.internal=0.0.0.0/0", "a.internal=::/0",
        "a.internal=8.0.0.0/7", "a.internal=nonsense", "a.internal=224.0.0.0/8", "a.internal=64:ff9b::/96", "a.internal=::/96",
        "10.1.2.3=10.0.0.0/8", "localhost=10.0.0.0/8", "http://a.internal=93.0.0.0/8", "a.internal=10.0.0.0/8=x", "a b", "[ff02::1]",
        "http://a.internal=2a00::/16",
    ],
)  # fmt: skip
def test_it_refuses_an_entry_that_names_nothing(entry: str) -> None:
    with pytest.raises(AllowListInvalid) as caught:
        Egress([entry])

    assert "hunter2" not in str(caught.value)


def test_it_names_all_faulty_entries_at_once() -> None:
    with pytest.raises(AllowListInvalid) as caught:
        Egress(["api.example.org", "*.example.org", "127.1"])

    assert [fault.split(":")[0] for fault in caught.value.faults] == ["*.example.org", "127.1"]


@pytest.mark.parametrize("entry", ["a.internal=10.1.0.0/16", "a.internal=[fd00::]/8", "a.internal=fd00::/8"])
def test_a_network_is_written_as_people_write_it(entry: str) -> None:
    if "[" in entry:
        with pytest.raises(AllowListInvalid):
            Egress([entry])
    else:
        Egress([entry]).check("https://a.internal/")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("1.1.1.1", True), ("93.184.215.14", True), ("172.32.0.1", True), ("100.128.0.1", True), ("192.0.1.1", True),
        ("2606:4700::1111", True), ("2a00:1450::1", True), ("2001:200::1", True),
        ("10.0.0.1", False), ("172.16.0.1", False), ("172.31.255.255", False), ("192.168.1.1", False), ("127.0.0.1", False),
        ("127.255.255.254", False), ("169.254.169.254", False), ("100.64.0.1", False), ("100.127.255.255", False),
        (EVERYWHERE, False), ("0.1.2.3", False), ("224.0.0.1", False), ("239.255.255.255", False), ("240.0.0.1", False),
        ("255.255.255.255", False), ("192.0.0.1", False), ("192.0.2.1", False), ("198.18.0.1", False), ("198.51.100.1", False),
        ("203.0.113.1", False), ("192.88.99.1", False),
        ("::", False), ("::1", False), ("fe80::1", False), ("fe80::1%eth0", False), ("fc00::1", False), ("fd12::1", False),
        ("fec0::1", False), ("ff02::1", False), ("::ffff:1.1.1.1", False), ("::ffff:10.0.0.1", False), ("::1.1.1.1", False),
        ("64:ff9b::101:101", False), ("64:ff9b:1::1", False), ("2002:101:101::1", False), ("2001::1", False), ("2001:db8::1", False),
        ("2001:10::1", False), ("3fff::1", False), ("5f00::1", False), ("100::1", False), ("4000::1", False),
        ("::ffff:0:101:101", False),
    ],
)  # fmt: skip
def test_it_knows_which_addresses_are_on_the_internet(address: str, public: bool) -> None:
    import ipaddress

    assert is_public(ipaddress.ip_address(address)) is public
