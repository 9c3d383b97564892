"""Elasticsearch's and OpenSearch's bulk interface, by `create` under the event's own id: what is there already stays as it is."""

import re
from collections.abc import Sequence
from typing import Any, Final

from appliance.audit.sinks.errors import PeerFailed
from appliance.audit.sinks.peers.kit import Kit, answered, exchange, line, ocsf
from appliance.audit.sinks.values import Batch, Destination, Refused
from appliance.kernel.secret import Secret

_CREATED, _THERE_ALREADY = 201, 409
_WRONG: Final = frozenset({400, 413})
_PLAIN: Final = re.compile(r"[a-z_]{1,60}")


def send(kit: Kit, to: Destination, secret: Secret, batch: Batch) -> Sequence[Refused]:
    """Send a batch; the answer says of each entry what became of it."""
    lines = []
    for one in batch.entries:
        lines.append(line({"create": {"_id": str(one.event_id)}}))
        lines.append(line({"@timestamp": one.at.isoformat(), **ocsf(one, batch.place)}))
    headers = {"authorization": f"ApiKey {secret.reveal()}", "content-type": "application/x-ndjson"}
    said = answered(exchange(kit, "POST", f"{to.url}/_bulk", headers, ("\n".join(lines) + "\n").encode()))
    items = said.get("items")
    if not isinstance(items, list) or len(items) != len(batch.entries):
        raise PeerFailed(reason="it does not say what became of each entry")
    refused = []
    for one, item in zip(batch.entries, items, strict=True):
        status, fault = _outcome(item)
        if status in _WRONG:
            refused.append(Refused(one, f"status {status} {fault}".strip()))
        elif status not in {_CREATED, _THERE_ALREADY}:
            raise PeerFailed(reason=f"status {status} {fault}".strip())
    return refused


def _outcome(item: Any) -> tuple[int, str]:
    """Return an item's status and the kind of its fault; never its words, which repeat what was sent."""
    said = item.get("create") if isinstance(item, dict) else None
    status = said.get("status") if isinstance(said, dict) else None
    if not isinstance(said, dict) or type(status) is not int:
        raise PeerFailed(reason="it does not say what became of each entry")
    error = said.get("error")
    fault = error.get("type") if isinstance(error, dict) else None
    return status, fault if isinstance(fault, str) and _PLAIN.fullmatch(fault) else ""
