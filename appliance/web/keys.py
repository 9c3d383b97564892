"""The keys that what is stored is sealed under: which there are and were, their rotation, and their end."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from flask import Blueprint, request
from werkzeug.wrappers import Response

from appliance import identity
from appliance.identity import MemberKind, PeopleFilter, Permission, Role
from appliance.identity.permissions import may
from appliance.kernel.db import Tx
from appliance.kernel.errors import Invalid, Refusal
from appliance.kernel.sealing import IntegrityError, KeyDestroyed, KeyUnavailable
from appliance.vault import Key, KeyState, Level, RotationState
from appliance.vault.destruction import decide_destruction, list_destructions, request_destruction
from appliance.vault.errors import (
    DestructionNotFound,
    DestructionWaiting,
    FirstFormatRemains,
    NotLongEnoughOwner,
    PlainTextRemains,
    ReasonMissing,
    RequesterNotOwner,
    RotationRunning,
)
from appliance.vault.inventory import list_keys
from appliance.vault.rotation import begin_rotation, get_rotation
from appliance.vault.shredding import destroy_keys
from appliance.web import forms
from appliance.web.render import done, page
from appliance.web.sessions import caller, services
from appliance.web.tables import Table, table_of

blueprint = Blueprint("keys", __name__, url_prefix="/keys")
Answer = tuple[str, int] | Response


class _Decision(StrEnum):
    GRANT = "grant"
    REFUSE = "refuse"


class NameDiffers(Invalid):
    """This is not the organisation's name. Nothing was destroyed; write it as it stands above the field."""

    code = "organisation_name_differs"


@blueprint.get("")
def show() -> Answer:
    """List the keys, with how far a rotation is, and the requests to destroy them."""
    return _list(shown=None)


@blueprint.get("/rotation")
def rotation_state() -> Answer:
    """Return how far a rotation is, alone, for the page that watches it."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        rotation = get_rotation(tx, person)
    return page("keys/_rotation.html", rotation=rotation)


@blueprint.post("/rotation")
def rotate() -> Answer:
    """Begin to rotate the data key, or the key-encryption key."""
    person, house = caller(), services()
    try:
        level = forms.choice(Level, "level")
        with house.db.tenant(person.tenant_id) as tx:
            begin_rotation(tx, person, house.vault, level)
    except (forms.NotAChoice, RotationRunning, KeyDestroyed, KeyUnavailable, IntegrityError) as refusal:
        return _list(shown=refusal)
    return done("keys.show", "rotation-begun")


@blueprint.post("/destruction")
def ask_for_destruction() -> Answer:
    """Ask a second owner to destroy the organisation's keys."""
    person, house = caller(), services()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            request_destruction(tx, person, reason=forms.field("reason"), clock=house.clock)
    except (DestructionWaiting, ReasonMissing) as refusal:
        return _list(shown=refusal)
    return done("keys.show", "destruction-requested")


@blueprint.post("/destruction/<uuid:request_id>")
def decide(request_id: UUID) -> Answer:
    """Grant or refuse a request; granted, the keys are gone for ever."""
    person, house = caller(), services()
    is_granted = forms.choice(_Decision, "decision") is _Decision.GRANT
    identity.require_granted(person, Permission.KEY_DESTROY)
    with house.db.tenant(person.tenant_id) as tx:
        if request_id not in {one.request_id for one in list_destructions(tx, person, clock=house.clock)}:
            raise DestructionNotFound
    if is_granted and " ".join(forms.field("organisation").split()) != " ".join(person.organisation.split()):
        return _list(shown=NameDiffers())
    if not is_granted:
        with house.db.tenant(person.tenant_id) as tx:
            decide_destruction(tx, person, request_id, is_granted=False, files=house.vault.files, clock=house.clock)
        return done("keys.show", "destruction-refused")
    try:
        is_gone = destroy_keys(house.db, house.vault, house.shelves, person, request_id)
    except (FirstFormatRemains, NotLongEnoughOwner, PlainTextRemains, RequesterNotOwner) as refusal:
        return _list(shown=refusal)
    return done("keys.show", "keys-destroyed" if is_gone else "keys-end-later")


def _list(*, shown: Refusal | None) -> Answer:
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        keys = list_keys(tx, person)
        rotation = get_rotation(tx, person)
        requests = list_destructions(tx, person, clock=house.clock)
        owners = _owners(tx) if may(person, Permission.KEY_DESTROY) else 0
    is_running = rotation is not None and rotation.state is not RotationState.DONE
    return page(
        "keys/page.html", refusal=shown, table=_table(keys), rotation=rotation, requests=requests,
        owners=owners, is_running=is_running, form=request.form, ended=_ended(keys),
    )  # fmt: skip


def _table(keys: Sequence[Key]) -> Table[Key]:
    orders = {
        "key": lambda one: (one.level.value, one.number),
        "state": lambda one: (one.state is not KeyState.ACTIVE, -one.created_at.timestamp(), one.level.value),
        "made": lambda one: one.created_at,
    }
    return table_of(keys, keys=orders, text=lambda one: one.level.value, default="state")


def _ended(keys: Sequence[Key]) -> datetime | None:
    """Return when all keys were destroyed, if they were."""
    moments = [one.destroyed_at for one in keys if one.destroyed_at is not None]
    return max(moments) if len(moments) == len(keys) and moments else None


def _owners(tx: Tx) -> int:
    return identity.count_people(tx, caller(), PeopleFilter(role=Role.OWNER, kind=MemberKind.PERSON))
