"""Streams of the sealed log: at least once, in order, each organisation's own; what is refused is set aside, what fails waits."""

import base64
import itertools
import json
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from standardwebhooks import Webhook

from appliance import audit
from appliance.audit import LOGS, PLATFORM, EntryFilter, Event
from appliance.audit.inbox import NewEntry, body_of
from appliance.audit.ocsf import Place
from appliance.audit.sinks import (
    Deliverer,
    Letter,
    Scope,
    Sink,
    SinkChange,
    SinkForm,
    SinkKind,
    change_sink,
    drop_letters,
    list_letters,
    list_sinks,
    remove_sink,
    send_letters_again,
    sums,
    try_sink,
)  # fmt: skip
from appliance.audit.sinks.errors import (
    FolderForbidden,
    PeerFailed,
    ScopeForbidden,
    SinkAddressMalformed,
    SinkHostClosed,
    SinkNameTaken,
    SinkNotFound,
    SinkOptionsMalformed,
    SinkSecretMalformed,
)  # fmt: skip
from appliance.audit.sinks.peers.kit import line, ocsf
from appliance.audit.sinks.peers.syslog import _cef
from appliance.audit.sinks.reading import sealed
from appliance.kernel.sealing import IntegrityError
from tests.support.house import House, Member, Server
from tests.support.model_host import Asked, Reply, Upstream, said, upstream
from tests.support.roots import REGION, moto
from tests.support.streams import delivers, has_stream, stream_of, streams

KEY = base64.b64encode(b"a secret of thirty-two bytes ...").decode()
HOOK = f"whsec_{KEY}"
OK = Reply(b"{}")
PLACE = Place(PLATFORM, "Harrow", "cloister/1/2")


_numbers = itertools.count()


@pytest.fixture(scope="module")
def host() -> Iterator[Upstream]:
    with upstream() as found:
        yield found


@pytest.fixture
def peer(host: Upstream) -> Upstream:
    host.says(OK)
    return host


@pytest.fixture(scope="module")
def shared(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, Member]]:
    """One house for all: a house of one's own for each would take most of the time."""
    name = server.clone("template_house")
    house = House(server, name, tmp_path_factory.mktemp("house"), egress_allow=["127.0.0.1:*"])
    yield house, house.operator("olga@host.example")
    house.close()
    server.drop(name)


@pytest.fixture
def house(shared: tuple[House, Member]) -> Iterator[House]:
    house, _ = shared
    house.clock._now = datetime.now(UTC)
    yield house
    with house.server.connect("boot", house.database) as boot:
        boot.execute("DELETE FROM cloister.audit_sinks")


@pytest.fixture
def olga(house: House, shared: tuple[House, Member]) -> Member:
    return shared[1]


@pytest.fixture
def ada(house: House) -> Member:
    return house.founds("Harrow", f"ada{next(_numbers)}@harrow.example")


@pytest.fixture
def bo(house: House) -> Member:
    return house.founds("Birch", f"bo{next(_numbers)}@birch.example")


def hook(peer: Upstream, name: str = "Hook", **more: Any) -> SinkForm:
    return SinkForm(name, SinkKind.WEBHOOK, f"{peer.address}/audit", HOOK, is_whole=True, **more)


def records(member: Member, count: int) -> None:
    with member.services.db.tenant(member.tenant_id) as tx:
        audit.record_all(tx, (NewEntry(member.caller.actor, Event.PROFILE_CHANGED) for _ in range(count)))
    member.house.seals()


def size_of(member: Member) -> int:
    with member.services.db.tenant(member.tenant_id) as tx:
        state = audit.get_log(tx)
    assert state is not None
    return state.size


def told(peer: Upstream) -> list[dict[str, Any]]:
    return [one for asked in peer.asked for one in asked.json["data"]["entries"]]


def positions(peer: Upstream) -> list[int]:
    return [one["metadata"]["sequence"] for one in told(peer)]


def letters_of(member: Member, sink: Sink) -> list[Letter]:
    with member.services.db.tenant(member.tenant_id) as tx:
        return list_letters(tx, sink.sink_id)


