"""Between rows and resources: what is kept of a resource, how it is compared, and what is said of it."""

from collections.abc import Collection, Iterable
from typing import Any, Final, TypeVar
from unicodedata import normalize
from uuid import UUID

from scim2_models import Context, InvalidValueException, Meta, PreconditionFailedException, Resource

from appliance.identity.naming import plain_name
from appliance.identity.scim.schemas import (
    EnterpriseUser,
    Group,
    GroupMember,
    Person,
    User,
    UserGroup,
)
from appliance.identity.scim.tables import ProvisionedGroupRow, ProvisionedUserRow
from appliance.identity.scim.values import Client
from appliance.kernel.errors import check_storable

_SAID_BY_US: Final = ("id", "meta", "groups", "members")
Row = ProvisionedUserRow | ProvisionedGroupRow
R = TypeVar("R", bound=Resource[Any])
AnyUser = User[EnterpriseUser]
AnyGroup = Group[EnterpriseUser]


def kept(resource: AnyUser | AnyGroup) -> dict[str, Any]:
    """Return what is kept of a resource: what its provider said, without what we say of it."""
    said: dict[str, Any] = resource.model_dump(scim_ctx=Context.DEFAULT)
    check_storable(said)
    return {name: value for name, value in said.items() if name not in _SAID_BY_US}


def whole(model: type[R], patched: R) -> R:
    """Return what a PATCH made of a resource, checked as a whole: each step was checked for itself."""
    return model.model_validate(patched.model_dump(scim_ctx=Context.DEFAULT))


def folded(value: Any) -> Any:
    """Return the same with its texts in the form that comparisons take, where case does not matter (RFC 7643 2.2)."""
    match value:
        case str():
            return normalize("NFC", normalize("NFC", value).lower())
        case dict():
            return {name: folded(one) for name, one in value.items()}
        case list():
            return [folded(one) for one in value]
        case _:
            return value


def as_user(row: ProvisionedUserRow, client: Client, groups: dict[UUID, str]) -> AnyUser:
    """Return a person as a resource; `groups` are names by id."""
    found = Person.model_validate(row.doc)
    found.id, found.meta = str(row.resource_id), _meta(row, client)
    found.groups = [
        UserGroup.model_validate({"value": str(one), "$ref": address_of(client, "Groups", one), "display": name})
        for one, name in groups.items()
    ] or None
    return found


def as_group(row: ProvisionedGroupRow, client: Client, members: Iterable[UUID]) -> AnyGroup:
    """Return a group as a resource, with the people of these ids."""
    found: AnyGroup = Group.model_validate(row.doc)
    found.id, found.meta = str(row.resource_id), _meta(row, client)
    found.members = [
        GroupMember.model_validate(
            {"value": str(one), "$ref": address_of(client, "Users", one), "type": "User"}
        )
        for one in members
    ] or None
    return found


def add_members(body: dict[str, Any], client: Client, members: Iterable[UUID], parts: Collection[str]) -> None:
    """Say who is in a group, in `body`: of many, a model for each would take longer than all else. Of no parts, all of them."""
    found = [{"value": str(one), "$ref": address_of(client, "Users", one), "type": "User"} for one in members]
    if parts:
        found = [{name: value for name, value in one.items() if name.lower() in parts} for one in found]
    if found:
        body["members"] = found


def address_of(client: Client, kind: str, resource_id: UUID) -> str:
    """Return where a resource is."""
    return f"{client.base}/{kind}/{resource_id}"


def tag_of(row: Row) -> str:
    """Return a resource's entity tag (RFC 9110 8.8.3): weak, as what is said of it elsewhere may have changed."""
    return f'W/"{row.version}"'


def check_match(row: Row, if_match: str) -> None:
    """Raise PreconditionFailedException unless a resource is what the client believes."""
    given = [one.strip() for one in if_match.split(",") if one.strip()]
    plain = tag_of(row).removeprefix("W/")
    if given and not any(one == "*" or one.removeprefix("W/") == plain for one in given):
        raise PreconditionFailedException(detail="The resource has changed meanwhile. Read it, and send the request again.")


def display_name_of(said: AnyUser) -> str:
    """Return what a person is called."""
    name = said.name
    parts = [name.given_name or "", name.family_name or ""] if name else []
    found = said.display_name or (name.formatted if name else None) or " ".join(filter(None, parts)) or said.user_name
    return plain_name(found or "")[:120] or "?"


def checked_user(said: AnyUser) -> AnyUser:
    """Return a person who has a name to be known by. Raises InvalidValueException."""
    if not (said.user_name or "").strip():
        raise InvalidValueException(detail="userName must not be empty.")
    return said


def checked_group(said: AnyGroup) -> AnyGroup:
    """Return a group that has a name. Raises InvalidValueException."""
    if not (said.display_name or "").strip():
        raise InvalidValueException(detail="displayName must not be empty.")
    return said


def _meta(row: Row, client: Client) -> Meta:
    is_user = isinstance(row, ProvisionedUserRow)
    kind = "User" if is_user else "Group"
    return Meta(
        resource_type=kind, created=row.created_at, last_modified=row.changed_at,
        location=address_of(client, f"{kind}s", row.resource_id), version=tag_of(row),
    )  # fmt: skip
