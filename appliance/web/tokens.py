from uuid import UUID

from flask import Blueprint, request
from werkzeug.wrappers import Response

from appliance import identity
from appliance.identity import (
    MemberKind,
    PeopleFilter,
    Permission,
    Scope,
    Token,
    TokenFilter,
    TokenLimits,
    TokenSort,
    UserId,
)
from appliance.identity.custom_roles import list_givable
from appliance.identity.permissions import SCOPES, givable_roles, held, may
from appliance.identity.tokens import TokenForm
from appliance.identity.values import ModelEndpoint
from appliance.kernel.db import Tx
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import parse_id
from appliance.web import forms, tables
from appliance.web.render import done, page
from appliance.web.sessions import caller, services
from appliance.web.tables import Table

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
        form = TokenForm(forms.field("name"), _scopes(), forms.whole_number("days"), _owner(), _limits())
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
            role, own = forms.role_or_own()
            identity.create_service_account(
                tx, person, name=forms.field("name"), role=role, custom_role_id=own, group_ids=forms.groups(),
                clock=house.clock,
            )  # fmt: skip
    except identity.StepUpRequired:
        raise
    except Refusal as refusal:
        return _list(shown=refusal)
    return done("tokens.show", "saved")


def _list(*, shown: Refusal | None) -> Answer:
    person, house = caller(), services()
    manages = may(person, Permission.SERVICE_ACCOUNT_CHANGE)
    with house.db.tenant(person.tenant_id) as tx:
        table = _table(tx)
        accounts = identity.list_people(tx, person, PeopleFilter(kind=MemberKind.SERVICE)) if manages else []
        groups = identity.list_group_names(tx, person) if manages and may(person, Permission.GROUP_CHANGE) else {}
        own = list_givable(tx, person) if manages else []
    scopes = [scope for scope in Scope if SCOPES[scope] & held(person)]
    givable, ids = givable_roles(person), {one.role_id for one in own}
    return page(
        "tokens/page.html", refusal=shown, table=table, own=own,
        accounts=[one for one in accounts if one.role in givable or one.custom_role_id in ids],
        scopes=scopes, form=request.form, chosen=request.form.getlist("scopes"), groups=groups, roles=givable,
        now=house.clock.now(), endpoints=ModelEndpoint,
    )  # fmt: skip


def _table(tx: Tx) -> Table[Token]:
    person, asked = caller(), tables.asked(list(TokenSort), "-created")
    wanted = TokenFilter(asked.query, TokenSort(asked.sort), asked.is_reversed)
    total = identity.count_tokens(tx, person, wanted)
    return tables.cut(
        asked, total, lambda limit, offset: identity.list_tokens(tx, person, wanted, limit=limit, offset=offset)
    )


def _scopes() -> frozenset[Scope]:
    try:
        return frozenset(map(Scope, request.form.getlist("scopes")))
    except ValueError as error:
        raise forms.NotAChoice from error


def _limits() -> TokenLimits:
    try:
        endpoints = tuple(map(ModelEndpoint, request.form.getlist("endpoints")))
    except ValueError as error:
        raise forms.NotAChoice from error
    return TokenLimits(forms.lines("models"), endpoints, forms.lines("networks"))


def _owner() -> UserId | None:
    given = forms.field("owner")
    found = parse_id(given)
    if given and found is None:
        raise forms.NotAChoice
    return UserId(found) if found else None
