"""RFC 7644 from a request to an answer, without HTTP: each request is one transaction, and what is refused is on record."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from pydantic import ValidationError
from scim2_models import (
    Context,
    Error,
    ForbiddenException,
    InvalidSyntaxException,
    InvalidValueException,
    ListResponse,
    NotFoundException,
    NotImplementedException,
    PatchOp,
    Resource,
    ResourceType,
    ResponseParameters,
    Schema,
    SCIMException,
)

from appliance import audit
from appliance.audit import Event, Outcome
from appliance.identity.errors import LastOwner
from appliance.identity.scim import groups, users
from appliance.identity.scim.patches import body_steps, check_paths
from appliance.identity.scim.resources import address_of, tag_of
from appliance.identity.scim.schemas import CONFIG, MOST_STEPS, PROVIDER, Group, Person
from appliance.identity.scim.searching import KINDS, groups_as_bodies, search
from appliance.identity.scim.service import turn
from appliance.identity.scim.tables import ProvisionedGroupRow, ProvisionedUserRow
from appliance.identity.scim.tokens import require_standing
from appliance.identity.scim.values import Answered, Asked, Client
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.errors import Kind, Refusal
from appliance.kernel.problems import STATUS

WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_SEARCH: Final = ".search"
_RESPONSES: Final = {
    "POST": Context.RESOURCE_CREATION_RESPONSE,
    "PUT": Context.RESOURCE_REPLACEMENT_RESPONSE,
    "PATCH": Context.RESOURCE_PATCH_RESPONSE,
}
_NUMBERS: Final = ("startIndex", "count")
_METHOD_NOT_ALLOWED: Final = 405


def answer(db: Database, client: Client, asked: Asked, *, clock: Clock) -> Answered:
    """Answer a request of a provider's program, a refusal in SCIM's own form."""
    with PROVIDER:
        try:
            return _routed(db, client, asked, clock)
        except ValidationError as error:
            refused = Error.from_validation_errors(error)[0]
        except SCIMException as error:
            refused = error.to_error()
        except Refusal as refusal:
            refused = error_of(refusal)
    _note(db, client, asked, refused)
    return answered_with(refused)


def error_of(refusal: Refusal) -> Error:
    """Return a refusal of ours as SCIM's error (RFC 7644 3.12)."""
    status = 400 if refusal.kind is Kind.INVALID else STATUS[refusal.kind]
    word = "mutability" if isinstance(refusal, LastOwner) else "invalidValue" if refusal.kind is Kind.INVALID else None
    return Error(status=status, scim_type=word, detail=str(refusal))


def fault(status: int, detail: str, *, word: str | None = None) -> Answered:
    """Return what is no request at all as an answer."""
    return answered_with(Error(status=status, scim_type=word, detail=detail))


def answered_with(error: Error) -> Answered:
    """Return an error as an answer."""
    return Answered(error.status or 400, error.model_dump(scim_ctx=Context.DEFAULT))


def _routed(db: Database, client: Client, asked: Asked, clock: Clock) -> Answered:
    parts = [part for part in asked.path.split("/") if part]
    match parts:
        case [] | [".search"]:
            _require_method(asked, "POST" if parts else "GET")
            return _found(db, client, asked, list(KINDS))
        case [kind] if kind in KINDS:
            _require_method(asked, "GET", "POST")
            return _found(db, client, asked, [kind]) if asked.method == "GET" else _created(db, client, asked, kind, clock)
        case [kind, ".search"] if kind in KINDS:
            _require_method(asked, "POST")
            return _found(db, client, asked, [kind])
        case [kind, resource_id] if kind in KINDS:
            _require_method(asked, "GET", "PUT", "PATCH", "DELETE")
            return _on_one(db, client, asked, kind, resource_id, clock)
        case ["Bulk"]:
            _require_method(asked, "POST")
            from appliance.identity.scim.bulk import run_bulk

            return run_bulk(asked.body, lambda one: answer(db, client, one, clock=clock), base=client.base)
        case ["Me", *_]:
            raise NotImplementedException(detail="A program is nobody: there is no /Me.")
    return _described(client, asked, parts)


def _require_method(asked: Asked, *methods: str) -> None:
    if asked.method not in methods:
        raise SCIMException.from_error(Error(status=_METHOD_NOT_ALLOWED, detail="This address cannot be used in that way."))


def _described(client: Client, asked: Asked, parts: list[str]) -> Answered:
    """Describe the service. Whoever filters what it is, is refused (RFC 7644 4)."""
    described: dict[str, tuple[Any, type[Resource[Any]]]] = {
        "Schemas": (PROVIDER.schemas, Schema), "ResourceTypes": (PROVIDER.resource_types, ResourceType),
    }  # fmt: skip
    if parts == ["ServiceProviderConfig"]:
        _require_method(asked, "GET")
        return Answered(200, _located(CONFIG, client, "ServiceProviderConfig"))
    if not parts or parts[0] not in described or len(parts) > 2:  # noqa: PLR2004 - a kind, and one of it
        raise NotFoundException(detail="There is nothing at this address.")
    _require_method(asked, "GET")
    if asked.query.get("filter"):
        raise ForbiddenException(detail="What describes the service is not filtered.")
    many, model = described[parts[0]]
    shown = [_located(one, client, f"{parts[0]}/{one.id or one.name}") for one in many]
    if len(parts) == 1:
        listed: Any = ListResponse[model]  # type: ignore[valid-type]  # the kind at hand
        empty = listed(total_results=len(shown), start_index=1, items_per_page=len(shown), resources=[])
        return Answered(200, empty.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE) | {"Resources": shown})
    found = next((one for one in shown if parts[1] in {one.get("id"), one.get("name")}), None)
    if found is None:
        raise NotFoundException(detail="There is nothing at this address.")
    return Answered(200, found)


