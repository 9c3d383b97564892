"""Many requests in one (RFC 7644 3.7): each is done, or refused, for itself, as if it had come alone."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from scim2_models import Context, Error, InvalidSyntaxException, InvalidValueException, PayloadTooLargeException

from appliance.identity.scim.schemas import MOST_OPERATIONS
from appliance.identity.scim.values import Answered, Asked

_NAME: Final = "bulkId:"
_REQUEST: Final = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
_RESPONSE: Final = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
_METHODS: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_FAILED: Final = 400
Answer = Callable[[Asked], Answered]


def run_bulk(body: Any, answer: Answer, *, base: str) -> Answered:
    """Do what a bulk request holds, what is referred to by its bulkId first. Raises PayloadTooLargeException."""
    operations, most_failures = _read(body)
    made, done, failures = dict[str, str](), dict[int, dict[str, Any]](), 0
    waiting = dict(enumerate(operations))
    while waiting and (most_failures is None or failures < most_failures):
        ready = next((at for at, one in waiting.items() if not _missing(one, made, waiting.values())), None)
        if ready is None:  # they refer to each other in a circle
            for at, one in waiting.items():
                done[at] = _refused(one, 409, "These operations refer to each other.")
            break
        one = waiting.pop(ready)
        done[ready] = _done(one, made, answer, base)
        failures += int(done[ready]["status"]) >= _FAILED
    shown = [done[at] for at in sorted(done)]
    return Answered(200, {"schemas": [_RESPONSE], "Operations": shown})


def _read(body: Any) -> tuple[list[dict[str, Any]], int | None]:
    if not isinstance(body, dict) or _REQUEST not in (body.get("schemas") or ()):
        raise InvalidSyntaxException(detail="The body is a BulkRequest.")
    operations, most = body.get("Operations"), body.get("failOnErrors")
    if not isinstance(operations, list) or not all(isinstance(one, dict) for one in operations):
        raise InvalidSyntaxException(detail="Operations is a list of objects.")
    if len(operations) > MOST_OPERATIONS:
        raise PayloadTooLargeException(detail=f"At most {MOST_OPERATIONS} operations are done at once.")
    if most is not None and not (isinstance(most, int) and most >= 0):
        raise InvalidValueException(detail="failOnErrors is a whole number.")
    return operations, most or None


def _done(one: dict[str, Any], made: dict[str, str], answer: Answer, base: str) -> dict[str, Any]:
    method, path, name = str(one.get("method", "")).upper(), one.get("path"), one.get("bulkId")
    if method not in _METHODS or not isinstance(path, str) or (method == "POST" and not isinstance(name, str)):
        return _refused(one, _FAILED, "An operation has a method, a path, and to create something a bulkId.")
    path = _resolved(path, made)
    parts = [part for part in path.split("/") if part]
    if not parts or parts[0] not in {"Users", "Groups"} or parts[-1] == ".search":
        return _refused(one, _FAILED, "Operations are on users and groups.")
    version = one.get("version")
    found = answer(
        Asked(method, path, body=_resolved(one.get("data"), made), if_match=version if isinstance(version, str) else "")
    )
    result: dict[str, Any] = {"method": method, "status": str(found.status)}
    if isinstance(name, str):
        result["bulkId"] = name
    if found.location is None and method != "POST":
        result["location"] = f"{base}/{'/'.join(parts)}"
    if found.location is not None:
        result["location"] = found.location
        if isinstance(name, str):
            made[name] = found.location.rpartition("/")[2]
    if found.tag is not None:
        result["version"] = found.tag
    if found.status >= _FAILED:
        result["response"] = found.body
    return result


def _refused(one: dict[str, Any], status: int, detail: str) -> dict[str, Any]:
    method, name = one.get("method"), one.get("bulkId")
    error = Error(status=status, scim_type="invalidValue" if status == _FAILED else None, detail=detail)
    result: dict[str, Any] = {"status": str(status), "response": error.model_dump(scim_ctx=Context.DEFAULT)}
    if isinstance(method, str):
        result["method"] = method
    if isinstance(name, str):
        result["bulkId"] = name
    return result


def _missing(one: dict[str, Any], made: dict[str, str], waiting: Any) -> bool:
    """Say whether an operation refers to what another one, which waits too, is to create."""
    coming = {other.get("bulkId") for other in waiting if other is not one and other.get("method") == "POST"}
    return any(name in coming and name not in made for name in _names(one.get("data"), one.get("path")))


def _names(*values: Any) -> Iterator[str]:
    for value in values:
        match value:
            case str() if _NAME in value:
                yield from (part.removeprefix(_NAME) for part in value.split("/") if part.startswith(_NAME))
            case dict():
                yield from _names(*value.values())
            case list():
                yield from _names(*value)


def _resolved(value: Any, made: dict[str, str]) -> Any:
    match value:
        case str() if _NAME in value:
            parts = value.split("/")
            return "/".join(made.get(part.removeprefix(_NAME), part) if part.startswith(_NAME) else part for part in parts)
        case dict():
            return {name: _resolved(one, made) for name, one in value.items()}
        case list():
            return [_resolved(one, made) for one in value]
        case _:
            return value
