"""Objects in a bucket, each locked for its time in compliance mode: not even the account's root removes it before.

A bucket without object lock refuses them; that is meant.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from datetime import timedelta

from appliance.audit.sinks.peers.kit import Kit, exchange, line, ocsf
from appliance.audit.sinks.values import Batch, Destination, Refused
from appliance.kernel.secret import Secret
from appliance.kernel.sigv4 import AwsCredentials, signed


def send(kit: Kit, to: Destination, secret: Secret, batch: Batch) -> Sequence[Refused]:
    """Put a batch as one object of JSON lines, named for its place in the log."""
    now, body = kit.clock.now(), "".join(line(ocsf(one, batch.place)) + "\n" for one in batch.entries).encode()
    digest = hashlib.sha256(body)
    until = now + timedelta(days=to.retain_days or 1)
    url, found = f"{to.url}/{_name(batch)}", json.loads(secret.content)
    headers = signed(
        "PUT", url,
        {
            "content-type": "application/jsonl",
            "x-amz-checksum-sha256": base64.b64encode(digest.digest()).decode(),
            "x-amz-content-sha256": digest.hexdigest(),
            "x-amz-object-lock-mode": "COMPLIANCE",
            "x-amz-object-lock-retain-until-date": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-amz-sdk-checksum-algorithm": "SHA256",
        },
        body, credentials=AwsCredentials(found["key_id"], found["secret"]), region=to.region or "", service="s3", now=now,
    )  # fmt: skip
    exchange(kit, "PUT", url, {name: value for name, value in headers.items() if name != "host"}, body)
    return ()


def _name(batch: Batch) -> str:
    first, last = batch.entries[0], batch.entries[-1]
    if first.position is None or last.position is None:
        return f"{batch.place.tenant_id}/try-{first.event_id}.jsonl"
    return f"{batch.place.tenant_id}/{first.position:012d}-{last.position:012d}.jsonl"
