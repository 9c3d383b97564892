"""RFC 5424 over TLS with octet counts (RFC 5425). The message is OCSF, or CEF; the entry's place is structured data.

Syslog knows no receipt: a batch goes over a connection of its own, whose end in due form is one (`kernel/egress/streams.py`).
"""

from collections.abc import Callable, Sequence
from typing import Final

import appliance
from appliance.audit.ocsf import Place
from appliance.audit.sinks.errors import PeerFailed
from appliance.audit.sinks.peers.kit import Kit, line, ocsf
from appliance.audit.sinks.values import Batch, Destination, Refused, Sealed
from appliance.kernel.egress import EgressDenied, EgressFailed, OutgoingMalformed
from appliance.kernel.secret import Secret

LONGEST: Final = 65_536
_FACILITY: Final = 13  # "log audit"
_SYSLOG: Final = {1: 6, 2: 5, 3: 4, 4: 2}
_CEF: Final = {1: 3, 2: 5, 3: 7, 4: 9}
# 32473 is the number that RFC 5612 sets apart for what has none of its own.
_STRUCTURED: Final = "cloister@32473"
_Message = Callable[[Sealed, Place], tuple[int, str]]


def send_ocsf(kit: Kit, to: Destination, _secret: Secret, batch: Batch) -> Sequence[Refused]:
    """Send a batch whose messages are OCSF in JSON."""
    return _send(kit, to, batch, _ocsf)


def send_cef(kit: Kit, to: Destination, _secret: Secret, batch: Batch) -> Sequence[Refused]:
    """Send a batch whose messages are CEF."""
    return _send(kit, to, batch, _cef)


def _send(kit: Kit, to: Destination, batch: Batch, message: _Message) -> Sequence[Refused]:
    frames, refused = [], []
    for one in batch.entries:
        text = _line(kit.host, one, batch.place, *message(one, batch.place)).encode("utf-8", "backslashreplace")
        if len(text) > LONGEST:
            refused.append(Refused(one, f"larger than {LONGEST} bytes", is_certain=True))
        else:
            frames.append(b"%d %s" % (len(text), text))
    if frames:
        try:
            kit.egress.send_stream(to.url, b"".join(frames), kit.times)
        except (EgressDenied, EgressFailed, OutgoingMalformed) as refusal:
            raise PeerFailed(reason=str(refusal)) from None
    return refused


def _line(host: str, one: Sealed, place: Place, severity: int, message: str) -> str:
    stamp = one.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    said = {"id": str(one.event_id), "event": one.event, "log": place.log, "position": one.position}
    parts = " ".join(f'{name}="{_quoted(str(value))}"' for name, value in said.items() if value is not None)
    priority = _FACILITY * 8 + _SYSLOG[severity]
    return f"<{priority}>1 {stamp} {host[:255] or '-'} cloister - audit [{_STRUCTURED} {parts}] {message}"


def _quoted(text: str) -> str:
    return "".join("\\" + sign if sign in '"\\]' else sign for sign in text)


def _ocsf(one: Sealed, place: Place) -> tuple[int, str]:
    said = ocsf(one, place)
    return said["severity_id"], line(said)


def _cef(one: Sealed, place: Place) -> tuple[int, str]:
    said = ocsf(one, place)
    head = [
        "CEF:0",
        "Cloister",
        "Cloister",
        appliance.__version__,
        one.event,
        said["message"],
        str(_CEF[said["severity_id"]]),
    ]
    actor, source = said["actor"].get("user", {}), said.get("src_endpoint", {})
    extension = {
        "rt": said["time"],
        "externalId": one.event_id,
        "outcome": said["status_code"],
        "suid": actor.get("uid"),
        "suser": actor.get("name"),
        "src": source.get("ip") if ":" not in source.get("ip", "") else None,
        "c6a2": source.get("ip") if ":" in source.get("ip", "") else None,
        "c6a2Label": "Source IPv6 Address" if ":" in source.get("ip", "") else None,
        "duid": said["unmapped"].get("subject"),
        "cat": said["class_name"],
        "cs1Label": "log",
        "cs1": place.log,
        "cs2Label": "facts",
        "cs2": line(said["unmapped"]["facts"]),
        "cs3Label": "request",
        "cs3": said["metadata"].get("correlation_uid"),
        "cn1Label": "position",
        "cn1": one.position,
    }
    shown = " ".join(f"{name}={_value(str(value))}" for name, value in extension.items() if value is not None)
    return said["severity_id"], "|".join(map(_field, head)) + "|" + shown


def _field(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\r", " ").replace("\n", " ")


def _value(text: str) -> str:
    return text.replace("\\", "\\\\").replace("=", "\\=").replace("\r", "\\r").replace("\n", "\\n")
