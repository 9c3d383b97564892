"""For the platform's operators, whose token is of the platform: organisations in numbers, and never their content."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from appliance import chat
from appliance.api.framework import Call, operation
from appliance.api.schemas import Email, Input, Listed, Output, Page, cut
from appliance.identity import Permission
from appliance.identity.operators import list_organisations as in_numbers
from appliance.identity.operators import set_suspended
from appliance.kernel.ids import TenantId
from appliance.tenancy.errors import OrganisationNameMissing
from appliance.vault.providing import OwnKeys, rules


class CountsOut(Output):
    """An organisation in numbers; `stored_bytes` is the size of its documents as uploaded."""

    tenant_id: UUID
    name: str
    created_at: datetime
    suspended_at: datetime | None
    people: int
    documents: int
    stored_bytes: int
    questions: int
    own_keys: OwnKeys


class OwnKeysIn(Input):
    """`forbidden`: it uses the shared providers alone. `required`: its own alone. `allowed`: its own first."""

    own_keys: OwnKeys = Field(examples=[OwnKeys.ALLOWED])


class NewOrganisationIn(Input):
    """Its first owner joins by the link that is returned."""

    name: Annotated[
        str,
        StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$"),
        Field(examples=["Example Textiles"]),
    ]
    owner_email: Email


class NewOrganisationOut(Output):
    tenant_id: UUID
    link: str


@operation("GET", "/platform/organisations", permission=Permission.PLATFORM_READ, query=Page, answer=Listed[CountsOut])
def list_organisations(call: Call) -> Listed[CountsOut]:
    """Return every organisation of this host, in numbers."""
    with call.tenant() as tx:
        found, said = in_numbers(tx, call.caller), rules.list_own_keys(tx, call.caller)
    rows, cursor = cut(found, call.query, key=lambda one: one.tenant_id)
    items = [CountsOut(**vars(one), own_keys=said.get(one.tenant_id, OwnKeys.ALLOWED)) for one in rows]
    return Listed[CountsOut](items=items, next_cursor=cursor)


@operation(
    "POST", "/platform/organisations", permission=Permission.PLATFORM_CHANGE, body=NewOrganisationIn, answer=NewOrganisationOut, status=201,
    refusals=(OrganisationNameMissing,),
)  # fmt: skip
def create_organisation(call: Call) -> NewOrganisationOut:
    """Create an organisation, and the link by which its first owner joins."""
    house = call.services
    tenant_id, token = chat.open_organisation(
        house.db, call.caller, name=call.body.name, owner_email=call.body.owner_email, clock=house.clock
    )
    return NewOrganisationOut(tenant_id=tenant_id, link=f"{house.settings.address}/join?link={token}")


@operation("PUT", "/platform/organisations/{tenant_id}/suspension", permission=Permission.PLATFORM_CHANGE)
def suspend_organisation(call: Call) -> None:
    """Close an organisation: sessions end, tokens are refused, nothing is deleted."""
    with call.tenant() as tx:
        set_suspended(tx, call.caller, TenantId(call.ids["tenant_id"]), is_suspended=True, clock=call.services.clock)


@operation("DELETE", "/platform/organisations/{tenant_id}/suspension", permission=Permission.PLATFORM_CHANGE)
def resume_organisation(call: Call) -> None:
    """Open an organisation again."""
    with call.tenant() as tx:
        set_suspended(tx, call.caller, TenantId(call.ids["tenant_id"]), is_suspended=False, clock=call.services.clock)


@operation("PUT", "/platform/organisations/{tenant_id}/own-keys", permission=Permission.PLATFORM_CHANGE, body=OwnKeysIn)
def set_own_keys(call: Call) -> None:
    """Say whether an organisation may, or must, use model providers' keys of its own. Its next call goes by it."""
    with call.tenant() as tx:
        rules.set_own_keys(tx, call.caller, TenantId(call.ids["tenant_id"]), call.body.own_keys)
