"""Standard Webhooks 1.0: a POST whose id, time and body are signed by HMAC-SHA256 (standardwebhooks.com)."""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from appliance.audit.sinks.peers.kit import Kit, exchange, line, ocsf
from appliance.audit.sinks.values import Batch, Destination, Refused
from appliance.kernel.secret import Secret


def send(kit: Kit, to: Destination, secret: Secret, batch: Batch) -> Sequence[Refused]:
    """Send a batch as one message. What is sent again has the same id, so that the receiver knows it."""
    now = kit.clock.now()
    body = line(
        {
            "type": "audit.entries",
            "timestamp": now.isoformat(),
            "data": {"entries": [ocsf(one, batch.place) for one in batch.entries]},
        }
    ).encode()
    message_id, stamp = _message_id(to, batch), str(int(now.timestamp()))
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{_signature(secret, f'{message_id}.{stamp}.'.encode() + body)}",
    }
    exchange(kit, "POST", to.url, headers, body)
    return ()


def _message_id(to: Destination, batch: Batch) -> str:
    said = "/".join([str(to.sink_id), str(batch.place.tenant_id), *(str(one.event_id) for one in batch.entries)])
    return f"msg_{hashlib.sha256(said.encode()).hexdigest()[:32]}"


def _signature(secret: Secret, signed: bytes) -> str:
    key = base64.b64decode(secret.reveal().removeprefix("whsec_"))
    return base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
