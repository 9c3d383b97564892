from datetime import datetime, timedelta
from uuid import UUID

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response

from appliance import identity
from appliance.identity import MemberKind, PeopleFilter, PeopleSort, Permission, Person, UserId
from appliance.identity.custom_roles import list_givable
from appliance.identity.entry_errors import CustomRoleNotFound
from appliance.identity.errors import AccessEnded, AlreadyMember, LastOwner, StillMember
from appliance.identity.factors import list_factors, remove_factors_of
from appliance.identity.invitations import InvitationForm
from appliance.identity.permissions import givable_roles, may
from appliance.identity.values import ORGANISATION_ROLES, Role
from appliance.kernel.db import Tx
from appliance.kernel.errors import Invalid, Refusal
from appliance.web import forms, letters, tables
from appliance.web.render import done, page
from appliance.web.sessions import caller, services
from appliance.web.tables import Table

blueprint = Blueprint("people", __name__, url_prefix="/people")
Answer = tuple[str, int] | Response
_INVITED = 50


@blueprint.get("")
def show() -> Answer:
    """List the members, and who was invited."""
    return _list(shown=None)


@blueprint.post("/invitations")
def invite() -> Answer:
    """Invite somebody; the link goes by mail, or is shown once."""
    person, house = caller(), services()
    try:
        role, own = forms.role_or_own()
        form = InvitationForm(forms.field("email"), role, forms.groups(), _access_until(), own)
        with house.db.tenant(person.tenant_id) as tx:
            invited = identity.invite(tx, person, form, clock=house.clock)
    except identity.StepUpRequired:
        raise
    except Refusal as refusal:
        return _list(shown=refusal)
    link = house.settings.address + url_for("joining.show", link=invited.token)
    delivery = letters.invitation(invited.invitation.email, link)
    return page("people/link.html", delivery=delivery, link=link, email=invited.invitation.email, kind="invitation")


@blueprint.post("/invitations/<uuid:invitation_id>/revocation")
def revoke_invitation(invitation_id: UUID) -> Answer:
    """Take an invitation back."""
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        identity.revoke_invitation(tx, person, invitation_id, clock=house.clock)
    return done("people.show", "invitation-revoked")


@blueprint.get("/<uuid:user_id>")
def read(user_id: UUID) -> Answer:
    """Show a member: role, groups, sessions, tokens."""
    return _show(UserId(user_id), shown=None)


@blueprint.post("/<uuid:user_id>/role")
def change_role(user_id: UUID) -> Answer:
    """Give a member another role."""
    person = caller()
    try:
        with services().db.tenant(person.tenant_id) as tx:
            role, own = forms.role_or_own()
            identity.change_role(tx, person, UserId(user_id), role=role, custom_role_id=own)
    except (CustomRoleNotFound, Invalid, LastOwner) as refusal:
        return _show(UserId(user_id), shown=refusal)
    return done("people.read", "role", user_id=user_id)


@blueprint.post("/<uuid:user_id>/removal")
def create_removal(user_id: UUID) -> Answer:
    """Remove a member; their sessions and tokens end now."""
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        identity.remove_member(tx, person, UserId(user_id), clock=house.clock)
    return done("people.show", "removed")


@blueprint.post("/<uuid:user_id>/restoration")
def create_restoration(user_id: UUID) -> Answer:
    """Let a removed member in again."""
    person, house = caller(), services()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            identity.restore_member(tx, person, UserId(user_id), clock=house.clock)
    except (AccessEnded, AlreadyMember) as refusal:
        return _show(UserId(user_id), shown=refusal)
    return done("people.read", "restored", user_id=user_id)


@blueprint.post("/<uuid:user_id>/log-erasure")
def create_log_erasure(user_id: UUID) -> Answer:
    """Erase for ever the personal values of a removed member's entries in the audit log."""
    person, house = caller(), services()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            identity.erase_from_log(tx, person, UserId(user_id), clock=house.clock)
    except StillMember as refusal:
        return _show(UserId(user_id), shown=refusal)
    return done("people.read", "log-erased", user_id=user_id)


@blueprint.post("/<uuid:user_id>/sessions/end")
def end_sessions(user_id: UUID) -> Answer:
    """Sign a member out everywhere."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        identity.close_sessions_of(tx, person, UserId(user_id))
    return done("people.read", "sessions-ended", user_id=user_id)


@blueprint.post("/<uuid:user_id>/password-reset")
def create_password_reset(user_id: UUID) -> Answer:
    """Make a link to a new password; it goes by mail, or is shown once."""
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        made = identity.create_password_reset(tx, person, UserId(user_id), clock=house.clock)
    link = house.settings.address + url_for("joining.new_password", link=made.token)
    return page("people/link.html", delivery=letters.new_password(made.email, link), link=link, email=made.email,
                kind="reset")  # fmt: skip


@blueprint.post("/<uuid:user_id>/factors/removal")
def remove_factors(user_id: UUID) -> Answer:
    """Take the second factors of somebody who lost them."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        remove_factors_of(tx, person, UserId(user_id))
    return done("people.read", "factors-removed", user_id=user_id)


def _access_until() -> datetime | None:
    day = forms.day("access_until")
    return day + timedelta(days=1) if day else None  # the day is the last one of theirs


def _list(*, shown: Refusal | None) -> Answer:
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        table = _table(tx)
        invitations = identity.list_invitations(tx, person, clock=house.clock, text=table.query, limit=_INVITED + 1)
        groups = identity.list_group_names(tx, person) if may(person, Permission.GROUP_CHANGE) else {}
        own = list_givable(tx, person)
    return page("people/page.html", refusal=shown, table=table, invitations=invitations[:_INVITED], groups=groups,
                has_more=len(invitations) > _INVITED, roles=_roles(), givable=givable_roles(person), own=own,
                services=MemberKind.SERVICE)  # fmt: skip


def _show(user_id: UserId, *, shown: Refusal | None) -> Answer:
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        found = identity.get_person(tx, person, user_id)
        own = list_givable(tx, person)
        is_theirs = may(person, Permission.PEOPLE_CHANGE)
        return page(
            "people/person.html",
            refusal=shown,
            person=found,
            givable=givable_roles(person),
            own=own,
            may_change=found.role in givable_roles(person) or found.custom_role_id in {one.role_id for one in own},
            groups=identity.list_group_names(tx, person),
            sessions=identity.list_sessions(tx, person, user_id) if is_theirs else [],
            factors=list_factors(tx, user_id) if is_theirs else [],
        )


def _table(tx: Tx) -> Table[Person]:
    person, asked = caller(), tables.asked(list(PeopleSort), PeopleSort.ROLE)
    role = next((one for one in _roles() if one.value == request.args.get("role")), None)
    wanted = PeopleFilter(
        asked.query, role, with_removed=True, sort=PeopleSort(asked.sort), is_descending=asked.is_reversed
    )
    total = identity.count_people(tx, person, wanted)
    return tables.cut(
        asked, total, lambda limit, offset: identity.list_people(tx, person, wanted, limit=limit, offset=offset)
    )


def _roles() -> tuple[Role, ...]:
    return ORGANISATION_ROLES if caller().role is not Role.OPERATOR else (Role.OPERATOR,)
