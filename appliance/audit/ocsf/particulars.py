"""What each class of OCSF demands beside what every event has."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import appliance
from appliance.audit.events import Event
from appliance.audit.meanings import MEANING
from appliance.audit.ocsf.values import OTHER, Class
from appliance.audit.values import Entry

PRODUCT: Final = "Cloister"
_UNKNOWN: Final = "unknown"
_MEANING: Final[Mapping[str, str]] = {event.value: meaning for event, meaning in MEANING.items()}


def _account(entry: Entry) -> dict[str, Any]:
    return {"user": person(entry.subject)}


def _authentication(entry: Entry) -> dict[str, Any]:
    # A token's subject is the token; whose it is, is the actor.
    who = entry.actor.id if entry.event == Event.TOKEN_MISPLACED else entry.subject or entry.actor.id
    is_second = entry.event == Event.SECOND_FACTOR_FAILED
    return {"user": person(who), "service": {"name": PRODUCT}, **({"is_mfa": True} if is_second else {})}


def _authorisation(entry: Entry) -> dict[str, Any]:
    return {"user": person(entry.actor.id), "privileges": [noun(entry.event)]}


def _access(entry: Entry) -> dict[str, Any]:
    return {"user": person(entry.subject), "privileges": [str(entry.facts.get("role", _UNKNOWN))]}


def _group(entry: Entry) -> dict[str, Any]:
    return {"group": _named(entry)}


def _entity(entry: Entry) -> dict[str, Any]:
    return {"entity": {**_named(entry), "type_id": OTHER, "type": noun(entry.event)}}


def _lifecycle(_entry: Entry) -> dict[str, Any]:
    return {"app": {"name": PRODUCT, "version": appliance.__version__}}


def _api(entry: Entry) -> dict[str, Any]:
    """A model call: the profile ai_operation has a place for the model, and for the tokens once they are known."""
    found: dict[str, Any] = {"api": {"operation": entry.event}}
    model, prompt, answer = (entry.facts.get(name) for name in ("model", "prompt_tokens", "answer_tokens"))
    if isinstance(model, str) and model:
        provider, _, name = model.rpartition("/")
        found["ai_model"] = {"name": name, "ai_provider": provider or PRODUCT}
    if isinstance(prompt, int) and isinstance(answer, int):
        found["message_context"] = {
            "service": {"name": PRODUCT},
            "prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer,
        }  # fmt: skip
    return found


def _datastore(entry: Entry) -> dict[str, Any]:
    if entry.event == Event.PASSAGES_RETRIEVED:
        return {"database": {"name": noun(entry.event), "type_id": 7, "type": "Vector"}}
    return {"table": {**_named(entry), "name": noun(entry.event)}}


def _file(entry: Entry) -> dict[str, Any]:
    return {"file": {"name": entry.subject or noun(entry.event), "type_id": 1, **_named(entry)}}


def _compliance(entry: Entry) -> dict[str, Any]:
    return {
        **_finding(entry),
        "compliance": {"control": noun(entry.event), "status_id": 2, "status": "Warning"},
    }


def _finding(entry: Entry) -> dict[str, Any]:
    return {"finding_info": {"uid": str(entry.event_id), "title": meaning(entry.event)}}


def _nothing(_entry: Entry) -> dict[str, Any]:
    return {}


PARTICULARS: Final[Mapping[Class, Callable[[Entry], dict[str, Any]]]] = {
    Class.ACCESS: _access,
    Class.ACCOUNT: _account,
    Class.API: _api,
    Class.AUTHENTICATION: _authentication,
    Class.AUTHORISATION: _authorisation,
    Class.COMPLIANCE: _compliance,
    Class.DATASTORE: _datastore,
    Class.DATA_SECURITY: _finding,
    Class.ENTITY: _entity,
    Class.ERROR: _nothing,
    Class.FILE: _file,
    Class.GROUP: _group,
    Class.LIFECYCLE: _lifecycle,
}


def person(found: object) -> dict[str, Any]:
    """Return who it is by their id, or that nobody knows."""
    return {"uid": str(found), "type_id": 1, "type": "User"} if found else {"name": _UNKNOWN, "type_id": 0}


def _named(entry: Entry) -> dict[str, Any]:
    if entry.subject:
        return {"uid": entry.subject}
    return {"name": str(entry.facts.get("name") or entry.facts.get("model") or noun(entry.event))}


def meaning(event: str) -> str:
    """Return what the catalogue says of an event; of one that it does not know, its name."""
    return _MEANING.get(event, event)


def noun(event: str) -> str:
    """Return what an event is about: its middle word."""
    return event.split(":")[1].replace("_", " ") if event.count(":") > 1 else event


def last_word(event: str) -> str:
    """Return what was done, as the event's name says it."""
    return event.rsplit(":", 1)[-1].replace("_", " ").capitalize()
