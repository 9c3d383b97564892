"""One entry of the log as an event of OCSF."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import appliance
from appliance.audit.committing import ADDRESS
from appliance.audit.ocsf.kinds import KINDS, SEVERITIES
from appliance.audit.ocsf.particulars import PARTICULARS, PRODUCT, last_word, meaning, person
from appliance.audit.ocsf.values import OTHER, VERSION, Class, Severity
from appliance.audit.values import Actor, ActorKind, Entry, Outcome
from appliance.kernel.ids import TenantId

_KINDS: Mapping[str, tuple[Class, int]] = {event.value: kind for event, kind in KINDS.items()}
_SEVERITIES: Mapping[str, Severity] = {event.value: severity for event, severity in SEVERITIES.items()}
_STATUS = {Outcome.SUCCESS: (1, "Success"), Outcome.FAILURE: (2, "Failure"), Outcome.REFUSED: (2, "Failure")}


@dataclass(frozen=True)
class Place:
    """Where an entry lies: whose log it is, and which. `log` is the log's origin, as its checkpoints name it."""

    tenant_id: TenantId
    organisation: str
    log: str


def record(entry: Entry, place: Place, *, position: int | None = None, body: bytes | None = None) -> dict[str, Any]:
    """Return the entry as OCSF has it. `position` in the log and the sealed `body` are given along where they are known."""
    # An event that a later version wrote, before it was taken back, is told as well: a stream must not stop at it.
    of, activity = _KINDS.get(entry.event, (Class.API, OTHER))
    event = entry.event
    return {
        **_classified(event, of, activity),
        **_status(entry),
        "time": int(entry.at.timestamp() * 1000),
        "message": meaning(event),
        "metadata": _metadata(entry, place, of, position),
        "actor": _actor(entry.actor, place),
        **({"src_endpoint": _source(entry)} if of.value.names_source else {}),
        **PARTICULARS[of](entry),
        "unmapped": {
            **({"subject": entry.subject} if entry.subject else {}),
            "facts": dict(entry.facts),
            **({"undisclosed": {name: lack.value for name, lack in entry.undisclosed.items()}} if entry.undisclosed else {}),
        },
        **(_raw(body) if body is not None else {}),
    }


def severity_of(event: str) -> Severity:
    """Return how severe an event is; one that a later version wrote is informational."""
    return _SEVERITIES.get(event, Severity.INFORMATIONAL)


def _classified(event: str, of: Class, activity: int) -> dict[str, Any]:
    category, category_name = of.category
    done = of.value.activities[activity] if activity != OTHER else last_word(event)
    severity = severity_of(event)
    return {
        "category_uid": category,
        "category_name": category_name,
        "class_uid": of.value.uid,
        "class_name": of.value.name,
        "activity_id": activity,
        "activity_name": done,
        "type_uid": of.value.uid * 100 + activity,
        "type_name": f"{of.value.name}: {done if activity != OTHER else 'Other'}",
        "severity_id": severity.value,
        "severity": severity.name.capitalize(),
    }


def _status(entry: Entry) -> dict[str, Any]:
    status_id, status = _STATUS[entry.outcome]
    return {"status_id": status_id, "status": status, "status_code": entry.outcome.value}


def _metadata(entry: Entry, place: Place, of: Class, position: int | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "version": VERSION,
        "product": {"name": PRODUCT, "vendor_name": PRODUCT, "version": appliance.__version__},
        "uid": str(entry.event_id),
        "event_code": entry.event,
        "log_name": place.log,
        "tenant_uid": str(place.tenant_id),
    }
    if position is not None:
        found["sequence"] = position
    if entry.actor.request_id:
        found["correlation_uid"] = entry.actor.request_id
    if of.value.profile:
        found["profiles"] = [of.value.profile]
    return found


def _actor(actor: Actor, place: Place) -> dict[str, Any]:
    if actor.kind is ActorKind.SYSTEM:
        return {"app_name": PRODUCT}
    if actor.kind is ActorKind.OPERATOR:
        return {"user": {"name": "operator", "type_id": 2, "type": "Admin"}}
    return {"user": {**person(actor.id), "org": {"uid": str(place.tenant_id), "name": place.organisation}}}


def _source(entry: Entry) -> dict[str, Any]:
    if lack := entry.undisclosed.get(ADDRESS):
        return {"name": lack.value}
    try:
        return {"ip": str(ipaddress.ip_address(entry.actor.address or ""))}
    except ValueError:  # the console and the worker have no address: it was this host
        return {"name": "appliance"}


def _raw(body: bytes) -> dict[str, Any]:
    digest = sha256(body, usedforsecurity=False).hexdigest()
    text = body.decode("utf-8", "backslashreplace")
    return {
        "raw_data": text, "raw_data_size": len(body),
        "raw_data_hash": {"algorithm_id": 3, "algorithm": "SHA-256", "value": digest},
    }  # fmt: skip
