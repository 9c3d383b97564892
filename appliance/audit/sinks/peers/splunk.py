"""Splunk's HTTP Event Collector. Where its token asks for acknowledgement, a batch is sent once the indexer has it."""

import time
from collections.abc import Sequence
from typing import Any, Final

from appliance.audit.ocsf import Place
from appliance.audit.sinks.errors import PeerFailed
from appliance.audit.sinks.peers.kit import Kit, answered, exchange, line, ocsf
from appliance.audit.sinks.values import Batch, Destination, Refused, Sealed
from appliance.kernel.secret import Secret

_COLLECTOR: Final = "/services/collector"
_LOOKS: Final = (0.1, 0.4, 1.0, 2.0, 4.0, 8.0)


def send(kit: Kit, to: Destination, secret: Secret, batch: Batch) -> Sequence[Refused]:
    """Send a batch as events of one request."""
    headers = {
        "authorization": f"Splunk {secret.reveal()}",
        "content-type": "application/json",
        "x-splunk-request-channel": str(to.sink_id),
    }
    body = "\n".join(line(_event(kit, one, batch.place)) for one in batch.entries).encode()
    said = answered(exchange(kit, "POST", f"{to.url}{_COLLECTOR}/event", headers, body))
    if said.get("code") != 0:
        raise PeerFailed(reason="it does not say that it has them")
    if "ackId" in said:
        _wait_for(kit, to, headers, said["ackId"])
    return ()


def _event(kit: Kit, one: Sealed, place: Place) -> dict[str, Any]:
    return {
        "time": round(one.at.timestamp(), 6),
        "host": kit.host,
        "source": place.log,
        "sourcetype": "cloister:audit:ocsf",
        "event": ocsf(one, place),
        "fields": {"event_id": str(one.event_id), "position": "" if one.position is None else one.position},
    }


def _wait_for(kit: Kit, to: Destination, headers: dict[str, str], number: object) -> None:
    for seconds in _LOOKS:
        time.sleep(seconds)
        said = answered(exchange(kit, "POST", f"{to.url}{_COLLECTOR}/ack", headers, line({"acks": [number]}).encode()))
        acks = said.get("acks")
        if isinstance(acks, dict) and acks.get(str(number)) is True:
            return
    raise PeerFailed(reason="its indexer did not confirm in time")