def events_of(member: Member, event: Event) -> list[audit.Entry]:
    with member.services.db.tenant(member.tenant_id) as tx:
        return audit.list_entries(tx, EntryFilter(event))


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


def test_an_organisations_stream_sends_its_own_log_alone(peer: Upstream, ada: Member, bo: Member) -> None:
    records(bo, 10)
    streams(ada, hook(peer))
    ada.house.seals()

    delivers(ada.house)

    assert {one["metadata"]["tenant_uid"] for one in told(peer)} == {str(ada.tenant_id)}
    with bo.services.db.tenant(bo.tenant_id) as tx:
        assert list_sinks(tx) == []


def test_the_operators_stream_sends_every_log_and_organisations_see_nothing_of_it(
    peer: Upstream, house: House, olga: Member, ada: Member, bo: Member
) -> None:
    sink = streams(olga, hook(peer, scope=Scope.ALL))
    house.seals()

    delivers(house)

    logs = {one["metadata"]["tenant_uid"] for one in told(peer)}
    assert logs >= {str(ada.tenant_id), str(bo.tenant_id), str(PLATFORM)}
    assert str(LOGS) not in logs
    shown = stream_of(olga, sink)
    assert (shown.waiting, shown.sent) == (0, len(told(peer)))
    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert list_sinks(tx) == []
        with pytest.raises(SinkNotFound):
            remove_sink(tx, ada.caller.actor, sink.sink_id)
    late = house.founds("Cedar", f"cy{next(_numbers)}@cedar.example")
    house.seals()
    delivers(house)
    assert str(late.tenant_id) in {one["metadata"]["tenant_uid"] for one in told(peer)}


def test_an_organisation_may_neither_write_into_the_host_nor_stream_others_logs(peer: Upstream, ada: Member) -> None:
    with pytest.raises(FolderForbidden):
        streams(ada, SinkForm("x", SinkKind.FOLDER, "siem"))
    with pytest.raises(ScopeForbidden):
        streams(ada, hook(peer, scope=Scope.ALL))


