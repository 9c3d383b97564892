from datetime import datetime
from uuid import UUID

from pydantic import AwareDatetime, Field

from appliance import identity
from appliance.api.framework import Call, operation
from appliance.api.schemas import Email, Input, Listed, Output, Page, cut, part
from appliance.identity import GroupId, MemberKind, Permission, Role, UserId
from appliance.identity.entry_errors import CustomRoleNotFound
from appliance.identity.errors import (
    AccessEnded,
    AccessEndMalformed,
    AlreadyMember,
    GroupNotFound,
    LastOwner,
    ResetByOperator,
    ResetNotAlone,
    RoleMisplaced,
    StillMember,
)
from appliance.identity.factors import FactorKind, remove_factors_of
from appliance.identity.invitations import InvitationForm
from appliance.identity.permissions import require_granted


class PersonOut(Output):
    """A member: a person, or a service account. `suspended_at` is set for those who were removed.

    `access_until` is set for auditors, and operators who were let in, whose access ends by itself. `role_title`: the name of
    a role of the organisation's own.
    """

    user_id: UUID
    display_name: str
    email: str
    role: Role
    custom_role_id: UUID | None
    role_title: str
    kind: MemberKind
    groups: list[UUID]
    joined_at: datetime
    last_seen_at: datetime | None
    suspended_at: datetime | None
    access_until: datetime | None


class RoleIn(Input):
    """For `custom`, a role of the organisation's own, `custom_role_id` says which."""

    role: Role = Field(examples=[Role.MEMBER])
    custom_role_id: UUID | None = None


class InvitationIn(Input):
    """For `custom`, a role of the organisation's own, `custom_role_id` says which."""

    email: Email
    role: Role = Role.MEMBER
    custom_role_id: UUID | None = None
    group_ids: list[UUID] = Field(default_factory=list, max_length=100)
    access_until: AwareDatetime | None = Field(
        None, description="For auditors: the moment at which their access ends by itself, with its zone."
    )


class InvitationOut(Output):
    invitation_id: UUID
    email: str
    role: Role
    custom_role_id: UUID | None
    role_title: str
    group_ids: list[UUID]
    created_at: datetime
    expires_at: datetime
    access_until: datetime | None


class InvitedOut(Output):
    """An invitation with its link, which is shown only now."""

    invitation: InvitationOut
    link: str


class LinkOut(Output):
    """A single-use link to a new password, which is shown only now."""

    link: str


class SessionOut(Output):
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    address: str
    agent: str


class SessionsOut(Output):
    items: list[SessionOut]


class FactorOut(Output):
    """A second factor that is in force."""

    factor_id: UUID
    kind: FactorKind
    label: str
    created_at: datetime
    last_used_at: datetime | None


class FactorsOut(Output):
    items: list[FactorOut]


@operation("GET", "/people", permission=Permission.PEOPLE_READ, query=Page, answer=Listed[PersonOut])
def list_people(call: Call) -> Listed[PersonOut]:
    """Return the members, those who were removed too."""
    with call.tenant() as tx:
        people = identity.list_people_after(tx, call.caller, call.query.cursor, limit=call.query.limit + 1)
    found, cursor = part(people, call.query, key=lambda one: one.user_id)
    return Listed[PersonOut](items=[PersonOut.model_validate(one) for one in found], next_cursor=cursor)


@operation("GET", "/people/{user_id}", permission=Permission.PEOPLE_READ, answer=PersonOut)
def get_person(call: Call) -> PersonOut:
    """Return a member."""
    with call.tenant() as tx:
        return PersonOut.model_validate(identity.get_person(tx, call.caller, UserId(call.ids["user_id"])))


@operation(
    "PUT", "/people/{user_id}/role", permission=Permission.ROLE_CHANGE, body=RoleIn, refusals=(LastOwner, RoleMisplaced)
)
def change_role(call: Call) -> None:
    """Give a member another role. Only owners make owners; the last owner stays."""
    with call.tenant() as tx:
        identity.change_role(
            tx, call.caller, UserId(call.ids["user_id"]), role=call.body.role, custom_role_id=call.body.custom_role_id
        )


@operation("DELETE", "/people/{user_id}", permission=Permission.PEOPLE_CHANGE, refusals=(LastOwner,))
def remove_person(call: Call) -> None:
    """Remove a member: sessions and tokens end now; what they wrote stays."""
    with call.tenant() as tx:
        identity.remove_member(tx, call.caller, UserId(call.ids["user_id"]), clock=call.services.clock)


@operation("POST", "/people/{user_id}/restoration", permission=Permission.PEOPLE_CHANGE, refusals=(AccessEnded,))
def restore_person(call: Call) -> None:
    """Let a removed member in again."""
    with call.tenant() as tx:
        identity.restore_member(tx, call.caller, UserId(call.ids["user_id"]), clock=call.services.clock)


