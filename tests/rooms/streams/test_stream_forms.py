"""Who may add a stream to where, and what of its form is refused; its secret, trials and pauses."""

import base64

import pytest
from standardwebhooks import Webhook

from appliance.audit import LOGS, PLATFORM, Event
from appliance.audit.sinks import (
    Scope,
    SinkChange,
    SinkForm,
    SinkKind,
    change_sink,
    list_sinks,
    remove_sink,
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
from appliance.kernel.sealing import IntegrityError
from tests.support.house import House, Member
from tests.support.model_host import Reply, Upstream
from tests.support.streams import (
    HOOK,
    KEY,
    delivers,
    events_of,
    hook,
    positions,
    records,
    size_of,
    stream_of,
    streams,
    told,
)


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
    late = house.founds("Cedar", "cy@cedar.example")
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
