"""How identity providers provision people and groups. What they do then goes by SCIM, at /scim/v2, and not by this API."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from appliance.api.framework import Call, operation
from appliance.api.schemas import Input, Listed, Output, Page, cut
from appliance.identity import Permission
from appliance.identity.errors import Forbidden, LastOwner, TokenLimitMalformed
from appliance.identity.scim.errors import (
    ProvisioningOff,
    ProvisioningTokenMalformed,
    ProvisioningTokenNotFound,
    ProvisioningTokensTaken,
    SubjectsClash,
)
from appliance.identity.scim.service import (
    MOST_DAYS,
    TokenWish,
    change_provisioning,
    create_provisioning_token,
    list_provisionings,
    revoke_provisioning_token,
)
from appliance.identity.scim.service import get_provisioning as read_provisioning
from appliance.identity.scim.values import Service, SubjectOf
from appliance.identity.sso.errors import ConnectionNotFound

_Network = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[^\x00]*$")]


class ServiceOut(Output):
    """`subject_of`: which attribute of a person is the name that they sign in by. `needs_group`: access takes a mapped group."""

    is_on: bool
    subject_of: SubjectOf
    needs_group: bool


class ProvisioningTokenOut(Output):
    """A token of a provider's program; `hint` ends it."""

    token_id: UUID
    hint: str
    networks: list[str]
    created_by: UUID
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


class ProvisioningOut(Output):
    """How a connection provisions, and how many people and groups came by it."""

    connection_id: UUID
    name: str
    service: ServiceOut
    tokens: list[ProvisioningTokenOut]
    people: int
    with_access: int
    groups: int


class ProvisioningIn(Input):
    is_on: bool = Field(examples=[True])
    subject_of: SubjectOf = SubjectOf.EXTERNAL_ID
    needs_group: bool = Field(False, description="Who is in no group that a mapping names has no access.")


class ProvisioningTokenIn(Input):
    days: int = Field(180, ge=1, le=MOST_DAYS)
    networks: list[_Network] = Field(
        default_factory=list, max_length=100, description="From where it may be used, such as 20.0.0.0/8. Empty: from anywhere."
    )


class IssuedProvisioningTokenOut(Output):
    """A token with its secret, which is shown only now."""

    token: ProvisioningTokenOut
    secret: str


@operation("GET", "/provisioning", permission=Permission.SIGN_ON_CHANGE, query=Page, answer=Listed[ProvisioningOut])
def list_provisioning(call: Call) -> Listed[ProvisioningOut]:
    """Return the connections, each with how it provisions."""
    with call.tenant() as tx:
        found = list_provisionings(tx, call.caller)
    rows, cursor = cut(found, call.query, key=lambda one: one.connection_id)
    return Listed[ProvisioningOut](items=[ProvisioningOut.model_validate(one) for one in rows], next_cursor=cursor)


@operation(
    "GET", "/provisioning/{connection_id}", permission=Permission.SIGN_ON_CHANGE, answer=ProvisioningOut,
    refusals=(ConnectionNotFound,),
)  # fmt: skip
def get_provisioning(call: Call) -> ProvisioningOut:
    """Return how a connection provisions."""
    with call.tenant() as tx:
        return ProvisioningOut.model_validate(read_provisioning(tx, call.caller, call.ids["connection_id"]))


@operation(
    "PUT", "/provisioning/{connection_id}", permission=Permission.SIGN_ON_CHANGE, body=ProvisioningIn, answer=ProvisioningOut,
    refusals=(ConnectionNotFound, Forbidden, SubjectsClash, LastOwner),
)  # fmt: skip
def set_provisioning(call: Call) -> ProvisioningOut:
    """Switch provisioning on or off, and say how people are known. Off, people and what they may do stay as they are."""
    said = call.body
    wanted = Service(said.is_on, said.subject_of, said.needs_group)
    with call.tenant() as tx:
        found = change_provisioning(tx, call.caller, call.ids["connection_id"], wanted, clock=call.services.clock)
    return ProvisioningOut.model_validate(found)


@operation(
    "POST", "/provisioning/{connection_id}/tokens", permission=Permission.SIGN_ON_CHANGE, body=ProvisioningTokenIn,
    answer=IssuedProvisioningTokenOut, status=201,
    refusals=(ConnectionNotFound, Forbidden, ProvisioningOff, ProvisioningTokensTaken, ProvisioningTokenMalformed, TokenLimitMalformed),
)  # fmt: skip
def issue_provisioning_token(call: Call) -> IssuedProvisioningTokenOut:
    """Make a token for the provider's program, beside the one there is, so that it can be exchanged without a gap."""
    wish = TokenWish(call.body.days, tuple(call.body.networks))
    with call.tenant() as tx:
        issued = create_provisioning_token(tx, call.caller, call.ids["connection_id"], wish, clock=call.services.clock)
    return IssuedProvisioningTokenOut(token=ProvisioningTokenOut.model_validate(issued.token), secret=issued.secret)


@operation(
    "DELETE", "/provisioning/{connection_id}/tokens/{provisioning_token_id}", permission=Permission.SIGN_ON_CHANGE,
    refusals=(ConnectionNotFound, Forbidden, ProvisioningTokenNotFound),
)  # fmt: skip
def revoke_provisioning(call: Call) -> None:
    """End a token of the provider's program at once."""
    with call.tenant() as tx:
        revoke_provisioning_token(tx, call.caller, call.ids["connection_id"], call.ids["provisioning_token_id"])