@operation(
    "POST", "/people/{user_id}/log-erasure", permission=Permission.AUDIT_ERASE, refusals=(StillMember,)
)  # fmt: skip
def erase_from_log(call: Call) -> None:
    """Erase for ever the addresses and networks of a removed member's entries in the audit log. The entries stay, and are still proven."""
    with call.tenant() as tx:
        identity.erase_from_log(tx, call.caller, UserId(call.ids["user_id"]), clock=call.services.clock)


@operation("GET", "/people/{user_id}/sessions", permission=Permission.PEOPLE_CHANGE, answer=SessionsOut)
def list_sessions(call: Call) -> SessionsOut:
    """Return where a member is signed in."""
    with call.tenant() as tx:
        require_granted(call.caller, Permission.PEOPLE_CHANGE)
        identity.get_person(tx, call.caller, UserId(call.ids["user_id"]))
        found = identity.list_sessions(tx, call.caller, UserId(call.ids["user_id"]))
    return SessionsOut(items=[SessionOut.model_validate(one) for one in found])


@operation("DELETE", "/people/{user_id}/sessions", permission=Permission.PEOPLE_CHANGE)
def close_sessions(call: Call) -> None:
    """Sign a member out everywhere."""
    with call.tenant() as tx:
        identity.close_sessions_of(tx, call.caller, UserId(call.ids["user_id"]))


@operation(
    "POST",
    "/people/{user_id}/password-reset",
    permission=Permission.PASSWORD_RESET,
    answer=LinkOut,
    refusals=(ResetByOperator, ResetNotAlone),
)
def create_password_reset(call: Call) -> LinkOut:
    """Make a link to a new password, for somebody who belongs to no other organisation."""
    house = call.services
    with call.tenant() as tx:
        made = identity.create_password_reset(tx, call.caller, UserId(call.ids["user_id"]), clock=house.clock)
    return LinkOut(link=f"{house.settings.address}/reset?link={made.token}")


@operation("GET", "/people/{user_id}/factors", permission=Permission.PEOPLE_CHANGE, answer=FactorsOut)
def list_factors(call: Call) -> FactorsOut:
    """Return the second factors of a member."""
    with call.tenant() as tx:
        require_granted(call.caller, Permission.PEOPLE_CHANGE)
        person = identity.get_person(tx, call.caller, UserId(call.ids["user_id"]))
        found = identity.list_factors(tx, person.user_id)
    return FactorsOut(items=[FactorOut.model_validate(one) for one in found])


@operation("DELETE", "/people/{user_id}/factors", permission=Permission.PASSWORD_RESET)
def remove_factors(call: Call) -> None:
    """Take the second factors of somebody who lost them."""
    with call.tenant() as tx:
        remove_factors_of(tx, call.caller, UserId(call.ids["user_id"]))


@operation("GET", "/invitations", permission=Permission.PEOPLE_READ, query=Page, answer=Listed[InvitationOut])
def list_invitations(call: Call) -> Listed[InvitationOut]:
    """Return the open invitations."""
    with call.tenant() as tx:
        found = identity.list_invitations(tx, call.caller, clock=call.services.clock)
    rows, cursor = cut(found, call.query, key=lambda one: one.invitation_id)
    return Listed[InvitationOut](items=[InvitationOut.model_validate(one) for one in rows], next_cursor=cursor)


@operation(
    "POST", "/invitations", permission=Permission.PEOPLE_CHANGE, body=InvitationIn, answer=InvitedOut, status=201,
    refusals=(AccessEndMalformed, AlreadyMember, CustomRoleNotFound, GroupNotFound, RoleMisplaced),
)  # fmt: skip
def create_invitation(call: Call) -> InvitedOut:
    """Invite somebody by a link that works once, within seven days. It is for you to hand over: none is mailed."""
    house, body = call.services, call.body
    groups = tuple(GroupId(one) for one in body.group_ids)
    form = InvitationForm(body.email, body.role, groups, body.access_until, body.custom_role_id)
    with call.tenant() as tx:
        invited = identity.invite(tx, call.caller, form, clock=house.clock)
    link = f"{house.settings.address}/join?link={invited.token}"
    return InvitedOut(invitation=InvitationOut.model_validate(invited.invitation), link=link)


@operation("DELETE", "/invitations/{invitation_id}", permission=Permission.PEOPLE_CHANGE)
def revoke_invitation(call: Call) -> None:
    """Take an invitation back."""
    with call.tenant() as tx:
        identity.revoke_invitation(tx, call.caller, call.ids["invitation_id"], clock=call.services.clock)
