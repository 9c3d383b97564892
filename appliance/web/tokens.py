from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from flask import Blueprint, request
from werkzeug.wrappers import Response

from appliance import identity
from appliance.identity import MemberKind, Permission, Scope, Token, UserId
from appliance.identity.permissions import GRANTS, SCOPES, may
from appliance.identity.tokens import TokenForm
from appliance.identity.values import ORGANISATION_ROLES
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import parse_id
from appliance.web import forms
from appliance.web.render import done, page
from appliance.web.sessions import caller, services
from appliance.web.tables import Table, table_of

blueprint = Blueprint("tokens", __name__, url_prefix="/tokens")
Answer = tuple[str, int] | Response


@blueprint.get("")
def show() -> Answer:
    """List one's tokens, and for administrators those of service accounts."""
    return _list(shown=None)


@blueprint.post("")
def add() -> Answer:
    """Issue a token; its secret is on the page that answers, and nowhere after."""
    person, house = caller(), services()
    try:
        form = TokenForm(forms.field("name"), _scopes(), forms.whole_number("days"), _owner())
        with house.db.tenant(person.tenant_id) as tx:
            issued = identity.create_token(tx, person, form, clock=house.clock)
    except identity.StepUpRequired:
        raise
    except Refusal as refusal:
        return _list(shown=refusal)
    return page("tokens/issued.html", issued=issued, address=house.settings.address)


@blueprint.post("/<uuid:token_id>/revocation")
def revoke(token_id: UUID) -> Answer:
    """Revoke a token; it ends now."""
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        identity.revoke_token(tx, person, token_id, clock=house.clock)
    return done("tokens.show", "token-revoked")


@blueprint.post("/service-accounts")
def add_service_account() -> Answer:
    """Create an account for a program."""
    person, house = caller(), services()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            identity.create_service_account(
                tx, person, name=forms.field("name"), role=forms.role(), group_ids=forms.groups(), clock=house.clock
            )
    except identity.StepUpRequired:
        raise
    except Refusal as refusal:
        return _list(shown=refusal)
    return done("tokens.show", "saved")


def _list(*, shown: Refusal | None) -> Answer:
    person, house = caller(), services()
    manages = may(person, Permission.SERVICE_ACCOUNT_CHANGE)
    with house.db.tenant(person.tenant_id) as tx:
        tokens = identity.list_tokens(tx, person)
        people = identity.list_people(tx, person) if manages else []
        groups = identity.list_groups(tx, person) if manages else []
    accounts = [one for one in people if one.kind is MemberKind.SERVICE]
    now = house.clock.now()
    scopes = [scope for scope in Scope if SCOPES[scope] & GRANTS[person.role]]
    return page(
        "tokens/page.html", refusal=shown, table=_table(tokens, now),  accounts=accounts, scopes=scopes, form=request.form,
        chosen=request.form.getlist("scopes"), groups=groups, roles=ORGANISATION_ROLES, now=now,
    )  # fmt: skip


def _table(tokens: Sequence[Token], now: datetime) -> Table[Token]:
    keys = {
        "name": lambda one: one.name.casefold(),
        "used": lambda one: one.last_used_at or datetime.min.replace(tzinfo=UTC),
        "ends": lambda one: (one.revoked_at is not None or one.expires_at <= now, one.expires_at),
    }
    return table_of(
        tokens, keys=keys, text=lambda one: " ".join([one.name, one.owner_name, *(scope.value for scope in one.scopes)]),
        default="ends",
    )  # fmt: skip


def _scopes() -> frozenset[Scope]:
    try:
        return frozenset(map(Scope, request.form.getlist("scopes")))
    except ValueError as error:
        raise forms.NotAChoice from error


def _owner() -> UserId | None:
    given = forms.field("owner")
    found = parse_id(given)
    if given and found is None:
        raise forms.NotAChoice
    return UserId(found) if found else None
