"""Which module speaks with which kind of peer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from appliance.audit.sinks.peers import elastic, folder, s3, splunk, syslog, webhook
from appliance.audit.sinks.peers.kit import Kit
from appliance.audit.sinks.values import Batch, Destination, Refused, SinkKind
from appliance.kernel.secret import Secret

Send = Callable[[Kit, Destination, Secret, Batch], Sequence[Refused]]
_SENDS: Final[Mapping[SinkKind, Send]] = {
    SinkKind.CEF: syslog.send_cef,
    SinkKind.ELASTIC: elastic.send,
    SinkKind.FOLDER: folder.send,
    SinkKind.S3: s3.send,
    SinkKind.SPLUNK: splunk.send,
    SinkKind.SYSLOG: syslog.send_ocsf,
    SinkKind.WEBHOOK: webhook.send,
}


def send(kit: Kit, to: Destination, secret: Secret, batch: Batch) -> Sequence[Refused]:
    """Return what was not taken, once the peer confirmed all the rest. Raises PeerFailed, PeerRefused."""
    return _SENDS[to.kind](kit, to, secret, batch)
