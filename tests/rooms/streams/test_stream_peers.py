"""What each kind of peer is sent, and what counts as taken there: Splunk, Elasticsearch, a folder, a bucket that locks."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from appliance.audit.sinks import (
    Scope,
    SinkForm,
    SinkKind,
)  # fmt: skip
from tests.support.house import House, Member
from tests.support.model_host import Asked, Reply, Upstream, said
from tests.support.roots import REGION, moto
from tests.support.streams import ask_s3, delivers, letters_of, records, size_of, stream_of, streams


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
