"""For the platform's operators: the organisations of this host in numbers, and its health."""

from uuid import UUID

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response

import appliance
from appliance import chat, identity
from appliance.identity import Permission
from appliance.identity.operators import OrganisationCounts, list_organisations, set_suspended
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import TenantId
from appliance.vault.providing import OwnKeys, rules
from appliance.web import forms, letters
from appliance.web.language import translated
from appliance.web.render import done, page
from appliance.web.sessions import caller, services
from appliance.web.tables import table_of

blueprint = Blueprint("platform", __name__, url_prefix="/organisations")
Answer = tuple[str, int] | Response


@blueprint.get("")
def show() -> Answer:
    """List the organisations."""
    return _list(shown=None)


@blueprint.post("")
def add() -> Answer:
    """Create an organisation; its first owner joins by a link."""
    person, house = caller(), services()
    email = forms.field("email")
    try:
        _, token = chat.open_organisation(
            house.db,
            person,
            name=forms.field("name"),
            owner_email=email,
            clock=house.clock,
            words=translated(chat.FirstWords()),
        )
    except Refusal as refusal:
        if refusal.code == "step_up_required":
            raise
        return _list(shown=refusal)
    link = house.settings.address + url_for("joining.show", link=token)
    return page("people/link.html", delivery=letters.invitation(email, link), link=link, email=email, kind="invitation")


@blueprint.post("/<uuid:tenant_id>/suspension")
def suspend(tenant_id: UUID) -> Answer:
    """Close an organisation."""
    return _set(tenant_id, is_suspended=True)


@blueprint.post("/<uuid:tenant_id>/resumption")
def resume(tenant_id: UUID) -> Answer:
    """Open an organisation again."""
    return _set(tenant_id, is_suspended=False)


@blueprint.post("/<uuid:tenant_id>/own-keys")
def set_own_keys(tenant_id: UUID) -> Answer:
    """Say whether an organisation may, or must, use provider keys of its own."""
    person, house = caller(), services()
    identity.require(person, Permission.PLATFORM_CHANGE)  # before the form is read
    with house.db.tenant(person.tenant_id) as tx:
        rules.set_own_keys(tx, person, TenantId(tenant_id), forms.choice(OwnKeys, "own_keys"))
    return done("platform.show", "saved")


def _set(tenant_id: UUID, *, is_suspended: bool) -> Answer:
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        set_suspended(tx, person, TenantId(tenant_id), is_suspended=is_suspended, clock=house.clock)
    return done("platform.show", "suspended" if is_suspended else "resumed")


def _list(*, shown: Refusal | None) -> Answer:
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        organisations, said = list_organisations(tx, person), rules.list_own_keys(tx, person)
    keys = {
        "name": lambda one: one.name.casefold(),
        "created": lambda one: one.created_at,
        "people": lambda one: one.people,
        "documents": lambda one: one.documents,
        "bytes": lambda one: one.stored_bytes,
        "questions": lambda one: one.questions,
    }
    table = table_of(organisations, keys=keys, text=_text, default="name")
    return page(
        "platform/page.html", refusal=shown, table=table, health=_health(), form=request.form,
        version=appliance.__version__, own_keys=said, OwnKeys=OwnKeys,
    )  # fmt: skip


def _text(one: OrganisationCounts) -> str:
    return one.name


def _health() -> dict[str, bool]:
    found = {}
    for name, ping in services().pings.items():
        try:
            ping()
            found[name] = True
        except Exception:  # noqa: BLE001 - whatever is wrong with it, it does not answer
            found[name] = False
    return found
