"""A day of the whole product in a network where every packet is heard: none leaves for a host that is not on the list."""

import json
from pathlib import Path

import pytest

from tests.journeys.packets_of_a_day import LISTED
from tests.support.packets import NAME_SERVER, can_separate, separate


@pytest.mark.skipif(not can_separate(), reason="a network of one's own needs root, unshare and ip")
def test_no_packet_leaves_for_a_host_that_is_not_on_the_list(tmp_path: Path) -> None:
    ended = separate("tests.journeys.packets_of_a_day", str(tmp_path), seconds=300)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-6000:]
    told = json.loads(ended.stdout.strip().rpartition("\n")[2])

    assert "203.0.113.77" in told["proof"]["addresses"], "the ear is deaf"
    assert "blind.example" in told["proof"]["names"], "the ear is deaf to names"
    assert set(told["addresses"]) <= {"127.0.0.1", "::1", NAME_SERVER}
    assert set(told["names"]) <= {LISTED}, "a name that is not on the list was asked for"
    assert {(to, port) for to, port, _ in told["datagrams"]} <= {(NAME_SERVER, 53)}
    called, siem, witness = (f"127.0.0.1:{told[one]}" for one in ("provider", "siem", "witness"))
    opened = {f"{to}:{port}": count for to, port, count in told["connections"]}
    ports = {f"127.0.0.1:{told[port]}" for port in ("product", "gateway")}
    assert ports < set(opened) <= {called, siem, witness} | ports, "a connection that nobody knows"
    assert told["hosts"][called] == told["asked"] == 12
    assert 1 <= opened[called] <= 12, "each connection has a record"
    assert 1 <= opened[siem] <= told["letters"], "no connection to the stream's peer without entries of the log"
    assert told["sent"] >= 1
    assert told["failures"] == 0
    assert opened[witness] >= 1
    assert told["signed"] >= 1, "what the witness was shown is on record with its signature"
