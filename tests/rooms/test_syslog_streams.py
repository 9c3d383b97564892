"""The log arrives complete at a real rsyslog over mutual TLS, also when the line is cut in the middle."""

import contextlib
import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from appliance import audit
from appliance.audit import Event
from appliance.audit.inbox import NewEntry
from appliance.audit.sinks import Sink, SinkForm, SinkKind, get_sink
from tests.support.house import House, Member, Server
from tests.support.streams import delivers, stream_of, streams
from tests.support.upstream import Authority
from tests.support.watchers import CLIENT, CutLine, Rsyslog, rsyslog

_numbers = itertools.count()


@dataclass
class Watched:
    house: House
    ada: Member
    syslog: Rsyslog
    line: CutLine

    def adds(self, kind: SinkKind = SinkKind.SYSLOG) -> Sink:
        form = SinkForm("SIEM", kind, f"tls://127.0.0.1:{self.line.port}", is_whole=True)
        return streams(self.ada, form)

    def records(self, count: int) -> None:
        with self.house.app.db.tenant(self.ada.tenant_id) as tx:
            audit.record_all(tx, (NewEntry(self.ada.caller.actor, Event.PROFILE_CHANGED) for _ in range(count)))

    @property
    def lines(self) -> list[str]:
        """What arrived of this organisation."""
        return [line for line in self.syslog.lines if str(self.ada.tenant_id) in line]

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line[line.index("{") :]) for line in self.lines]

    def has(self, count: int) -> bool:
        """Wait until so many entries are in the file: it is written a moment after they were read."""
        until = time.monotonic() + 20
        while (found := len({line.split('"')[1] for line in self.lines})) < count and time.monotonic() < until:
            time.sleep(0.05)
        return found >= count

    def is_done(self, sink: Sink) -> bool:
        with self.house.app.db.tenant(self.ada.tenant_id) as tx:
            return get_sink(tx, sink.sink_id).waiting == 0


@pytest.fixture(scope="module")
def shared(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[House, Rsyslog, CutLine, CutLine]]:
    """One house and one rsyslog for all, and two lines between them: over one of them comes a stranger's certificate."""
    directory, elsewhere = tmp_path_factory.mktemp("rsyslog"), tmp_path_factory.mktemp("elsewhere")
    name = server.clone("template_house")
    with (
        rsyslog(directory) as found,
        contextlib.closing(CutLine(found.port)) as line,
        contextlib.closing(CutLine(found.port)) as other,
    ):
        ours, stranger = found.authority.issued(CLIENT), Authority.founded(elsewhere).issued(CLIENT)
        house = House(
            server, name, tmp_path_factory.mktemp("house"), egress_allow=["127.0.0.1:*"], egress_ca_file=found.authority.file,
            egress_client_certificates=[f"127.0.0.1:{line.port}={ours}", f"127.0.0.1:{other.port}={stranger}"],
        )  # fmt: skip
        yield house, found, line, other
        house.close()
    server.drop(name)


@pytest.fixture
def rig(shared: tuple[House, Rsyslog, CutLine, CutLine]) -> Iterator[Watched]:
    house, found, line, _ = shared
    line.cuts_at()
    yield Watched(house, house.founds("Harrow", f"ada{next(_numbers)}@harrow.example"), found, line)
    with house.server.connect("boot", house.database) as boot:
        boot.execute("DELETE FROM cloister.audit_sinks")


def arrives_whole(rig: Watched, count: int, *, most_rounds: int = 100) -> list[int]:
    """Let the worker send everything; return the positions that arrived, in the order in which they did."""
    rig.records(count)
    sink, rounds = rig.adds(), 0
    rig.house.seals()
    while not rig.is_done(sink):
        delivers(rig.house)
        rig.house.clock.passes(seconds=301)
        rounds += 1
        assert rounds < most_rounds
    with rig.house.app.db.tenant(rig.ada.tenant_id) as tx:
        state = audit.get_log(tx)
    assert state is not None
    assert rig.has(state.size)
    return [one["metadata"]["sequence"] for one in rig.events]


def test_a_line_that_is_cut_twice_loses_nothing_and_what_comes_twice_shows_it(rig: Watched) -> None:
    rig.line.cuts_at(300_000, 2_000_000)

    arrived = arrives_whole(rig, 2_000)

    assert rig.line.cut_count == 2
    assert sorted(set(arrived)) == list(range(max(arrived) + 1))
    assert max(arrived) >= 2_000
    once = {one["metadata"]["uid"] for one in rig.events}
    assert len(once) == max(arrived) + 1, "what came twice has the same id"
    assert all(' position="' in line and "[cloister@32473 id=" in line for line in rig.lines)


def test_without_a_cut_each_entry_comes_once_and_in_order(rig: Watched) -> None:
    arrived = arrives_whole(rig, 50)

    assert arrived == list(range(len(arrived)))


def test_cef_arrives_too(rig: Watched) -> None:
    sink = rig.adds(SinkKind.CEF)
    rig.house.seals()
    delivers(rig.house)

    assert rig.is_done(sink)
    assert rig.has(3)
    for line in rig.lines:
        head = line[line.index("CEF:0") :].split("|")
        assert head[:3] == ["CEF:0", "Cloister", "Cloister"]
        assert "outcome=" in head[7]
        assert "externalId=" in head[7]


def test_a_stranger_to_rsyslog_is_told_so_and_nothing_is_taken_for_sent(
    rig: Watched, shared: tuple[House, Rsyslog, CutLine, CutLine]
) -> None:
    rig.line = shared[3]
    sink = rig.adds()
    rig.house.seals()

    delivers(rig.house)

    shown = stream_of(rig.ada, sink)
    assert (shown.sent, shown.failures) == (0, 1)
    assert shown.waiting > 0
    assert shown.failure is not None
    assert rig.events == []


@pytest.mark.long
def test_a_hundred_thousand_entries_arrive_over_a_line_that_is_cut_five_times(rig: Watched) -> None:
    rig.line.cuts_at(5_000_000, 40_000_000, 90_000_000, 130_000_000, 180_000_000)

    arrived = arrives_whole(rig, 100_000)

    assert rig.line.cut_count == 5
    assert sorted(set(arrived)) == list(range(max(arrived) + 1))
    assert max(arrived) >= 100_000
