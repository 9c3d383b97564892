"""Streams of somebody's log, and what the worker does of them in turns of a test's choosing."""

import base64
import urllib.request
from dataclasses import replace
from email.message import Message
from typing import Any
from uuid import UUID

from appliance import audit
from appliance.audit import EntryFilter, Event
from appliance.audit.inbox import NewEntry
from appliance.audit.sinks import (
    Deliverer,
    Letter,
    Sink,
    SinkForm,
    SinkKind,
    add_sink,
    get_sink,
    list_letters,
    list_sinks,
)  # fmt: skip
from appliance.audit.sinks.keeping import keep_letters
from appliance.audit.sinks.values import Refused, Sealed, Stream
from appliance.kernel.egress import Egress, Timeouts
from appliance.kernel.ids import new_id
from tests.support.house import House, Member
from tests.support.model_host import Reply, Upstream

HOST = "siem.example.org"
KEY = base64.b64encode(b"a secret of thirty-two bytes ...").decode()
HOOK = f"whsec_{KEY}"
OK = Reply(b"{}")


def streams(member: Member, form: SinkForm) -> Sink:
    """Add a stream, as the house's own list of hosts allows it."""
    services = member.services
    with services.db.tenant(member.tenant_id) as tx:
        return add_sink(
            tx, member.caller.actor, form, sealer=services.vault, egress=services.egress, clock=member.house.clock
        )


def stream_of(member: Member, sink: Sink) -> Sink:
    with member.services.db.tenant(member.tenant_id) as tx:
        return get_sink(tx, sink.sink_id)


def delivers(house: House) -> int:
    """Let the worker send what is due, once; return how many entries were confirmed."""
    deliverer = Deliverer(house.worker.outlet)
    return sum(deliverer.deliver(tenant, sink, logs) for (tenant, sink), logs in deliverer.due().items())


class Listening(Egress):
    """A way out that leads to one host and nowhere else; what arrives there is kept."""

    def __init__(self) -> None:
        super().__init__([f"{HOST}:6514"])
        self.arrived: list[bytes] = []

    def send_stream(self, url: str, content: bytes, timeouts: Timeouts) -> None:  # noqa: ARG002 - the host is here
        self.check(url)
        self.arrived.append(content)


def listens(house: House) -> Listening:
    """Let the app's streams arrive somewhere."""
    found, app = Listening(), house.app
    object.__setattr__(app, "egress", found)
    object.__setattr__(app, "outlet", replace(app.outlet, kit=replace(app.outlet.kit, egress=found)))
    return found


def has_stream(member: Member, name: str = "Furnished") -> tuple[UUID, UUID]:
    """Give a stream to a host that nothing is sent to, with an entry that it left out; return their ids."""
    clock, services = member.house.clock, member.services
    with services.db.tenant(member.tenant_id) as tx:
        for one in (found for found in list_sinks(tx) if found.name == name):
            return one.sink_id, list_letters(tx, one.sink_id)[0].letter_id
        form = SinkForm(name, SinkKind.SYSLOG, f"tls://{HOST}:6514")
        made = add_sink(tx, member.caller.actor, form, sealer=services.vault, egress=Listening(), clock=clock)
        entry = Sealed(0, new_id(), Event.PROFILE_CHANGED.value, clock.now(), b"", None)
        keep_letters(tx, Stream(tx.tenant_id, made.sink_id, tx.tenant_id), [Refused(entry, "status 400")], now=clock.now())
        return made.sink_id, list_letters(tx, made.sink_id)[0].letter_id


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


def ask_s3(address: str, method: str, path: str, **headers: str) -> tuple[bytes, Message]:
    scope = "Credential=nobody/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
    named = {"Authorization": f"AWS4-HMAC-SHA256 {scope}"} | {
        name.replace("_", "-"): one for name, one in headers.items()
    }
    request = urllib.request.Request(f"{address}{path}", None, named, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return bytes(answer.read()), answer.headers