def _located(resource: Any, client: Client, path: str) -> dict[str, Any]:
    said: dict[str, Any] = resource.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE)
    return said | {"meta": {"resourceType": type(resource).__name__, "location": f"{client.base}/{path}"}}


def _found(db: Database, client: Client, asked: Asked, kinds: list[str]) -> Answered:
    said = _object(asked.body) if asked.method == "POST" else dict(asked.query)
    if asked.method == "GET":
        for name in _NUMBERS:
            if name in said and not said[name].lstrip("-").isdecimal():
                raise InvalidSyntaxException(detail=f"{name} is an integer.")
    with db.tenant(client.tenant_id) as tx:
        return Answered(200, search(tx, client, kinds, said))


def _created(db: Database, client: Client, asked: Asked, kind: str, clock: Clock) -> Answered:
    model: Any = KINDS[kind][0]
    said = model.model_validate(_object(asked.body), scim_ctx=Context.RESOURCE_CREATION_REQUEST)
    with _written(db, client, clock) as tx:
        create: Callable[..., Any] = users.create_user if kind == "Users" else groups.create_group
        row = create(tx, client, said, clock=clock)
        return _shown(tx, client, asked, row, status=201)


def _on_one(
    db: Database, client: Client, asked: Asked, kind: str, resource_id: str, clock: Clock
) -> Answered:
    if asked.method == "GET":
        return _read(db, client, asked, kind, resource_id)
    of = users if kind == "Users" else groups
    more: dict[str, Any] = {"if_match": asked.if_match, "clock": clock}
    if asked.method == "DELETE":
        with _written(db, client, clock) as tx:
            delete: Callable[..., None] = users.delete_user if of is users else groups.delete_group
            delete(tx, client, resource_id, **more)
        return Answered(204)
    body = _object(asked.body)
    if len(body_steps(body)) > MOST_STEPS:
        raise InvalidValueException(detail=f"A PATCH has at most {MOST_STEPS} operations.")
    check_paths(body)
    with _written(db, client, clock) as tx:
        row: Any
        if asked.method == "PUT":
            model: Any = KINDS[kind][0]
            said = model.model_validate(body, scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST)
            replaced: Callable[..., Any] = users.replace_user if of is users else groups.replace_group
            row = replaced(tx, client, resource_id, said, **more)
        elif of is users:
            patch: Any = PatchOp[Person]
            said = patch.model_validate(body, scim_ctx=Context.RESOURCE_PATCH_REQUEST)
            row = users.patch_user(tx, client, resource_id, said, **more)
        else:
            row = groups.patch_group(tx, client, resource_id, body, **more)
            if not asked.query.get("attributes"):  # a group may be large, and who changes it knows what it said
                return Answered(204, tag=tag_of(row))
        return _shown(tx, client, asked, row)


def _read(db: Database, client: Client, asked: Asked, kind: str, resource_id: str) -> Answered:
    with db.tenant(client.tenant_id) as tx:
        row: Any
        if kind == "Users":
            row = users.get_user(tx, client, resource_id)
        else:
            row = groups.get_row(tx, client, resource_id, is_locked=False)
        tag = tag_of(row).removeprefix("W/")
        if asked.if_none_match and tag in {one.strip().removeprefix("W/") for one in asked.if_none_match.split(",")}:
            return Answered(304, tag=tag_of(row))
        return _shown(tx, client, asked, row)


def _shown(
    tx: Tx, client: Client, asked: Asked, row: ProvisionedUserRow | ProvisionedGroupRow, *, status: int = 200
) -> Answered:
    tx.flush()
    model: Any = Person if isinstance(row, ProvisionedUserRow) else Group
    named = {name: asked.query[name] for name in ("attributes", "excludedAttributes") if name in asked.query}
    wanted: Any = ResponseParameters[model].model_validate(named)
    context = _RESPONSES.get(asked.method, Context.RESOURCE_QUERY_RESPONSE)
    if isinstance(row, ProvisionedUserRow):
        tx.refresh(row)  # its version may have grown with its groups
        shown = users.users_as_resources(tx, client, [row])[0]
        body = shown.model_dump(scim_ctx=context, response_parameters=wanted)
    else:
        body = groups_as_bodies(tx, client, [row], wanted, context)[0]
    kind = "Users" if isinstance(row, ProvisionedUserRow) else "Groups"
    return Answered(status, body, tag_of(row), address_of(client, kind, row.resource_id))


@contextmanager
def _written(db: Database, client: Client, clock: Clock) -> Iterator[Tx]:
    """Open a transaction that writes: one at a time for each connection, and only while the token is good. Raises TokenRefused."""
    with db.tenant(client.tenant_id) as tx:
        turn(tx, client.connection_id)
        require_standing(tx, client, clock=clock)
        yield tx


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise InvalidSyntaxException(detail="The body is a JSON object.")
    return body


def _note(db: Database, client: Client, asked: Asked, error: Error) -> None:
    """Put on record that a change was refused, and why; whatever was begun is rolled back by now."""
    if asked.method not in WRITES or asked.path.rstrip("/").endswith(_SEARCH):
        return
    kind = next((part for part in asked.path.split("/") if part), "")
    with db.tenant(client.tenant_id) as tx:
        audit.record(
            tx, client.actor, Event.PROVISIONING_REFUSED, subject=client.connection_id, outcome=Outcome.REFUSED,
            reason=error.scim_type or str(error.status), status=error.status or 400, method=asked.method,
            resource=kind if kind in {*KINDS, "Bulk"} else "",
        )  # fmt: skip
