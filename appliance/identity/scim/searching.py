"""Lists of resources: which, in which order, which part. At most so many at once, whatever is asked for."""

from typing import Any, Final
from uuid import UUID

from scim2_models import Context, Resource, ScimFilter, SearchRequest
from sqlalchemy import ColumnElement, func, select

from appliance.identity.scim.filtering import check_size, condition_of, order_of
from appliance.identity.scim.groups import first_of, members_of
from appliance.identity.scim.resources import add_members, as_group
from appliance.identity.scim.schemas import MOST_RESULTS, Group, Person
from appliance.identity.scim.tables import ProvisionedGroupRow, ProvisionedUserRow
from appliance.identity.scim.users import users_as_resources
from appliance.identity.scim.values import Client
from appliance.kernel.db import Tx

_LIST: Final = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_USUAL: Final = 100
_FARTHEST: Final = 1_000_000_000
AnyRow = ProvisionedUserRow | ProvisionedGroupRow
KINDS: Final[dict[str, tuple[type[Resource[Any]], type[AnyRow]]]] = {
    "Users": (Person, ProvisionedUserRow),
    "Groups": (Group, ProvisionedGroupRow),
}


def search(tx: Tx, client: Client, kinds: list[str], said: dict[str, Any]) -> dict[str, Any]:
    """Return what is asked for of these kinds, people before groups, as a list response."""
    check_size(str(said.get("filter") or ""))
    models = [KINDS[kind][0] for kind in kinds]
    asked = _request(models, said)
    wanted = min(_USUAL if asked.count is None else asked.count, MOST_RESULTS)
    start = min(asked.start_index or 1, _FARTHEST)
    total, found = 0, list[dict[str, Any]]()
    for kind in kinds:
        model, table = KINDS[kind]
        condition = _condition(client, asked, model, table)
        here = int(tx.scalar(select(func.count()).select_from(table).where(*condition)) or 0)
        skipped = max(0, start - 1 - total)
        total += here
        if wanted > len(found) and skipped < here:
            query = select(table).where(*condition).order_by(*order_of(asked, model, table))
            rows = list(tx.scalars(query.offset(skipped).limit(wanted - len(found))))
            found += _bodies(tx, client, rows, asked)
    return _answer(total=total, start=start, found=found)


def _request(models: list[type[Resource[Any]]], said: dict[str, Any]) -> SearchRequest[Any]:
    model: Any = SearchRequest[models[0] if len(models) == 1 else models[0] | models[1]]  # type: ignore[misc]  # a union of what is searched
    request: SearchRequest[Any] = model.model_validate(said, scim_ctx=Context.SEARCH_REQUEST)
    return request


def _condition(
    client: Client, asked: SearchRequest[Any], model: type[Resource[Any]], table: type[AnyRow]
) -> list[ColumnElement[bool]]:
    ours = [table.tenant_id == client.tenant_id, table.connection_id == client.connection_id]
    if asked.filter:
        bound: Any = ScimFilter[model]  # type: ignore[valid-type]  # the kind at hand, of those that are searched
        ours.append(condition_of(bound(asked.filter), table))
    return ours


def _bodies(tx: Tx, client: Client, rows: list[Any], asked: SearchRequest[Any]) -> list[dict[str, Any]]:
    if rows and isinstance(rows[0], ProvisionedGroupRow):
        return groups_as_bodies(tx, client, rows, asked, Context.RESOURCE_QUERY_RESPONSE)
    shown = users_as_resources(tx, client, rows)
    return [one.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE, response_parameters=asked) for one in shown]


def groups_as_bodies(
    tx: Tx, client: Client, rows: list[ProvisionedGroupRow], wanted: Any, context: Context
) -> list[dict[str, Any]]:
    """Return groups as an answer says them, with the people in them unless they are not wanted: fewer groups where they are large."""
    with_members = wants_members(wanted)
    shown = first_of(tx, rows) if with_members else rows
    members = members_of(tx, [row.resource_id for row in shown]) if with_members else dict[UUID, list[UUID]]()
    found = []
    for row in shown:
        body = as_group(row, client, ()).model_dump(scim_ctx=context, response_parameters=wanted)
        add_members(body, client, members.get(row.resource_id, ()), _parts(wanted))
        found.append(body)
    return found


def _parts(wanted: Any) -> set[str]:
    """Return which parts of members are asked for by name, none for all."""
    named = [str(path).lower().rpartition(":")[2] for path in wanted.attributes or ()]
    return set() if "members" in named else {name.partition(".")[2] for name in named if name.startswith("members.")}


def wants_members(asked: Any) -> bool:
    """Say whether an answer is to hold who is in a group, which may be many: not if it is left out, or not among what is named."""
    left_out = {str(path).lower().rpartition(":")[2] for path in asked.excluded_attributes or ()}
    named = {str(path).lower().rpartition(":")[2].partition(".")[0] for path in asked.attributes or ()}
    return "members" not in left_out and (not named or "members" in named)


def _answer(*, total: int, start: int, found: list[dict[str, Any]]) -> dict[str, Any]:
    counts = {"totalResults": total, "startIndex": start, "itemsPerPage": len(found)}
    return {"schemas": [_LIST], **counts, "Resources": found}
