"""TXT records, asked of a resolver on loopback that speaks DNS as others do."""

import socket
import threading
from collections.abc import Iterator

import dns.message
import dns.rrset
import pytest

from appliance.kernel.egress.records import Records, resolver_of


@pytest.fixture
def resolver() -> Iterator[str]:
    """A resolver that knows one name."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))
        line.settimeout(5)

        def answers() -> None:
            asked, peer = line.recvfrom(4096)
            question = dns.message.from_wire(asked)
            answer = dns.message.make_response(question)
            if str(question.question[0].name) == "_cloister-challenge.harrow.example.":
                name = question.question[0].name
                answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", '"v=spf1"', '"cloister=" "abc"'))
            line.sendto(answer.to_wire(), peer)

        thread = threading.Thread(target=answers, daemon=True)
        thread.start()
        yield f"127.0.0.1:{line.getsockname()[1]}"
        thread.join(6)


def test_it_reads_all_pieces_of_each_record(resolver: str) -> None:
    (found,) = Records([resolver]).text("_cloister-challenge.harrow.example").values()
    assert sorted(found) == ["cloister=abc", "v=spf1"]  # in no order


def test_it_finds_none_where_there_is_no_such_name(resolver: str) -> None:
    assert Records([resolver]).text("_cloister-challenge.birch.example") == {resolver.replace(":", " port "): []}


def test_it_asks_nobody_unless_somebody_is_named() -> None:
    assert Records().text("_cloister-challenge.harrow.example") == {}


@pytest.mark.parametrize("entry", ["dns.example", "10.0.0.1/24", "user@10.0.0.1", "", "10.0.0.1:x"], ids=range(5))
def test_a_resolver_is_an_address(entry: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        resolver_of(entry)
    assert resolver_of("[2001:db8::53]:5353") == ("2001:db8::53", 5353)


def test_that_nobody_answers_is_not_that_there_is_none(resolver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.kernel.egress.records._SECONDS", 0.3)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        deaf = f"127.0.0.1:{silent.getsockname()[1]}"
        assert list(Records([deaf, resolver, deaf]).text("_cloister-challenge.birch.example").values()) == [[]]
