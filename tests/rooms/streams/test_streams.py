"""Streams of the sealed log: at least once, in order, each organisation's own; what is refused is set aside, what fails waits."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from standardwebhooks import Webhook

from appliance import audit
from appliance.audit import PLATFORM, Event
from appliance.audit.inbox import body_of
from appliance.audit.ocsf import Place
from appliance.audit.sinks import (
    Deliverer,
    SinkForm,
    SinkKind,
    drop_letters,
    list_letters,
    send_letters_again,
    sums,
)  # fmt: skip
from appliance.audit.sinks.peers.kit import line, ocsf
from appliance.audit.sinks.peers.syslog import _cef
from appliance.audit.sinks.reading import sealed
from tests.support.house import House, Member
from tests.support.model_host import Asked, Reply, Upstream
from tests.support.streams import (
    HOOK,
    OK,
    delivers,
    events_of,
    has_stream,
    hook,
    letters_of,
    positions,
    records,
    size_of,
    stream_of,
    streams,
    told,
)

PLACE = Place(PLATFORM, "Harrow", "cloister/1/2")


def test_a_webhook_gets_each_entry_once_in_order_and_checks_who_sent_it(peer: Upstream, ada: Member) -> None:
    sink = streams(ada, hook(peer))
    records(ada, 250)

    delivers(ada.house)

    assert positions(peer) == list(range(size_of(ada)))
    assert delivers(ada.house) == 0
    for asked in peer.asked:
        Webhook(HOOK).verify(asked.body, asked.headers)
        assert len(asked.json["data"]["entries"]) <= 100
    shown = stream_of(ada, sink)
    assert (shown.sent, shown.waiting, shown.failures, shown.behind_since) == (size_of(ada), 0, 0, None)
    assert shown.last_four == HOOK[-4:]
    with ada.services.db.tenant(ada.tenant_id) as tx:
        bodies = {body.decode() for body, _ in audit.iterate_bodies(tx)}
    assert {one["raw_data"] for one in told(peer)} <= bodies, "the bytes that are sealed"


def test_a_stream_begins_now_unless_it_is_asked_for_the_whole_log(peer: Upstream, ada: Member) -> None:
    records(ada, 20)
    before = size_of(ada)
    form = hook(peer)
    ada.house.clock._now = datetime.now(UTC)
    sink = streams(ada, SinkForm(form.name, form.kind, form.url, form.secret))
    ada.house.seals()

    delivers(ada.house)

    assert positions(peer) == list(range(before, size_of(ada)))
    assert Event.SINK_ADDED in {one["metadata"]["event_code"] for one in told(peer)}
    assert stream_of(ada, sink).waiting == 0


def test_nothing_is_lost_while_the_other_side_is_down_for_a_day(peer: Upstream, ada: Member) -> None:
    sink = streams(ada, hook(peer))
    records(ada, 30)
    peer.says(Reply(status=503))
    for _ in range(30):
        delivers(ada.house)
        ada.house.clock.passes(hours=1)
    records(ada, 30)
    shown = stream_of(ada, sink)
    assert (shown.sent, shown.waiting) == (0, size_of(ada))
    assert shown.failure == "status 503"
    assert letters_of(ada, sink) == []

    peer.says(OK)
    delivers(ada.house)

    assert positions(peer) == list(range(size_of(ada)))
    assert stream_of(ada, sink).failures == 0


def test_it_waits_longer_after_each_failure_and_at_most_five_minutes(peer: Upstream, ada: Member) -> None:
    sink = streams(ada, hook(peer))
    ada.house.seals()
    peer.says(Reply(status=429))
    waits = []
    for _ in range(11):
        delivers(ada.house)
        wait = stream_of(ada, sink).next_try_at - ada.house.clock.now()
        waits.append(round(wait.total_seconds()))
        asked = len(peer.asked)
        delivers(ada.house)
        assert len(peer.asked) == asked, "not before its time"
        ada.house.clock.passes(seconds=wait.total_seconds())

    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_a_receipt_that_was_lost_is_asked_for_again_under_the_same_id(peer: Upstream, ada: Member) -> None:
    streams(ada, hook(peer))
    ada.house.seals()
    peer.says(Reply(pieces=[b"{"], is_cut=True), OK)

    delivers(ada.house)
    ada.house.clock.passes(seconds=3)
    delivers(ada.house)

    first, second = peer.asked
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


def refuses(*bad: int) -> Any:
    def choose(asked: Asked) -> Reply:
        found = {one["metadata"]["sequence"] for one in asked.json["data"]["entries"]}
        return Reply(status=400) if found & set(bad) else OK

    return choose


def test_what_is_refused_beside_others_is_set_aside_and_can_be_sent_again_or_dropped(
    peer: Upstream, ada: Member
) -> None:
    sink = streams(ada, hook(peer))
    records(ada, 50)
    peer.chooses = refuses(7, 31)

    delivers(ada.house)

    kept = letters_of(ada, sink)
    assert sorted(one.position for one in kept) == [7, 31]
    assert {one.reason for one in kept} == {"status 400"}
    assert stream_of(ada, sink).sent == size_of(ada) - 2
    note = events_of(ada, Event.SINK_LETTER_KEPT)
    assert [one.facts["letters"] for one in note] == [2]

    peer.says(OK)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert send_letters_again(tx, ada.caller.actor, sink.sink_id, clock=ada.house.clock) == 2
    delivers(ada.house)
    assert {7, 31} <= set(positions(peer))
    assert letters_of(ada, sink) == []

    peer.chooses = refuses(size_of(ada) + 2)
    records(ada, 5)
    delivers(ada.house)
    assert len(letters_of(ada, sink)) == 1
    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert drop_letters(tx, ada.caller.actor, sink.sink_id) == 1
    assert letters_of(ada, sink) == []
    assert len(events_of(ada, Event.SINK_LETTER_DROPPED)) == 1


def test_a_peer_that_refuses_everything_is_down_and_nothing_is_set_aside(peer: Upstream, ada: Member) -> None:
    sink = streams(ada, hook(peer))
    records(ada, 200)
    peer.says(Reply(status=400))

    for _ in range(5):
        delivers(ada.house)
        ada.house.clock.passes(minutes=6)

    assert letters_of(ada, sink) == []
    assert stream_of(ada, sink).sent == 0
    assert len(peer.asked) < 5 * 100, "it does not try each entry of a long log"


def test_a_letter_about_letters_makes_no_further_one(peer: Upstream, ada: Member) -> None:
    streams(ada, hook(peer))
    records(ada, 3)

    def choose(asked: Asked) -> Reply:
        codes = {one["metadata"]["event_code"] for one in asked.json["data"]["entries"]}
        return Reply(status=400) if codes & {Event.SINK_LETTER_KEPT.value, Event.SINK_ADDED.value} else OK

    peer.chooses = choose
    for _ in range(6):
        delivers(ada.house)
        records(ada, 1)
        ada.house.clock.passes(minutes=6)

    assert len(events_of(ada, Event.SINK_LETTER_KEPT)) == 1


def test_an_entry_that_cannot_be_read_does_not_hold_the_others_up(peer: Upstream, house: House, ada: Member) -> None:
    with house.server.connect("boot", house.database) as boot:
        boot.execute(
            "INSERT INTO cloister.audit_inbox (tenant_id, event_id, event, body, recorded_at)"
            " VALUES (%s, gen_random_uuid(), 'ops:odd:thing', '\\x00ff', now())",
            [ada.tenant_id],
        )
    sink = streams(ada, hook(peer))
    records(ada, 5)

    delivers(house)

    assert [one.reason for one in letters_of(ada, sink)] == ["it cannot be read"]
    assert stream_of(ada, sink).waiting == 0


@pytest.mark.parametrize(
    "change",
    [
        {"facts": 5}, {"facts": {"name": ["x"]}}, {"facts": {"name": "\ud800"}}, {"subject": 7}, {"outcome": "odd"}, {"request_id": {}},
        {"actor": {"kind": "user", "id": None, "address": 1}}, {"actor": None},
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", [SinkKind.WEBHOOK, SinkKind.CEF])
def test_an_entry_that_somebody_made_up_in_the_database_does_not_stop_a_stream(
    ada: Member, change: dict[str, object], kind: SinkKind
) -> None:
    body = json.loads(
        body_of(ada.tenant_id, ada.tenant_id, datetime.now(UTC), ada.caller.actor, Event.KEY_CREATED, facts={})
    )
    entry = sealed(3, ada.tenant_id, "a|b\nc", datetime.now(UTC), json.dumps(body | change).encode())

    if entry.entry is not None:  # then each kind of peer can be told of it
        assert (
            line(ocsf(entry, PLACE))
            if kind is SinkKind.WEBHOOK
            else _cef(entry, PLACE)[1].encode("utf-8", "backslashreplace")
        )
    assert (entry.entry is None) == (change != {"facts": {"name": "\ud800"}})


def test_a_letter_whose_entry_is_gone_from_the_log_says_so_and_is_not_tried_for_ever(ada: Member) -> None:
    sink_id, letter_id = has_stream(ada)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        send_letters_again(tx, ada.caller.actor, sink_id, clock=ada.house.clock)
        tx.execute(text("UPDATE audit_sink_letters SET position = 999999 WHERE letter_id = :id"), {"id": letter_id})
    ada.house.seals()

    delivers(ada.house)

    with ada.services.db.tenant(ada.tenant_id) as tx:
        (letter,) = list_letters(tx, sink_id)
    assert (letter.is_again, letter.reason) == (False, "it is missing in the log")


def test_a_stream_is_one_process_s_at_a_time_and_is_taken_over_from_one_that_died(
    peer: Upstream, house: House, ada: Member
) -> None:
    sink = streams(ada, hook(peer))
    house.seals()
    first = Deliverer(house.worker.outlet)
    assert first._claim(ada.tenant_id, sink.sink_id) is not None

    assert delivers(house) == 0
    house.clock.passes(minutes=6)
    assert delivers(house) > 0


def test_more_than_an_hour_behind_is_an_event_once_and_so_is_catching_up(
    peer: Upstream, house: House, ada: Member
) -> None:
    sink = streams(ada, hook(peer))
    house.seals()
    peer.says(Reply(status=503))
    delivers(house)
    deliverer = Deliverer(house.worker.outlet)
    deliverer.look_after()
    assert events_of(ada, Event.SINK_LAGGED) == []
    house.clock.passes(hours=1, seconds=60)

    deliverer.look_after()
    deliverer.look_after()

    lagged = events_of(ada, Event.SINK_LAGGED)
    assert len(lagged) == 1
    assert int(lagged[0].facts["seconds"]) > 3600
    with house.app.db.platform() as tx:
        found = sums(tx)
    assert (found.streams, found.failing) == (1, 1)
    assert found.oldest_at is not None

    peer.says(OK)
    house.seals()
    delivers(house)
    deliverer.look_after()
    assert len(events_of(ada, Event.SINK_CAUGHT_UP)) == 1
    assert stream_of(ada, sink).sent_at is not None
