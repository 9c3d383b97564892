"""A stream that chooses sends what is chosen and passes over the rest; an operator's, of the organisations that are named."""

import json
from collections.abc import Iterator

import pytest

from appliance.audit import PLATFORM, Event
from appliance.audit.ocsf.values import Severity
from appliance.audit.sinks import (
    Choice,
    Deliverer,
    Scope,
    SinkChange,
    SinkForm,
    SinkKind,
    add_sink,
    change_sink,
    choice_of,
)
from appliance.audit.sinks.errors import ScopeForbidden, SinkChoiceMalformed
from appliance.kernel.egress import Egress
from appliance.kernel.ids import new_id
from tests.rooms.test_sealed_log import records
from tests.support.house import House, Member
from tests.support.model_host import Upstream, upstream
from tests.support.streams import HOOK, OK, delivers, stream_of, streams


@pytest.fixture
def peer() -> Iterator[Upstream]:
    with upstream() as found:
        found.says(OK)
        yield found


@pytest.fixture
def open_house(house: House, peer: Upstream) -> House:
    for services in (house.app, house.worker):
        way = Egress([f"127.0.0.1:{peer.port}"])
        object.__setattr__(services, "egress", way)
        object.__setattr__(services.outlet.kit, "egress", way)
    return house


def arrived(peer: Upstream) -> list[str]:
    """The events that were sent, in order."""
    told = [json.loads(asked.body)["data"]["entries"] for asked in peer.asked]
    return [event["metadata"]["event_code"] for one in told for event in one]


def test_only_what_is_chosen_is_sent_and_the_rest_is_passed_over(open_house: House, ada: Member, peer: Upstream) -> None:
    choice = Choice(("identity:*", Event.SINK_ADDED.value))
    sink = streams(ada, SinkForm("Chosen", SinkKind.WEBHOOK, f"{peer.address}/hook", HOOK, is_whole=True, choice=choice))
    records(ada, 3)
    open_house.seals()
    assert delivers(open_house) > 0
    shown = stream_of(ada, sink)
    assert (shown.waiting, shown.choice) == (0, choice)
    sent = arrived(peer)
    assert sent
    assert all(one.startswith("identity:") or one == Event.SINK_ADDED for one in sent)
    assert shown.sent == len(sent)
    assert delivers(open_house) == 0, "what is not chosen does not wait"


def test_a_severity_is_chosen_and_changed(open_house: House, ada: Member, peer: Upstream) -> None:
    form = SinkForm("Severe", SinkKind.WEBHOOK, f"{peer.address}/hook", HOOK, choice=Choice(least=Severity.HIGH))
    sink = streams(ada, form)
    records(ada, 3)
    open_house.seals()
    assert delivers(open_house) == 0
    services = ada.services
    with services.db.tenant(ada.tenant_id) as tx:
        change_sink(tx, ada.caller.actor, sink.sink_id, SinkChange(choice=Choice()), sealer=services.vault, clock=open_house.clock)
    records(ada, 2)
    open_house.seals()
    assert delivers(open_house) >= 2
    assert Event.SINK_CHANGED in arrived(peer)


def test_an_operators_stream_is_of_the_organisations_that_are_named(
    open_house: House, ada: Member, bo: Member, peer: Upstream
) -> None:
    operator = open_house.operator("root@house.example")
    with open_house.app.db.tenant(PLATFORM) as tx:
        form = SinkForm(
            "Some", SinkKind.WEBHOOK, f"{peer.address}/hook", HOOK, scope=Scope.ALL, is_whole=True, choice=Choice(organisations=(bo.tenant_id,))
        )
        add_sink(
            tx, operator.caller.actor, form, sealer=open_house.app.vault, egress=open_house.app.egress, clock=open_house.clock
        )
    open_house.seals()
    assert {log for logs in Deliverer(open_house.worker.outlet).due().values() for log in logs} == {bo.tenant_id}
    assert delivers(open_house) > 0
    assert str(ada.tenant_id) not in "".join(asked.body.decode() for asked in peer.asked)
    assert delivers(open_house) == 0


def test_what_makes_no_sense_is_refused(ada: Member) -> None:
    for events, least, ids, is_of_all in (
        (["identity:nothing"], None, [], False), (["nobody:*"], None, [], False), (["*"], None, [], False),
        ([], "loud", [], False), ([], None, [new_id()], False),
    ):  # fmt: skip
        with pytest.raises(SinkChoiceMalformed):
            choice_of(events, least, ids, is_of_all=is_of_all)
    assert choice_of(["audit:*"], "medium", [], is_of_all=False) == Choice(("audit:*",), Severity.MEDIUM)


def test_an_organisations_stream_cannot_be_changed_to_name_others(open_house: House, ada: Member, peer: Upstream) -> None:
    sink = streams(ada, SinkForm("Own", SinkKind.WEBHOOK, f"{peer.address}/hook", HOOK))
    services, change = ada.services, SinkChange(choice=Choice(organisations=(new_id(),)))
    with services.db.tenant(ada.tenant_id) as tx, pytest.raises(ScopeForbidden):
        change_sink(tx, ada.caller.actor, sink.sink_id, change, sealer=services.vault, clock=open_house.clock)