@pytest.mark.parametrize(
    ("form", "refusal"),
    [
        (SinkForm("x", SinkKind.WEBHOOK, "https://elsewhere.example/", HOOK), SinkHostClosed),
        (SinkForm("x", SinkKind.SYSLOG, "tls://elsewhere.example:6514"), SinkHostClosed),
        (SinkForm("x", SinkKind.SYSLOG, "udp://127.0.0.1:514"), SinkAddressMalformed),
        (SinkForm("x", SinkKind.ELASTIC, "https://elastic.example", "key"), SinkAddressMalformed),
        (SinkForm("x", SinkKind.WEBHOOK, "https://u:p@hooks.example/", HOOK), SinkAddressMalformed),
        (SinkForm("x", SinkKind.WEBHOOK, "http://127.0.0.1:{port}/", "whsec_short"), SinkSecretMalformed),
        (SinkForm("x", SinkKind.SPLUNK, "http://127.0.0.1:{port}", None), SinkSecretMalformed),
        (SinkForm("x", SinkKind.S3, "http://127.0.0.1:{port}/bucket", "AKIA:secret"), SinkOptionsMalformed),
    ],
)
def test_a_form_that_is_wrong_is_refused_with_what_to_do(
    peer: Upstream, ada: Member, form: SinkForm, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        streams(ada, SinkForm(**{**vars(form), "url": form.url.replace("{port}", str(peer.port))}))


def test_two_streams_do_not_share_a_name(peer: Upstream, ada: Member) -> None:
    streams(ada, hook(peer))
    with pytest.raises(SinkNameTaken):
        streams(ada, hook(peer, name="HOOK"))


def test_a_secret_does_not_open_for_another_address(peer: Upstream, house: House, ada: Member) -> None:
    sink = streams(ada, hook(peer))
    house.seals()
    with house.server.connect("boot", house.database) as boot:
        boot.execute("UPDATE cloister.audit_sinks SET url = %s", [f"{peer.address}/attacker"])
        stored = boot.execute("SELECT sealed FROM cloister.audit_sinks").fetchone()

    delivers(house)

    assert stored is not None
    assert KEY not in repr(stored[0])
    assert peer.asked == []
    shown = stream_of(ada, sink)
    assert shown.failures == 1
    with pytest.raises(IntegrityError):
        try_sink(house.app.outlet, ada.tenant_id, ada.caller.actor, sink.sink_id)


def test_a_trial_says_what_is_wrong_and_is_on_record(peer: Upstream, house: House, ada: Member) -> None:
    sink = streams(ada, hook(peer))
    try_sink(house.app.outlet, ada.tenant_id, ada.caller.actor, sink.sink_id)
    assert "sequence" not in told(peer)[0]["metadata"]
    peer.says(Reply(status=401))
    with pytest.raises(PeerFailed, match="status 401"):
        try_sink(house.app.outlet, ada.tenant_id, ada.caller.actor, sink.sink_id)

    assert [one.facts["code"] for one in events_of(ada, Event.SINK_TESTED)] == ["sink_peer_failed", "ok"]


def test_a_paused_stream_waits_and_goes_on_where_it_was_with_its_new_secret(
    peer: Upstream, house: House, ada: Member
) -> None:
    sink = streams(ada, hook(peer))
    records(ada, 3)
    other = "whsec_" + base64.b64encode(b"another secret, as long as it is").decode()
    with house.app.db.tenant(ada.tenant_id) as tx:
        change_sink(
            tx, ada.caller.actor, sink.sink_id, SinkChange(is_paused=True), sealer=house.app.vault, clock=house.clock
        )
    assert delivers(house) == 0
    with house.app.db.tenant(ada.tenant_id) as tx:
        change = SinkChange(is_paused=False, secret=other)
        change_sink(tx, ada.caller.actor, sink.sink_id, change, sealer=house.app.vault, clock=house.clock)
    house.seals()
    delivers(house)

    assert positions(peer) == list(range(size_of(ada)))
    Webhook(other).verify(peer.asked[0].body, peer.asked[0].headers)


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


def test_splunk_gets_events_with_their_time_and_waits_for_its_indexer(peer: Upstream, ada: Member) -> None:
    sink = streams(ada, SinkForm("Splunk", SinkKind.SPLUNK, peer.address, "11111111-2222-3333", is_whole=True))
    ada.house.seals()
    peer.chooses = lambda asked: (
        said({"acks": {"7": True}}) if asked.path.endswith("/ack") else said({"text": "Success", "code": 0, "ackId": 7})
    )
    delivers(ada.house)

    event, ack = peer.asked
    assert (event.path, ack.path) == ("/services/collector/event", "/services/collector/ack")
    assert event.headers["authorization"] == "Splunk 11111111-2222-3333"
    assert event.headers["x-splunk-request-channel"] == str(sink.sink_id)
    assert ack.json == {"acks": [7]}
    found = [json.loads(line) for line in event.body.splitlines()]
    assert [one["fields"]["position"] for one in found] == list(range(size_of(ada)))
    assert all(one["sourcetype"] == "cloister:audit:ocsf" and one["time"] > 1_700_000_000 for one in found)
    assert stream_of(ada, sink).waiting == 0


def test_splunk_that_answers_a_page_has_taken_nothing(peer: Upstream, ada: Member) -> None:
    sink = streams(ada, SinkForm("Splunk", SinkKind.SPLUNK, peer.address, "11111111-2222-3333", is_whole=True))
    ada.house.seals()
    peer.says(Reply(b"<html>welcome</html>"))

    delivers(ada.house)

    assert stream_of(ada, sink).sent == 0


def elastic(*wrong: int, status: int = 201) -> Any:
    def choose(asked: Asked) -> Reply:
        lines = [json.loads(line) for line in asked.body.splitlines()]
        items = []
        for place in range(len(lines) // 2):
            if place in wrong:
                error = {"type": "mapper_parsing_exception", "reason": "field [x] of value 'secret'"}
                items.append({"create": {"status": 400, "error": error}})
            else:
                items.append({"create": {"status": status}})
        return said({"errors": bool(wrong), "items": items})

    return choose


def test_elastic_gets_documents_under_their_own_ids_and_says_which_it_cannot_take(peer: Upstream, ada: Member) -> None:
    sink = streams(ada, SinkForm("Elastic", SinkKind.ELASTIC, f"{peer.address}/audit-log", "a2V5", is_whole=True))
    records(ada, 10)
    peer.chooses = elastic(4)

    delivers(ada.house)

    asked = peer.asked[0]
    assert asked.path == "/audit-log/_bulk"
    assert asked.headers["authorization"] == "ApiKey a2V5"
    lines = [json.loads(line) for line in asked.body.splitlines()]
    assert all(list(one) == ["create"] for one in lines[::2])
    assert [one["create"]["_id"] for one in lines[::2]] == [one["metadata"]["uid"] for one in lines[1::2]]
    assert all("@timestamp" in one for one in lines[1::2])
    kept = letters_of(ada, sink)
    assert [(one.position, one.reason) for one in kept] == [(4, "status 400 mapper_parsing_exception")]


def test_elastic_that_has_a_document_already_has_it(peer: Upstream, ada: Member) -> None:
    sink = streams(ada, SinkForm("Elastic", SinkKind.ELASTIC, f"{peer.address}/audit-log", "a2V5", is_whole=True))
    ada.house.seals()
    peer.chooses = elastic(status=409)

    delivers(ada.house)

    assert stream_of(ada, sink).waiting == 0


def test_a_folder_has_a_file_a_log_and_day_and_a_torn_line_is_written_again(
    house: House, olga: Member, ada: Member
) -> None:
    sink = streams(olga, SinkForm("Folder", SinkKind.FOLDER, "siem", is_whole=True, scope=Scope.ALL))
    house.seals()
    delivers(house)
    path = house.settings.data_dir / "streams" / "siem" / str(ada.tenant_id) / f"{house.clock.now():%Y-%m-%d}.jsonl"
    path.write_bytes(path.read_bytes() + b'{"torn":')
    records(ada, 4)

    delivers(house)

    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [one["metadata"]["sequence"] for one in lines] == list(range(size_of(ada)))
    assert path.stat().st_mode & 0o007 == 0
    assert stream_of(olga, sink).waiting == 0


def test_objects_in_a_bucket_are_locked_for_their_time(house: House, ada: Member, tmp_path: Path) -> None:
    with moto(tmp_path) as cloud:
        ask_s3(cloud.address, "PUT", "/audit-bucket", x_amz_bucket_object_lock_enabled="true")
        form = SinkForm(
            "WORM", SinkKind.S3, f"{cloud.address}/audit-bucket/cloister", "AKIAEXAMPLEEXAMPLE:secretsecret", REGION, 30, is_whole=True
        )  # fmt: skip
        sink = streams(ada, form)
        house.seals()
        delivers(house)
        shown = stream_of(ada, sink)
        size = size_of(ada)
        key = f"/audit-bucket/cloister/{ada.tenant_id}/{0:012d}-{size - 1:012d}.jsonl"
        body, headers = ask_s3(cloud.address, "GET", key)

    assert (shown.waiting, shown.last_four, shown.failure) == (0, "MPLE", None)
    assert [json.loads(line)["metadata"]["sequence"] for line in body.splitlines()] == list(range(size))
    assert headers["x-amz-object-lock-mode"] == "COMPLIANCE"
    assert headers["x-amz-object-lock-retain-until-date"].startswith(
        f"{house.clock.now() + timedelta(days=30):%Y-%m-%d}"
    )
    assert shown.next_try_at - house.clock.now() == timedelta(minutes=1), "an object a minute is enough"


def ask_s3(address: str, method: str, path: str, **headers: str) -> tuple[bytes, Message]:
    scope = "Credential=nobody/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
    named = {"Authorization": f"AWS4-HMAC-SHA256 {scope}"} | {
        name.replace("_", "-"): one for name, one in headers.items()
    }
    request = urllib.request.Request(f"{address}{path}", None, named, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return bytes(answer.read()), answer.headers
