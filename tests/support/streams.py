"""Streams of somebody's log, and what the worker does of them in turns of a test's choosing."""

from dataclasses import replace
from uuid import UUID

from appliance.audit.events import Event
from appliance.audit.sinks import Deliverer, Sink, SinkForm, SinkKind, add_sink, get_sink, list_letters, list_sinks
from appliance.audit.sinks.keeping import keep_letters
from appliance.audit.sinks.values import Refused, Sealed, Stream
from appliance.kernel.egress import Egress, Timeouts
from appliance.kernel.ids import new_id
from tests.support.house import House, Member

HOST = "siem.example.org"


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
